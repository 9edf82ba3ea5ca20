"""Payments in the database. One statement checks, adds, records and notes what became stale: concurrent
payments cannot be lost or doubled, and nothing is half-written.
"""

from typing import NamedTuple

from ip2a.database.pipeline import Parameters, Statement
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

    def parameters(self) -> Parameters:
        """As RECORD takes them."""
        return (
            b"%d" % self.dues_payment_id,
            None if self.member_id is None else b"%d" % self.member_id,
            b"%d" % self.amount_cents,
            self.method.value.encode(),
            b"%d" % self.user_id,
            self.key.encode(),
            b"\\x" + self.request_digest.hex().encode(),
        )


# The row lock of the UPDATE serializes payments of one dues row; the primary key of idempotency_keys stops a
# second transaction with the same key, whatever the code does.
RECORD = Statement(
    b"ip2a_record_payment_3",
    b"""
    WITH charged AS (
        UPDATE dues_payments SET
            amount_paid_cents = amount_paid_cents + $3::integer,
            status = CASE WHEN amount_paid_cents + $3::integer >= amount_due_cents THEN 'paid'
                          WHEN status = 'overdue' THEN 'overdue' ELSE 'partial' END,
            updated_at = now()
        WHERE id = $1::integer
            AND ($2::integer IS NULL OR member_id = $2::integer)
            AND status IN ('pending', 'due', 'partial', 'overdue')
            AND amount_paid_cents + $3::integer <= amount_due_cents
            AND NOT EXISTS (SELECT FROM idempotency_keys WHERE user_id = $5::integer AND key = $6::varchar)
        RETURNING id, member_id, amount_due_cents - amount_paid_cents AS balance_cents, status),
    numbered AS (SELECT nextval('payments_id_seq') AS payment_id, charged.* FROM charged),
    paid AS (
        INSERT INTO payments
            (id, dues_payment_id, member_id, amount_cents, method, receipt_number, recorded_by_id)
        SELECT payment_id, id, member_id, $3::integer, $4::varchar,
            'RCP-' || to_char(now() AT TIME ZONE 'America/Los_Angeles', 'YYYYMM') || '-'
                || lpad(to_hex(payment_id), 8, '0'), $5::integer
        FROM numbered
        RETURNING id, receipt_number, dues_payment_id, member_id, amount_cents, method, recorded_at),
    told AS (
        SELECT paid.id, paid.member_id, json_build_object('payment_id', paid.id, 'receipt_number', receipt_number,
            'dues_payment_id', dues_payment_id, 'amount_cents', amount_cents, 'method', method,
            'recorded_at', recorded_at, 'balance_cents', charged.balance_cents, 'status', charged.status)::text receipt
        FROM paid, charged),
    remembered AS (
        INSERT INTO idempotency_keys (user_id, key, request_digest, payment_id, status, media_type, answer)
        SELECT $5::integer, $6::varchar, $7::bytea, id, 201, 'application/json', convert_to(receipt, 'UTF8') FROM told),
    stale AS (
        INSERT INTO cache_outbox (subject) SELECT 'dues:' || member_id FROM charged RETURNING id)
    SELECT receipt, told.member_id, stale.id FROM told, stale
    """,
)
"""Records a PaymentOrder and answers (Receipt's JSON, member, outbox row), or nothing when the dues row does not take
it or the key was used. Fails with UniqueViolation when another transaction records under the same key right now, and
when the receipt's number is taken."""

EXPLAIN = Statement(
    b"ip2a_explain_payment_2",
    b"""
    SELECT encode(k.request_digest, 'hex'),
        coalesce(convert_from(k.answer, 'UTF8'), json_build_object('payment_id', p.id,
            'receipt_number', p.receipt_number, 'dues_payment_id', p.dues_payment_id, 'amount_cents', p.amount_cents,
            'method', p.method, 'recorded_at', p.recorded_at,
            'balance_cents', d.amount_due_cents - d.amount_paid_cents, 'status', d.status)::text),
        NULL::varchar, NULL::integer
    FROM idempotency_keys k LEFT JOIN payments p ON p.id = k.payment_id
    LEFT JOIN dues_payments d ON d.id = p.dues_payment_id
    WHERE k.user_id = $3::integer AND k.key = $4::varchar
    UNION ALL
    SELECT NULL, NULL, status, amount_due_cents - amount_paid_cents FROM dues_payments
    WHERE id = $1::integer AND ($2::integer IS NULL OR member_id = $2::integer)
    """,
)
"""Why RECORD answered nothing: the receipt given before under this key (where the key is older than kept answers, as
things are now), then the dues row as it is."""
