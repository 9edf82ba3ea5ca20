"""Periods, adjustments and overdue marking in the database: whole months in one statement."""

from datetime import date, datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_INSERT_PERIOD = text(
    """
    INSERT INTO dues_periods (period_year, period_month, due_date, grace_period_end)
    VALUES (:year, :month, :due, :grace) ON CONFLICT DO NOTHING
    """
)
_PERIOD = text(
    """
    SELECT id, period_year, period_month, due_date, grace_period_end, is_closed, closed_at FROM dues_periods
    WHERE period_year = :year AND period_month = :month FOR UPDATE
    """
)
# Each active member with a rate on the first of the month, once: repeating it adds only who was missing.
_GENERATE = text(
    """
    INSERT INTO dues_payments (member_id, period_id, amount_due_cents, status)
    SELECT m.id, :period_id, r.monthly_amount_cents,
        CASE WHEN r.monthly_amount_cents = 0 THEN 'waived' WHEN :due > :today THEN 'pending' ELSE 'due' END
    FROM members m
    CROSS JOIN LATERAL (
        SELECT monthly_amount_cents FROM dues_rates
        WHERE classification = m.classification AND effective_date <= :due AND (end_date IS NULL OR end_date >= :due)
        ORDER BY effective_date DESC LIMIT 1) r
    WHERE m.status = 'active' AND m.deleted_at IS NULL
    ON CONFLICT (member_id, period_id) DO NOTHING RETURNING member_id
    """
)
_ADD_RATE = text(
    """
    INSERT INTO dues_rates (classification, monthly_amount_cents, effective_date, end_date)
    VALUES (cast(:classification AS varchar), :monthly_amount_cents, cast(:effective_date AS date),
        (SELECT min(effective_date) - 1 FROM dues_rates
         WHERE classification = cast(:classification AS varchar) AND effective_date > cast(:effective_date AS date)))
    ON CONFLICT (classification, effective_date) DO NOTHING
    """
)
_END_EARLIER_RATE = text(
    """
    UPDATE dues_rates SET end_date = cast(:effective_date AS date) - 1, updated_at = now()
    WHERE classification = cast(:classification AS varchar) AND effective_date < cast(:effective_date AS date)
        AND (end_date IS NULL OR end_date >= cast(:effective_date AS date))
    """
)
_RATE = text(
    "SELECT classification, monthly_amount_cents, effective_date, end_date FROM dues_rates"
    " WHERE classification = :classification AND effective_date = :effective_date"
)
_PERIODS = text(
    """
    SELECT id, period_year, period_month, due_date, grace_period_end, is_closed, closed_at FROM dues_periods
    WHERE id < :before ORDER BY id DESC LIMIT :limit
    """
)
_CLOSE = text(
    "UPDATE dues_periods SET is_closed = true, closed_at = :now, updated_at = now() WHERE id = :id AND NOT is_closed"
    " RETURNING id, period_year, period_month, due_date, grace_period_end, is_closed, closed_at"
)
_ONE_PERIOD = text(
    "SELECT id, period_year, period_month, due_date, grace_period_end, is_closed, closed_at FROM dues_periods"
    " WHERE id = :id"
)
_DUES = text(
    """
    SELECT d.id, d.member_id, m.member_number, m.first_name, m.last_name, d.amount_due_cents, d.amount_paid_cents,
        d.status, p.id AS period_id, p.period_year, p.period_month, p.due_date
    FROM dues_payments d JOIN members m ON m.id = d.member_id JOIN dues_periods p ON p.id = d.period_id
    WHERE d.id = :id
    """
)
_OF_PERIOD = text(
    """
    SELECT d.id, d.member_id, m.member_number, m.first_name, m.last_name, d.amount_due_cents, d.amount_paid_cents,
        d.status
    FROM dues_payments d JOIN members m ON m.id = d.member_id
    WHERE d.period_id = :period_id AND d.id > :after AND (cast(:status AS text) IS NULL OR d.status = :status)
    ORDER BY d.id LIMIT :limit
    """
)
_MARK = text(
    """
    UPDATE dues_payments d SET updated_at = now(),
        status = CASE WHEN p.grace_period_end < :today THEN 'overdue' ELSE 'due' END
    FROM dues_periods p
    WHERE p.id = d.period_id AND (
        (d.status IN ('pending', 'due', 'partial') AND p.grace_period_end < :today)
        OR (d.status = 'pending' AND p.due_date <= :today))
    RETURNING d.member_id
    """
)
_REQUEST = text(
    """
    INSERT INTO dues_adjustments (dues_payment_id, member_id, adjustment_type, amount_cents, reason, requested_by_id,
        request_key)
    SELECT id, member_id, :adjustment_type, :amount_cents, :reason, ip2a_user_id(), :key
    FROM dues_payments WHERE id = :dues_payment_id
    ON CONFLICT (requested_by_id, request_key) DO NOTHING RETURNING id
    """
)
_COLUMNS = """a.id, a.dues_payment_id, a.member_id, m.member_number, m.first_name, m.last_name, p.period_year,
    p.period_month, a.adjustment_type, a.amount_cents, a.reason, a.status, a.requested_by_id, a.requested_at,
    a.decided_by_id, a.decided_at, d.amount_due_cents, d.amount_paid_cents, d.status AS dues_status"""
