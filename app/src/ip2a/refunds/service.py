"""Asking for refunds, deciding on them, and having the provider give money back: outside of transactions, under one key
for each refund.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ip2a.checkout.provider import ProviderError, ProviderRefusedError, Stripe
from ip2a.checkout.service import BATCH, CASHIER, GIVEN_UP, PATIENCE, provider_of, provider_unavailable
from ip2a.database.identity import transaction
from ip2a.dues.service import DUES
from ip2a.referrals.rules import local
from ip2a.refunds import repository
from ip2a.refunds.models import RefundStatus
from ip2a.refunds.schemas import RefundItem, RefundOrder
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before
from ip2a.web.problems import Problem
from ip2a.worker.work import Tools

_OUTBOX = text("INSERT INTO cache_outbox (subject) VALUES (:subject)")
_NOT_DENIED = (RefundStatus.PENDING.value, RefundStatus.APPROVED.value, RefundStatus.REFUNDED.value)


async def request(runtime: Runtime, caller: Caller, payment_id: int, order: RefundOrder) -> RefundItem:
    """Ask for a refund of a payment, or a part of it.

    Raises Problem 404 (no such payment), 409 (more than is left of it).
    """
    async with caller.transaction(runtime.databases) as connection:
        payment = await repository.lock_payment(connection, payment_id)
        if payment is None:
            raise Problem(404, "no-such-payment", "There is no such payment.")
        left = payment["amount_cents"] - await repository.taken(connection, payment_id, *_NOT_DENIED)
        if order.amount_cents > left:
            raise Problem(409, "more-than-paid", f"`amount_cents` is more than the {left} cents left of this payment.")
        refund_id = await repository.insert(connection, payment, amount_cents=order.amount_cents, reason=order.reason)
        return await _item(connection, refund_id)


async def page(
    runtime: Runtime, caller: Caller, status: RefundStatus | None, *, before: str | None, limit: int
) -> Page[RefundItem]:
    """Refunds, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(
            connection, status.value if status else None, before=read_before(before), limit=limit + 1
        )
    return page_of(RefundItem, rows, limit, lambda item: encode("", item.id))


