"""Reading and changing member records on behalf of somebody."""

from ip2a.database.engines import Databases
from ip2a.database.identity import Identity, transaction
from ip2a.members import repository
from ip2a.members.schemas import ContactChange, ProfileResponse
from ip2a.web.problems import Problem


def no_such_member() -> Problem:
    """Not there, or not visible to the caller: the answer is the same."""
    return Problem(404, "no-such-member", "There is no such member.")


async def profile(databases: Databases, identity: Identity, member_id: int) -> ProfileResponse:
    """One member's record.

    Raises Problem 404.
    """
    async with transaction(databases.write, identity) as connection:
        row = await repository.find_profile(connection, member_id)
    if row is None:
        raise no_such_member()
    return ProfileResponse.model_validate(dict(row))


async def change_contact(
    databases: Databases, identity: Identity, member_id: int, change: ContactChange
) -> ProfileResponse:
    """Change the fields that were sent; fields that were not sent stay.

    Raises Problem 404.
    """
    changes = change.model_dump(exclude_unset=True)
    if not changes:
        return await profile(databases, identity, member_id)
    async with transaction(databases.write, identity) as connection:
        row = await repository.change_contact(connection, member_id, changes)
    if row is None:
        raise no_such_member()
    return ProfileResponse.model_validate(dict(row))