_FROM = """dues_adjustments a JOIN dues_payments d ON d.id = a.dues_payment_id
    JOIN dues_periods p ON p.id = d.period_id JOIN members m ON m.id = a.member_id"""
_ONE = text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE a.id = :id")  # noqa: S608 (constant columns)
_BY_KEY = text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE a.requested_by_id = ip2a_user_id() AND a.request_key = :key")  # noqa: S608 (constant columns)
_PAGE = text(
    f"""
    SELECT {_COLUMNS} FROM {_FROM}
    WHERE (cast(:status AS text) IS NULL OR a.status = :status) AND a.id < :before ORDER BY a.id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_DECIDE = text(
    """
    UPDATE dues_adjustments SET status = :status, decided_by_id = ip2a_user_id(), decided_at = :now
    WHERE id = :id AND status = 'pending' RETURNING dues_payment_id, member_id, adjustment_type, amount_cents
    """
)
# The status follows from the new amounts, as it does after a payment.
_APPLY = text(
    """
    UPDATE dues_payments d SET amount_due_cents = d.amount_due_cents + :amount, updated_at = now(),
        status = CASE
            WHEN d.amount_due_cents + :amount = 0 THEN 'waived'
            WHEN d.amount_paid_cents >= d.amount_due_cents + :amount THEN 'paid'
            WHEN p.grace_period_end < :today THEN 'overdue'
            WHEN d.amount_paid_cents > 0 THEN 'partial'
            WHEN p.due_date > :today THEN 'pending' ELSE 'due' END
    FROM dues_periods p
    WHERE p.id = d.period_id AND d.id = :dues_payment_id AND d.status <> 'written_off'
        AND d.amount_due_cents + :amount >= d.amount_paid_cents
    """
)
_WRITE_OFF = text(
    """
    UPDATE dues_payments SET status = 'written_off', updated_at = now()
    WHERE id = :dues_payment_id AND status IN ('pending', 'due', 'partial', 'overdue')
        AND amount_paid_cents - amount_due_cents = :amount
    """
)


async def generate(connection: AsyncConnection, year: int, month: int, today: date) -> tuple[RowMapping, list[int]]:
    """The month and the members whose dues were added; one run at a time, by the lock on the period's row."""
    due = date(year, month, 1)
    parameters = {"year": year, "month": month, "due": due, "grace": date(year, month, 15)}
    await connection.execute(_INSERT_PERIOD, parameters)
    period = (await connection.execute(_PERIOD, {"year": year, "month": month})).mappings().one()
    if period["is_closed"]:
        return period, []
    added = await connection.execute(_GENERATE, {"period_id": period["id"], "due": due, "today": today})
    return period, list(added.scalars())


async def add_rate(connection: AsyncConnection, values: dict[str, object]) -> RowMapping:
    """The rate of a classification from a day on: the one before ends the day before; one that is there stays."""
    await connection.execute(_ADD_RATE, values)
    await connection.execute(_END_EARLIER_RATE, values)
    return (await connection.execute(_RATE, values)).mappings().one()


async def periods(connection: AsyncConnection, *, before: int, limit: int) -> list[RowMapping]:
    """Months, the newest made first."""
    return list((await connection.execute(_PERIODS, {"before": before, "limit": limit})).mappings())


async def period(connection: AsyncConnection, period_id: int) -> RowMapping | None:
    """One month."""
    return (await connection.execute(_ONE_PERIOD, {"id": period_id})).mappings().first()


async def dues_of_member(connection: AsyncConnection, dues_id: int) -> RowMapping | None:
    """What one member owes for one month, with both."""
    return (await connection.execute(_DUES, {"id": dues_id})).mappings().first()


async def close(connection: AsyncConnection, period_id: int, now: datetime) -> RowMapping | None:
    """Close a month for good; None when there is none or it is closed."""
    return (await connection.execute(_CLOSE, {"id": period_id, "now": now})).mappings().first()


async def of_period(
    connection: AsyncConnection, period_id: int, status: str | None, *, after: int, limit: int
) -> list[RowMapping]:
    """Who owes what for a month."""
    parameters = {"period_id": period_id, "status": status, "after": after, "limit": limit}
    return list((await connection.execute(_OF_PERIOD, parameters)).mappings())


async def mark_overdue(connection: AsyncConnection, today: date) -> list[int]:
    """What fell due is due, what was not paid in time is overdue; returns the member of each row that changed."""
    return list((await connection.execute(_MARK, {"today": today})).scalars())


async def request_adjustment(connection: AsyncConnection, values: dict[str, object]) -> int | None:
    """A pending adjustment; None when the key was used or there are no such dues."""
    identifier: int | None = (await connection.execute(_REQUEST, values)).scalar_one_or_none()
    return identifier


async def find_adjustment(connection: AsyncConnection, adjustment_id: int) -> RowMapping | None:
    """One adjustment and the dues it is for."""
    return (await connection.execute(_ONE, {"id": adjustment_id})).mappings().first()


async def requested_under(connection: AsyncConnection, key: str) -> RowMapping | None:
    """What the caller asked for under this key before."""
    return (await connection.execute(_BY_KEY, {"key": key})).mappings().first()


async def adjustments(connection: AsyncConnection, status: str | None, *, before: int, limit: int) -> list[RowMapping]:
    """Adjustments, newest first."""
    return list((await connection.execute(_PAGE, {"status": status, "before": before, "limit": limit})).mappings())


async def decide(connection: AsyncConnection, adjustment_id: int, status: str, now: datetime) -> RowMapping | None:
    """Decide a pending adjustment; None when it is not pending.

    Raises IntegrityError when the caller asked for it.
    """
    parameters = {"id": adjustment_id, "status": status, "now": now}
    return (await connection.execute(_DECIDE, parameters)).mappings().first()


async def apply(connection: AsyncConnection, dues_payment_id: int, amount_cents: int, today: date) -> bool:
    """Change what is due; False when that would be less than what is paid, or the dues are written off."""
    parameters = {"dues_payment_id": dues_payment_id, "amount": amount_cents, "today": today}
    return (await connection.execute(_APPLY, parameters)).rowcount == 1


async def write_off(connection: AsyncConnection, dues_payment_id: int, amount_cents: int) -> bool:
    """Ask for nothing of the month any more; False when this negative amount is not all that is open."""
    parameters = {"dues_payment_id": dues_payment_id, "amount": amount_cents}
    return (await connection.execute(_WRITE_OFF, parameters)).rowcount == 1
