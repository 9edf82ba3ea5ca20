"""Checkouts in the database. Money is added by one statement, and by a checkout once: a unique key sees to it."""

from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = "id, user_id, member_id, dues_payment_id, amount_cents, status, provider_id, url, created_at, expires_at"
_DUES = text(
    """
    SELECT d.status, d.amount_due_cents - d.amount_paid_cents AS open_cents, p.period_year, p.period_month
    FROM dues_payments d JOIN dues_periods p ON p.id = d.period_id WHERE d.id = :id AND d.member_id = :member_id
    """
)
_INSERT = text(
    """
    INSERT INTO checkouts (user_id, member_id, dues_payment_id, amount_cents, request_key, created_at, expires_at)
    VALUES (:user_id, :member_id, :dues_payment_id, :amount_cents, :key, :now, :expires_at)
    ON CONFLICT (user_id, request_key) DO NOTHING
    """
)
_BY_KEY = text(f"SELECT {_COLUMNS} FROM checkouts WHERE user_id = :user_id AND request_key = :key")  # noqa: S608
_OPENED = text(
    f"""
    UPDATE checkouts SET updated_at = now(), provider_id = coalesce(provider_id, :provider_id), url = :url,
        status = CASE WHEN status = 'creating' THEN 'open' ELSE status END
    WHERE id = :id RETURNING {_COLUMNS}
    """  # noqa: S608 (constant columns)
)
_TAKE_EVENT = text(
    "INSERT INTO provider_events (id, event_type, checkout_id) VALUES (:id, :event_type, :checkout_id)"
    " ON CONFLICT (id) DO NOTHING RETURNING id"
)
_LOCK = text(f"SELECT {_COLUMNS} FROM checkouts WHERE id = :id FOR UPDATE")  # noqa: S608 (constant columns)
_MOVE = text(
    "UPDATE checkouts SET status = :status, payment_intent = coalesce(payment_intent, :payment_intent),"
    " updated_at = now() WHERE id = :id"
)
_CHARGED = text(
    """
    SELECT c.id, c.status, c.member_id, c.amount_cents, p.id AS payment_id
    FROM checkouts c LEFT JOIN payments p ON p.checkout_id = c.id
    WHERE c.payment_intent = :payment_intent OR c.id = :checkout_id FOR UPDATE OF c
    """
)
_CHARGE = text(
    """
    WITH charged AS (
        UPDATE dues_payments SET amount_paid_cents = amount_paid_cents + :amount, updated_at = now(),
            status = CASE WHEN amount_paid_cents + :amount >= amount_due_cents THEN 'paid'
                          WHEN status = 'overdue' THEN 'overdue' ELSE 'partial' END
        WHERE id = :dues_payment_id AND member_id = :member_id
            AND status IN ('pending', 'due', 'partial', 'overdue') AND amount_paid_cents + :amount <= amount_due_cents
        RETURNING id, member_id),
    numbered AS (SELECT nextval('payments_id_seq') AS payment_id, charged.* FROM charged)
    INSERT INTO payments
        (id, dues_payment_id, member_id, amount_cents, method, receipt_number, recorded_by_id, checkout_id)
    SELECT payment_id, id, member_id, :amount, :method,
        'RCP-' || to_char(now() AT TIME ZONE 'America/Los_Angeles', 'YYYYMM') || '-'
            || lpad(to_hex(payment_id), 8, '0'), :user_id, :checkout_id
    FROM numbered
    """
)
_UNSETTLED = text(
    f"""
    SELECT {_COLUMNS} FROM checkouts
    WHERE status IN ('creating', 'open', 'processing') AND id > :after AND created_at < :before
    ORDER BY id LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_UNAPPLIED = text(
    f"SELECT {_COLUMNS} FROM checkouts WHERE status = 'unapplied' AND id < :before ORDER BY id DESC LIMIT :limit"  # noqa: S608
)


async def dues(connection: AsyncConnection, dues_id: int, member_id: int) -> RowMapping | None:
    """What is open of a month, for its member."""
    return (await connection.execute(_DUES, {"id": dues_id, "member_id": member_id})).mappings().first()


async def insert(connection: AsyncConnection, values: dict[str, object]) -> None:
    """A checkout, unless there is one under this key."""
    await connection.execute(_INSERT, values)


async def under_key(connection: AsyncConnection, user_id: int, key: str) -> RowMapping | None:
    """The checkout begun under this key."""
    return (await connection.execute(_BY_KEY, {"user_id": user_id, "key": key})).mappings().first()


async def opened(connection: AsyncConnection, checkout_id: int, provider_id: str, url: str | None) -> RowMapping:
    """The provider has a session for it; whatever was heard of it meanwhile stays."""
    values = {"id": checkout_id, "provider_id": provider_id, "url": url}
    return (await connection.execute(_OPENED, values)).mappings().one()


async def take_event(connection: AsyncConnection, event_id: str, event_type: str, checkout_id: int | None) -> bool:
    """Remember an event; False when it was taken in before. Parallel deliveries wait for each other here."""
    values = {"id": event_id, "event_type": event_type, "checkout_id": checkout_id}
    return (await connection.execute(_TAKE_EVENT, values)).first() is not None


async def lock(connection: AsyncConnection, checkout_id: int) -> RowMapping | None:
    """A checkout that nobody else changes until the transaction ends."""
    return (await connection.execute(_LOCK, {"id": checkout_id})).mappings().first()


async def move(connection: AsyncConnection, checkout_id: int, status: str, payment_intent: str | None = None) -> None:
    """Where it stands now, and the provider's name of the payment."""
    await connection.execute(_MOVE, {"id": checkout_id, "status": status, "payment_intent": payment_intent})


async def charged(
    connection: AsyncConnection, payment_intent: str | None, checkout_id: int | None
) -> RowMapping | None:
    """The checkout of the provider's payment, and our payment where there is one; nobody else changes it meanwhile."""
    values = {"payment_intent": payment_intent, "checkout_id": checkout_id}
    return (await connection.execute(_CHARGED, values)).mappings().first()


async def charge(connection: AsyncConnection, checkout: RowMapping, amount_cents: int, method: str) -> bool:
    """Record the payment; False when the month does not take it any more."""
    values = {
        "dues_payment_id": checkout["dues_payment_id"],
        "member_id": checkout["member_id"],
        "amount": amount_cents,
        "method": method,
        "user_id": checkout["user_id"],
        "checkout_id": checkout["id"],
    }
    return (await connection.execute(_CHARGE, values)).rowcount == 1


async def unsettled(connection: AsyncConnection, *, after: int, before: datetime, limit: int) -> list[RowMapping]:
    """Checkouts begun before a moment of which the end is not known, oldest first."""
    return list((await connection.execute(_UNSETTLED, {"after": after, "before": before, "limit": limit})).mappings())


async def unapplied(connection: AsyncConnection, *, before: int, limit: int) -> list[RowMapping]:
    """Paid when nothing was due any more, the newest first."""
    return list((await connection.execute(_UNAPPLIED, {"before": before, "limit": limit})).mappings())
