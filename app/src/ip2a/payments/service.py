"""Recording payments: exactly once per Idempotency-Key, never more than is due."""

import hashlib
import logging
from typing import NamedTuple

from psycopg.errors import UniqueViolation

from ip2a.database.identity import Identity
from ip2a.database.pipeline import Row
from ip2a.database.writing import Written
from ip2a.dues.models import OPEN_STATUSES
from ip2a.dues.service import DUES
from ip2a.payments import repository
from ip2a.payments.repository import PaymentOrder
from ip2a.payments.schemas import PaymentRequest
from ip2a.runtime import Runtime
from ip2a.web.errors import overloaded
from ip2a.web.problems import Problem

LOGGER = logging.getLogger(__name__)
MAXIMUM_KEY = 100
ATTEMPTS = 3
"""What RECORD found and what EXPLAIN finds a moment later may differ; a refusal must be true when it is given. And a
receipt's number may be taken: each attempt draws the next."""
RECEIPT_NUMBER = "uq_payments_receipt_number"


class Recorded(NamedTuple):
    """A Receipt's JSON, and the WAL position behind the payment."""

    receipt: bytes
    replayed: bool
    lsn: int


def payable(runtime: Runtime) -> bool:
    """Whether members can pay on the platform: by card, or in development by saying so."""
    return runtime.card_payments is not None or not runtime.settings.in_production


def refuse_own_payments(runtime: Runtime) -> None:
    """Raise Problem 409 where nobody's word that they paid is taken: with card payments, and in production."""
    if runtime.card_payments is not None:
        raise Problem(409, "pay-by-card", "Pay by card: POST /api/v1/my/dues/{dues_id}/checkout, or the page My dues.")
    if not payable(runtime):
        raise Problem(409, "pay-at-the-office", "Dues cannot be paid here: pay at the local's office.")


async def record_payment(
    runtime: Runtime,
    identity: Identity,
    *,
    dues_payment_id: int,
    member_id: int | None,
    request: PaymentRequest,
    user_id: int,
    key: str,
) -> Recorded:
    """Record a payment for one dues row; with `member_id`, only for a row of that member.

    A repeated key gets the first answer again. Raises Problem 404 (no such row), 409 (not open, or more than
    is due), 422 (the key was used for another request), 503 (ATTEMPTS in a row came to nothing).
    """
    order = PaymentOrder(
        dues_payment_id,
        member_id,
        request.amount_cents,
        request.method,
        user_id,
        key,
        request_digest(dues_payment_id, request),
    )
    for _ in range(ATTEMPTS):
        try:
            written = await runtime.writer.run(identity, (repository.RECORD, order.parameters()))
        except UniqueViolation as error:
            if error.diag.constraint_name == RECEIPT_NUMBER:
                # By a payment that was not numbered by its id, as loaded ones may be.
                LOGGER.warning("a receipt's number was taken: tried again with the next")
                continue
            # The same key at the same moment: the other transaction won and has committed.
            written = Written([], 0)
        if written.rows:
            return await _taken(runtime, written)
        explained = await _explain(runtime, identity, order)
        if explained is not None:
            return explained
        LOGGER.warning("a payment was not taken, and now it could be: tried again")
    raise overloaded()


async def _taken(runtime: Runtime, written: Written) -> Recorded:
    receipt, owner, outbox_row = written.rows[0]
    await runtime.writer.invalidate(int(outbox_row or 0), [DUES.subject_of(int(owner or 0))], written.lsn)
    return Recorded(receipt or b"", replayed=False, lsn=written.lsn)


def request_digest(dues_payment_id: int, request: PaymentRequest) -> bytes:
    """What makes two requests the same one."""
    return hashlib.sha256(f"{dues_payment_id}:{request.amount_cents}:{request.method}".encode()).digest()


async def _explain(runtime: Runtime, identity: Identity, order: PaymentOrder) -> Recorded | None:
    """The receipt given before under the key, or nothing when what stood against the payment is gone by now (a refund,
    another payment that failed). Raises Problem when it still stands.
    """
    dues, member, _, _, user, key, _ = order.parameters()
    written = await runtime.writer.run(identity, (repository.EXPLAIN, (dues, member, user, key)))
    earlier = next((row for row in written.rows if row[0] is not None), None)
    if earlier is None:
        if refusal := _refusal(written.rows, order.amount_cents):
            raise refusal
        return None
    if earlier[0] != order.request_digest.hex().encode():
        raise Problem(422, "idempotency-key-reused", "This Idempotency-Key was used for another request.")
    return Recorded(earlier[1] or b"", replayed=True, lsn=written.lsn)


def _refusal(rows: list[Row], amount_cents: int) -> Problem | None:
    if not rows:
        return Problem(404, "no-such-dues", "There are no such dues.")
    status = (rows[0][2] or b"").decode()
    left = int(rows[0][3] or 0)
    if status not in OPEN_STATUSES:
        return Problem(409, "dues-not-open", f"These dues are {status}; nothing is to be paid.")
    if amount_cents <= left:
        return None
    return Problem(409, "more-than-due", f"{amount_cents} cents are more than the {left} cents that are still due.")
