"""Refunds in the database. What is paid falls in the statement that makes a refund final, and the row of the dues is
locked before it: refunds of one payment wait for each other.
"""

from datetime import date, datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = text(
    """
    SELECT p.id, p.amount_cents, p.dues_payment_id, p.member_id, p.checkout_id
    FROM dues_payments d JOIN payments p ON p.dues_payment_id = d.id WHERE p.id = :id FOR UPDATE OF d
    """
)
_TAKEN = text("SELECT coalesce(sum(amount_cents), 0) FROM refunds WHERE payment_id = :id AND status = ANY(:statuses)")
_INSERT = text(
    """
    INSERT INTO refunds (payment_id, dues_payment_id, member_id, amount_cents, reason, status, requested_by_id,
        refunded_at)
    VALUES (:payment_id, :dues_payment_id, :member_id, :amount_cents, :reason, :status, ip2a_user_id(),
        cast(:refunded_at AS timestamptz))
    RETURNING id
    """
)
_DECIDE = text(
    """
    UPDATE refunds SET status = :status, decided_by_id = ip2a_user_id(), decided_at = :now
    WHERE id = :id AND status = 'pending' RETURNING id
    """
)
_FAIL = text("UPDATE refunds SET status = 'failed' WHERE id = :id AND status = 'approved' RETURNING id")
_SETTLE = text(
    "UPDATE refunds SET status = 'refunded', refunded_at = :now, provider_id = coalesce(provider_id, :provider_id)"
    " WHERE id = :id AND status = 'approved' RETURNING dues_payment_id, member_id, amount_cents"
)
_NAME = text("UPDATE refunds SET provider_id = coalesce(provider_id, :provider_id) WHERE id = :id")
# The status follows from what is still paid, as it does after an adjustment.
_GIVE_BACK = text(
    """
    UPDATE dues_payments d SET amount_paid_cents = d.amount_paid_cents - :amount, updated_at = now(),
        status = CASE
            WHEN d.status IN ('waived', 'written_off') THEN d.status
            WHEN d.amount_paid_cents - :amount >= d.amount_due_cents THEN 'paid'
            WHEN p.grace_period_end < :today THEN 'overdue'
            WHEN d.amount_paid_cents - :amount > 0 THEN 'partial'
            WHEN p.due_date > :today THEN 'pending' ELSE 'due' END
    FROM dues_periods p WHERE p.id = d.period_id AND d.id = :dues_payment_id
    """
)
_COLUMNS = """r.id, r.payment_id, p.receipt_number, r.dues_payment_id, r.member_id, m.member_number, m.first_name,
    m.last_name, r.amount_cents, r.reason, r.status, r.requested_by_id, r.requested_at, r.decided_by_id, r.decided_at,
    r.refunded_at"""
_FROM = "refunds r JOIN payments p ON p.id = r.payment_id JOIN members m ON m.id = r.member_id"
_ONE = text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE r.id = :id")  # noqa: S608 (constant columns)
_PAGE = text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE r.id < :before ORDER BY r.id DESC LIMIT :limit")  # noqa: S608
_PAGE_OF_STATUS = text(
    f"SELECT {_COLUMNS} FROM {_FROM} WHERE r.status = :status AND r.id < :before ORDER BY r.id DESC LIMIT :limit"  # noqa: S608
)
_WITH_CHECKOUT = """
    SELECT r.id, r.status, r.amount_cents, r.payment_id, r.member_id, c.id AS checkout_id, c.provider_id,
        c.payment_intent
    FROM refunds r JOIN payments p ON p.id = r.payment_id"""
_ONE_WITH_CHECKOUT = text(f"{_WITH_CHECKOUT} LEFT JOIN checkouts c ON c.id = p.checkout_id WHERE r.id = :id")
_PAYMENT = text("SELECT payment_id FROM refunds WHERE id = :id")
_OF_PAYMENT = text("SELECT id, amount_cents FROM refunds WHERE payment_id = :id AND status = 'approved' ORDER BY id")
_UNSETTLED = text(
    f"""
    {_WITH_CHECKOUT} JOIN checkouts c ON c.id = p.checkout_id
    WHERE r.status = 'approved' AND r.id > :after AND r.decided_at BETWEEN :since AND :before ORDER BY r.id LIMIT :limit
    """
)


