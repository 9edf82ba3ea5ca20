"""Reading employments on behalf of somebody."""

from datetime import date

from ip2a.database.engines import Databases
from ip2a.database.identity import Identity, transaction
from ip2a.employments import repository
from ip2a.employments.schemas import EmploymentItem, EmploymentPage
from ip2a.web.problems import Problem


async def employments(
    databases: Databases, identity: Identity, member_id: int, *, after: str | None, limit: int
) -> EmploymentPage:
    """One page of a member's employments, newest first.

    Raises Problem 422 for a cursor that is none of ours.
    """
    position = None if after is None else read_cursor(after)
    async with transaction(databases.write, identity) as connection:
        rows = await repository.page(connection, member_id, after=position, limit=limit + 1)
    items = [EmploymentItem.model_validate(dict(row)) for row in rows[:limit]]
    more = len(rows) > limit
    return EmploymentPage(items=items, next=f"{items[-1].start_date}_{items[-1].id}" if more else None)


def read_cursor(text: str) -> tuple[date, int]:
    """The (start date, id) a cursor stands for."""
    day, _, number = text.partition("_")
    try:
        return date.fromisoformat(day), int(number)
    except ValueError:
        raise Problem(422, "invalid-cursor", "`after` must be the `next` of an earlier page.") from None