async def find(runtime: Runtime, caller: Caller, refund_id: int) -> RefundItem:
    """One refund; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.find(connection, refund_id)
    if row is None:
        raise _missing()
    return RefundItem.model_validate(dict(row))


async def deny(runtime: Runtime, caller: Caller, refund_id: int) -> RefundItem:
    """Give nothing back.

    Raises Problem 404, 403 (asked for by the caller, or of their own payment), 409 (decided already).
    """
    async with _refusals(), caller.transaction(runtime.databases) as connection:
        refund = await _locked(connection, refund_id)
        _check_not_own(caller, refund)
        if not await repository.decide(connection, refund_id, RefundStatus.DENIED.value, runtime.now()):
            raise _decided_already(refund)
        return await _item(connection, refund_id)


async def approve(runtime: Runtime, caller: Caller, refund_id: int) -> RefundItem:
    """Give the money back: of card payments through the provider, of others at the office. Repeating goes on where the
    last time ended.

    Raises Problem 404, 403 (asked for by the caller, or of their own payment), 409 (decided otherwise; the provider
    refuses), 503 (approved, but the provider does not answer: repeat).
    """
    now = runtime.now()
    async with _refusals(), runtime.writer.transaction(caller.identity, []) as writing:
        refund = await _locked(writing.connection, refund_id)
        _check_not_own(caller, refund)
        decided = await repository.decide(writing.connection, refund_id, RefundStatus.APPROVED.value, now)
        if not decided and refund["status"] not in {RefundStatus.APPROVED, RefundStatus.REFUNDED}:
            raise _decided_already(refund)
        under_way = decided or refund["status"] == RefundStatus.APPROVED
        if under_way and refund["checkout_id"] is None:
            await repository.settle(writing.connection, refund_id, provider_id=None, now=now, today=local(now).date())
            writing.subjects.append(DUES.subject_of(refund["member_id"]))
        item = await _item(writing.connection, refund_id)
    caller.wrote(writing.lsn)
    if under_way and refund["checkout_id"] is not None:
        return await _give_back_at_provider(runtime, caller, refund_id, refund)
    return item


async def _give_back_at_provider(runtime: Runtime, caller: Caller, refund_id: int, refund: RowMapping) -> RefundItem:
    try:
        provider_id = await _ask_provider(runtime.databases.write, provider_of(runtime), refund_id, refund)
    except ProviderRefusedError:
        raise Problem(409, "provider-refused", "The payment provider refuses this refund; look it up there.") from None
    except ProviderError:
        raise provider_unavailable("The refund is approved, but the payment provider does not answer.") from None
    async with runtime.writer.transaction(caller.identity, [DUES.subject_of(refund["member_id"])]) as writing:
        await _settle(writing.connection, refund_id, refund, provider_id, runtime.now())
        item = await _item(writing.connection, refund_id)
    caller.wrote(writing.lsn)
    return item


async def reconcile(tools: Tools) -> str:
    """Ask the provider again for every approved refund of which no end is known, while it remembers our keys."""
    if not tools.settings.payments_provider:
        return "card payments are off"
    provider, engine = Stripe(tools.settings), tools.databases.write
    asked = failed = after = 0
    try:
        while True:
            since, before = tools.now() - GIVEN_UP, tools.now() - PATIENCE
            async with transaction(engine, CASHIER) as connection:
                batch = await repository.unsettled(connection, after=after, since=since, before=before, limit=BATCH)
            for refund in batch:
                asked += 1
                try:
                    await _ask_again(tools, provider, refund)
                except ProviderError:
                    failed += 1
            if len(batch) < BATCH:
                return f"{asked} refunds asked about, {failed} refused or to be asked about again"
            after = batch[-1]["id"]
    finally:
        provider.close()


async def _ask_again(tools: Tools, provider: Stripe, refund: RowMapping) -> None:
    provider_id = await _ask_provider(tools.databases.write, provider, refund["id"], refund)
    async with transaction(tools.databases.write, CASHIER) as connection:
        await _settle(connection, refund["id"], refund, provider_id, tools.now())
        await connection.execute(_OUTBOX, {"subject": DUES.subject_of(refund["member_id"]).decode()})


async def _ask_provider(engine: AsyncEngine, provider: Stripe, refund_id: int, refund: RowMapping) -> str:
    """The provider's name of the refund; it gives back once, however often it is asked under the refund's key.

    Raises ProviderRefusedError (the refund has failed then), ProviderError.
    """
    intent = refund["payment_intent"]
    if intent is None:
        intent = (await provider.retrieve(refund["provider_id"])).payment_intent
    try:
        return await provider.refund(refund_id, intent or "", refund["amount_cents"])
    except ProviderRefusedError:
        async with transaction(engine, CASHIER) as connection:
            await repository.fail(connection, refund_id)
        raise


async def _settle(
    connection: AsyncConnection, refund_id: int, refund: RowMapping, provider_id: str, now: datetime
) -> None:
    await repository.lock_payment(connection, refund["payment_id"])
    await repository.settle(connection, refund_id, provider_id=provider_id, now=now, today=local(now).date())


def _check_not_own(caller: Caller, refund: RowMapping) -> None:
    if refund["member_id"] == caller.principal.member_id:
        raise Problem(403, "own-payment", "Nobody decides on a refund of their own payment.")


async def _locked(connection: AsyncConnection, refund_id: int) -> RowMapping:
    """The refund, and its month locked before it: everybody locks in this order."""
    payment_id = await repository.payment_of(connection, refund_id)
    if payment_id is not None:
        await repository.lock_payment(connection, payment_id)
    refund = await repository.with_checkout(connection, refund_id)
    if refund is None:
        raise _missing()
    return refund


def _missing() -> Problem:
    return Problem(404, "no-such-refund", "There is no such refund.")


async def _item(connection: AsyncConnection, refund_id: int) -> RefundItem:
    return RefundItem.model_validate(dict(await repository.one(connection, refund_id)))


def _decided_already(refund: RowMapping) -> Problem:
    return Problem(409, "already-decided", f"This refund is {refund['status']}.")


@asynccontextmanager
async def _refusals() -> AsyncIterator[None]:
    try:
        yield
    except IntegrityError as error:
        said = str(error.orig)
        if "ck_refunds_four_eyes" in said:
            raise Problem(403, "own-request", "Somebody else must decide what you asked for.") from None
        if "left of its payment" in said:
            raise Problem(409, "more-than-paid", "More would be given back than was paid; deny it instead.") from None
        raise