async def lock_payment(connection: AsyncConnection, payment_id: int) -> RowMapping | None:
    """A payment whose month nobody else changes until the transaction ends."""
    return (await connection.execute(_LOCK, {"id": payment_id})).mappings().first()


async def taken(connection: AsyncConnection, payment_id: int, *statuses: str) -> int:
    """Cents of a payment's refunds with these statuses."""
    return int((await connection.execute(_TAKEN, {"id": payment_id, "statuses": list(statuses)})).scalar_one())


async def insert(
    connection: AsyncConnection,
    payment: RowMapping,
    *,
    amount_cents: int,
    reason: str,
    status: str = "pending",
    refunded_at: datetime | None = None,
) -> int:
    """A refund of a payment; returns its id."""
    values = {
        "payment_id": payment["id"],
        "dues_payment_id": payment["dues_payment_id"],
        "member_id": payment["member_id"],
        "amount_cents": amount_cents,
        "reason": reason,
        "status": status,
        "refunded_at": refunded_at,
    }
    identifier: int = (await connection.execute(_INSERT, values)).scalar_one()
    return identifier


async def one(connection: AsyncConnection, refund_id: int) -> RowMapping:
    """A refund that is there, with its payment and member."""
    return (await connection.execute(_ONE, {"id": refund_id})).mappings().one()


async def find(connection: AsyncConnection, refund_id: int) -> RowMapping | None:
    """A refund, with its payment and member."""
    return (await connection.execute(_ONE, {"id": refund_id})).mappings().first()


async def payment_of(connection: AsyncConnection, refund_id: int) -> int | None:
    """The payment that a refund is of."""
    identifier: int | None = (await connection.execute(_PAYMENT, {"id": refund_id})).scalar_one_or_none()
    return identifier


async def page(connection: AsyncConnection, status: str | None, *, before: int, limit: int) -> list[RowMapping]:
    """Refunds, newest first."""
    values = {"before": before, "limit": limit}
    if status is None:
        return list((await connection.execute(_PAGE, values)).mappings())
    return list((await connection.execute(_PAGE_OF_STATUS, {**values, "status": status})).mappings())


async def decide(connection: AsyncConnection, refund_id: int, status: str, now: datetime) -> bool:
    """Decide a pending refund; False when it is not pending.

    Raises IntegrityError when the caller asked for it, or more would be given back than was paid.
    """
    values = {"id": refund_id, "status": status, "now": now}
    return (await connection.execute(_DECIDE, values)).first() is not None


async def fail(connection: AsyncConnection, refund_id: int) -> None:
    """The provider refused it."""
    await connection.execute(_FAIL, {"id": refund_id})


async def settle(
    connection: AsyncConnection, refund_id: int, *, provider_id: str | None, now: datetime, today: date
) -> None:
    """The money of an approved refund was given back; where that is known already, only the provider's name is new."""
    values = {"id": refund_id, "provider_id": provider_id}
    row = (await connection.execute(_SETTLE, {**values, "now": now})).mappings().first()
    if row is None:
        await connection.execute(_NAME, values)
    else:
        await give_back(connection, row["dues_payment_id"], row["amount_cents"], today)


async def give_back(connection: AsyncConnection, dues_payment_id: int, amount_cents: int, today: date) -> None:
    """Lower what is paid of a month, with the refund that says why in the same transaction."""
    await connection.execute(_GIVE_BACK, {"dues_payment_id": dues_payment_id, "amount": amount_cents, "today": today})


async def with_checkout(connection: AsyncConnection, refund_id: int) -> RowMapping | None:
    """A refund's status, amount and, where its payment was by card, the checkout."""
    return (await connection.execute(_ONE_WITH_CHECKOUT, {"id": refund_id})).mappings().first()


async def under_way(connection: AsyncConnection, payment_id: int) -> list[RowMapping]:
    """A payment's approved refunds whose end is not known, in order."""
    return list((await connection.execute(_OF_PAYMENT, {"id": payment_id})).mappings())


async def unsettled(
    connection: AsyncConnection, *, after: int, since: datetime, before: datetime, limit: int
) -> list[RowMapping]:
    """Refunds of card payments approved between two moments whose end is not known, oldest first."""
    values = {"after": after, "since": since, "before": before, "limit": limit}
    return list((await connection.execute(_UNSETTLED, values)).mappings())
