"""Payments in the database. One statement checks, adds and records: concurrent payments cannot be lost or
doubled.
"""

from typing import NamedTuple

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.payments.models import PaymentMethod


class PaymentOrder(NamedTuple):
    """One payment to record, under a client's key."""

    dues_payment_id: int
    member_id: int | None
    amount_cents: int
    method: PaymentMethod
    user_id: int
    key: str
    request_digest: bytes


# The row lock of the UPDATE serializes payments of one dues row; the primary key of idempotency_keys stops a
# second
# transaction with the same key, whatever the code does.
_RECORD = text(
    """
    WITH charged AS (
        UPDATE dues_payments SET
            amount_paid_cents = amount_paid_cents + :amount,
            status = CASE WHEN amount_paid_cents + :amount >= amount_due_cents THEN 'paid'
                          WHEN status = 'overdue' THEN 'overdue' ELSE 'partial' END,
            updated_at = now()
        WHERE id = :dues_payment_id
            AND (cast(:member_id AS integer) IS NULL OR member_id = :member_id)
            AND status IN ('pending', 'due', 'partial', 'overdue')
            AND amount_paid_cents + :amount <= amount_due_cents
            AND NOT EXISTS (SELECT FROM idempotency_keys WHERE user_id = :user_id AND key = :key)
        RETURNING id, member_id, amount_due_cents - amount_paid_cents AS balance_cents, status),
    numbered AS (SELECT nextval('payments_id_seq') AS payment_id, charged.* FROM charged),
    paid AS (
        INSERT INTO payments (id, dues_payment_id, member_id, amount_cents, method, receipt_number,
            recorded_by_id)
        SELECT payment_id, id, member_id, :amount, :method,
            'RCP-' || to_char(now(), 'YYYYMM') || '-' || lpad(to_hex(payment_id), 8, '0'), :user_id
        FROM numbered
        RETURNING id, receipt_number, dues_payment_id, amount_cents, method, recorded_at),
    remembered AS (
        INSERT INTO idempotency_keys (user_id, key, request_digest, payment_id)
        SELECT :user_id, :key, :digest, payment_id FROM numbered)
    SELECT paid.id AS payment_id, receipt_number, dues_payment_id, amount_cents, method, recorded_at,
        charged.balance_cents, charged.status
    FROM paid, charged
    """
)

_REPLAY = text(
    """
    SELECT k.request_digest, p.id AS payment_id, p.receipt_number, p.dues_payment_id, p.amount_cents,
        p.method,
        p.recorded_at, d.amount_due_cents - d.amount_paid_cents AS balance_cents, d.status
    FROM idempotency_keys k
    JOIN payments p ON p.id = k.payment_id
    JOIN dues_payments d ON d.id = p.dues_payment_id
    WHERE k.user_id = :user_id AND k.key = :key
    """
)

_STATE = text(
    """
    SELECT amount_due_cents, amount_paid_cents, status FROM dues_payments
    WHERE id = :dues_payment_id AND (cast(:member_id AS integer) IS NULL OR member_id = :member_id)
    """
)


async def record(connection: AsyncConnection, order: PaymentOrder) -> RowMapping | None:
    """Record the payment; None when the dues row does not take it or the key was used.

    Raises IntegrityError when a concurrent transaction recorded under the same key first.
    """
    result = await connection.execute(
        _RECORD,
        {
            "dues_payment_id": order.dues_payment_id,
            "member_id": order.member_id,
            "amount": order.amount_cents,
            "method": order.method.value,
            "user_id": order.user_id,
            "key": order.key,
            "digest": order.request_digest,
        },
    )
    return result.mappings().first()


async def recorded_under(connection: AsyncConnection, user_id: int, key: str) -> RowMapping | None:
    """What was recorded under this key before, with the digest of that request."""
    return (await connection.execute(_REPLAY, {"user_id": user_id, "key": key})).mappings().first()


async def dues_state(connection: AsyncConnection, dues_payment_id: int, member_id: int | None) -> RowMapping | None:
    """The dues row a payment was refused for."""
    result = await connection.execute(_STATE, {"dues_payment_id": dues_payment_id, "member_id": member_id})
    return result.mappings().first()
