"""Recording payments: exactly once per Idempotency-Key, never more than is due."""

import hashlib

from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.engines import Databases
from ip2a.database.identity import Identity, transaction
from ip2a.dues.models import OPEN_STATUSES
from ip2a.payments import repository
from ip2a.payments.repository import PaymentOrder
from ip2a.payments.schemas import PaymentRequest, Receipt
from ip2a.web.problems import Problem

MAXIMUM_KEY = 100


async def record_payment(
    databases: Databases,
    identity: Identity,
    *,
    dues_payment_id: int,
    member_id: int | None,
    request: PaymentRequest,
    user_id: int,
    key: str,
) -> Receipt:
    """Record a payment for one dues row; with `member_id`, only for a row of that member.

    A repeated key gets the first answer again. Raises Problem 404 (no such row), 409 (not open, or more than
    is
    due), 422 (the key was used for another request).
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
    try:
        async with transaction(databases.write, identity) as connection:
            row = await repository.record(connection, order)
            if row is not None:
                return Receipt.model_validate({**row, "replayed": False})
            return await _explain(connection, order)
    except IntegrityError:
        # The same key at the same moment: the other transaction won and has committed.
        async with transaction(databases.write, identity) as connection:
            return await _explain(connection, order)


def request_digest(dues_payment_id: int, request: PaymentRequest) -> bytes:
    """What makes two requests the same one."""
    return hashlib.sha256(f"{dues_payment_id}:{request.amount_cents}:{request.method}".encode()).digest()


async def _explain(connection: AsyncConnection, order: PaymentOrder) -> Receipt:
    earlier = await repository.recorded_under(connection, order.user_id, order.key)
    if earlier is not None:
        if bytes(earlier["request_digest"]) != order.request_digest:
            raise Problem(422, "idempotency-key-reused", "This Idempotency-Key was used for another request.")
        return Receipt.model_validate({**earlier, "replayed": True})
    state = await repository.dues_state(connection, order.dues_payment_id, order.member_id)
    raise _refusal(state, order.amount_cents)


def _refusal(state: RowMapping | None, amount_cents: int) -> Problem:
    if state is None:
        return Problem(404, "no-such-dues", "There are no such dues.")
    if state["status"] not in OPEN_STATUSES:
        return Problem(409, "dues-not-open", f"These dues are {state['status']}; nothing is to be paid.")
    left = state["amount_due_cents"] - state["amount_paid_cents"]
    return Problem(409, "more-than-due", f"{amount_cents} cents are more than the {left} cents that are still due.")
