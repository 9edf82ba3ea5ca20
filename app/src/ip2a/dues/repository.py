"""Dues in the database: sums are made by PostgreSQL, pages by keyset."""

from sqlalchemy import RowMapping, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.dues.models import DuesPayment, DuesPeriod, DuesRate, DuesStatus

_FORGIVEN = (DuesStatus.WAIVED, DuesStatus.WRITTEN_OFF)


async def summary(connection: AsyncConnection, member_id: int) -> RowMapping:
    """A member's totals in cents."""
    due = func.coalesce(func.sum(DuesPayment.amount_due_cents), 0)
    paid = func.coalesce(func.sum(DuesPayment.amount_paid_cents), 0)
    still_open = case(
        (DuesPayment.status.in_(_FORGIVEN), 0),
        else_=DuesPayment.amount_due_cents - DuesPayment.amount_paid_cents,
    )
    query = select(
        due.label("due_cents"),
        paid.label("paid_cents"),
        func.coalesce(func.sum(still_open), 0).label("balance_cents"),
        func.count().filter(DuesPayment.status == DuesStatus.OVERDUE).label("overdue_periods"),
    ).where(DuesPayment.member_id == member_id)
    return (await connection.execute(query)).mappings().one()


async def page(
    connection: AsyncConnection, member_id: int, *, before: tuple[int, int] | None, limit: int
) -> list[RowMapping]:
    """Up to `limit` months, newest first, before the given (year, month)."""
    query = (
        select(
            DuesPayment.id,
            DuesPeriod.period_year,
            DuesPeriod.period_month,
            DuesPeriod.due_date,
            DuesPayment.amount_due_cents,
            DuesPayment.amount_paid_cents,
            DuesPayment.status,
        )
        .join(DuesPeriod, DuesPeriod.id == DuesPayment.period_id)
        .where(DuesPayment.member_id == member_id)
        .order_by(DuesPeriod.period_year.desc(), DuesPeriod.period_month.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(tuple_(DuesPeriod.period_year, DuesPeriod.period_month) < before)
    return list((await connection.execute(query)).mappings())


async def rates(connection: AsyncConnection) -> list[RowMapping]:
    """Every rate, newest first within a classification."""
    query = select(
        DuesRate.classification, DuesRate.monthly_amount_cents, DuesRate.effective_date, DuesRate.end_date
    ).order_by(DuesRate.classification, DuesRate.effective_date.desc())
    return list((await connection.execute(query)).mappings())
