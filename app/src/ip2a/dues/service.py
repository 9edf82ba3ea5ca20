"""Reading dues on behalf of somebody."""

from ip2a.database.engines import Databases
from ip2a.database.identity import Identity, transaction
from ip2a.dues import repository
from ip2a.dues.schemas import DuesItem, DuesRateItem, DuesResponse, DuesSummary
from ip2a.web.problems import Problem


async def dues(
    databases: Databases, identity: Identity, member_id: int, *, before: str | None, limit: int
) -> DuesResponse:
    """A member's totals and one page of months.

    Raises Problem 422 for a cursor that is no month.
    """
    position = None if before is None else read_month(before)
    async with transaction(databases.write, identity) as connection:
        totals = await repository.summary(connection, member_id)
        rows = await repository.page(connection, member_id, before=position, limit=limit + 1)
    items = [DuesItem.model_validate(dict(row)) for row in rows[:limit]]
    more = len(rows) > limit
    return DuesResponse(
        summary=DuesSummary.model_validate(dict(totals)),
        items=items,
        next=f"{items[-1].period_year:04}-{items[-1].period_month:02}" if more else None,
    )


async def rates(databases: Databases, identity: Identity) -> list[DuesRateItem]:
    """The rates of every classification."""
    async with transaction(databases.write, identity) as connection:
        return [DuesRateItem.model_validate(dict(row)) for row in await repository.rates(connection)]


def read_month(text: str) -> tuple[int, int]:
    """The (year, month) of `YYYY-MM`."""
    year, _, month = text.partition("-")
    if not (year.isascii() and year.isdigit() and month.isascii() and month.isdigit()):
        raise Problem(422, "invalid-cursor", "`before` must be a month such as 2026-01.")
    return int(year), int(month)
