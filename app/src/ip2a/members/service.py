"""Reading and changing member records on behalf of somebody."""

from ip2a.database.identity import Identity
from ip2a.members import repository
from ip2a.members.schemas import ContactChange
from ip2a.reads import Query, Read, member_subject, own_query
from ip2a.runtime import Runtime
from ip2a.web.problems import Problem

PROFILE = Read(
    name="profile",
    path="/api/v1/my/profile",
    permission="self:read",
    statement=repository.PROFILE,
    seconds=300,
)


def profile(identity: Identity, member_id: int) -> Query:
    """One member's record."""
    return own_query(PROFILE, identity, member_id)


async def change_contact(runtime: Runtime, identity: Identity, member_id: int, change: ContactChange) -> int:
    """Change the fields that were sent; returns the WAL position behind the change, 0 if nothing was sent.

    Raises Problem 404.
    """
    changes = change.model_dump(exclude_unset=True)
    if not changes:
        return 0
    async with runtime.writer.transaction(identity, [member_subject(member_id)]) as writing:
        if not await repository.change_contact(writing.connection, member_id, changes):
            raise Problem(404, "no-such-member", "There is no such member.")
    return writing.lsn
