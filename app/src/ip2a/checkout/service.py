"""Card payments: beginning them, believing the provider's signed messages, and asking where none came."""

from datetime import datetime, timedelta

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.checkout import repository
from ip2a.checkout.models import CheckoutStatus
from ip2a.checkout.provider import InvalidSignatureError, ProviderError, SessionOrder, Stripe
from ip2a.checkout.rules import FINAL, ProviderSession, may_follow, method_of, standing
from ip2a.checkout.schemas import CheckoutItem, CheckoutOrder, Received
from ip2a.database.identity import Identity, transaction
from ip2a.dues.models import OPEN_STATUSES
from ip2a.dues.service import DUES
from ip2a.refunds.settling import ProviderCharge, take_charge
from ip2a.runtime import Runtime
from ip2a.settings import Settings
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import MAXIMUM_IDENTIFIER, Page, encode, page_of, read_before
from ip2a.web.problems import Problem
from ip2a.worker.work import Tools

LIFETIME = timedelta(hours=1)
PATIENCE = timedelta(minutes=10)  # messages usually come within 30 s; later the provider is asked
GIVEN_UP = timedelta(hours=20)  # the provider remembers our keys for 24 h: later a repeated order would be a new one
BATCH = 100
CASHIER = Identity(resources=frozenset({"dues", "members"}))
"""Settles what the provider says, for whoever paid."""
_OUTBOX = text("INSERT INTO cache_outbox (subject) VALUES (:subject)")


def provider_of(runtime: Runtime) -> Stripe:
    """The provider.

    Raises Problem 503 where card payments are off.
    """
    if runtime.card_payments is None:
        raise Problem(503, "card-payments-off", "Card payments are not set up here; pay at the local's office.")
    return runtime.card_payments


async def begin(
    runtime: Runtime, caller: Caller, member_id: int, dues_id: int, *, order: CheckoutOrder, key: str
) -> CheckoutItem:
    """Begin paying one of the caller's months; a repeated key gets the same checkout again.

    Raises Problem 404, 409 (nothing open, or less than wanted), 422 (the key was used for another request), 503 (the
    provider cannot be reached; repeat with the same key).
    """
    provider = provider_of(runtime)
    user_id, now = caller.principal.user_id, runtime.now()
    async with caller.transaction(runtime.databases) as connection:
        dues = await repository.dues(connection, dues_id, member_id)
        checkout = await repository.under_key(connection, user_id, key)
        if checkout is None:
            values = {
                "user_id": user_id,
                "member_id": member_id,
                "dues_payment_id": dues_id,
                "amount_cents": _amount(dues, order),
                "key": key,
                "now": now,
                "expires_at": now + LIFETIME,
            }
            await repository.insert(connection, values)
            checkout = await repository.under_key(connection, user_id, key)
    if checkout is None or dues is None:
        raise Problem(404, "no-such-dues", "There are no such dues.")
    if checkout["dues_payment_id"] != dues_id or order.amount_cents not in {None, checkout["amount_cents"]}:
        raise Problem(422, "idempotency-key-reused", "This Idempotency-Key was used for another request.")
    if checkout["status"] != CheckoutStatus.CREATING:
        return CheckoutItem.model_validate(dict(checkout))
    try:
        session = await provider.create(_order(runtime.settings, checkout, dues, caller.principal.email))
    except ProviderError:
        raise provider_unavailable("The payment provider does not answer; nothing was charged.") from None
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.opened(connection, checkout["id"], session.id, session.url)
    return CheckoutItem.model_validate(dict(row))


async def receive(runtime: Runtime, body: bytes, signature: str) -> Received:
    """Take in a provider's event, once. What fails is answered with an error, and the provider sends it again.

    Raises Problem 400 when it is not signed.
    """
    try:
        event = provider_of(runtime).read_event(body, signature)
    except InvalidSignatureError:
        raise Problem(400, "invalid-signature", "The message is not signed, or was signed too long ago.") from None
    session = event.session
    async with runtime.writer.transaction(CASHIER, []) as writing:
        reference = session.checkout_id if session else None
        if not await repository.take_event(writing.connection, event.id, event.type, reference):
            return Received(outcome="repeated")
        checkout = None
        if session is not None:
            checkout = await settle(writing.connection, session, event.type)
        elif event.charge is not None:
            checkout = await _take_refund(writing.connection, event.charge, runtime.now())
        if checkout is None:
            return Received(outcome="ignored")
        writing.subjects.append(DUES.subject_of(checkout["member_id"]))
    return Received(outcome="taken")


async def settle(connection: AsyncConnection, session: ProviderSession, event_type: str = "") -> RowMapping | None:
    """Bring our checkout to where the provider's session stands; returns it if it moved.

    What the provider took is recorded, whatever was ordered; if the month does not take it, the office refunds it.
    """
    if session.checkout_id is None:
        return None
    checkout = await repository.lock(connection, session.checkout_id)
    if checkout is None or checkout["provider_id"] not in {None, session.id}:
        return None
    status = standing(session, event_type)
    if not may_follow(CheckoutStatus(checkout["status"]), status):
        return None
    if status is CheckoutStatus.PAID:
        ours = session.currency == "usd" and session.amount_cents > 0
        method = method_of(session.methods).value
        if not ours or not await repository.charge(connection, checkout, session.amount_cents, method):
            status = CheckoutStatus.UNAPPLIED
    await repository.move(connection, checkout["id"], status.value, session.payment_intent)
    return checkout


async def _take_refund(connection: AsyncConnection, charge: ProviderCharge, now: datetime) -> RowMapping | None:
    """Bring our payment to what the provider gave back of it; the checkout if that is news.

    Raises Problem 409 for a payment that was not heard of yet: the provider tells again.
    """
    checkout = await repository.charged(connection, charge.payment_intent, charge.checkout_id)
    if checkout is None:
        return None
    if checkout["payment_id"] is not None:
        known = await take_charge(connection, checkout["payment_id"], charge, now)
        return checkout if known else None
    if checkout["status"] == CheckoutStatus.UNAPPLIED and charge.refunded_cents >= checkout["amount_cents"]:
        await repository.move(connection, checkout["id"], CheckoutStatus.REFUNDED.value)
        return checkout
    if CheckoutStatus(checkout["status"]) not in FINAL:
        raise Problem(409, "not-paid-yet", "This payment was not heard of yet; tell again later.")
    return None


async def unapplied(runtime: Runtime, caller: Caller, *, before: str | None, limit: int) -> Page[CheckoutItem]:
    """Card payments that came when nothing was due any more: to be refunded."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.unapplied(connection, before=read_before(before), limit=limit + 1)
    return page_of(CheckoutItem, rows, limit, lambda item: encode("", item.id))


async def reconcile(tools: Tools) -> str:
    """Ask the provider about every checkout of which no end was heard: lost messages cost nobody money."""
    if not tools.settings.payments_provider:
        return "card payments are off"
    provider = Stripe(tools.settings)
    asked = moved = failed = 0
    after = 0
    try:
        while True:
            before = tools.now() - PATIENCE
            async with transaction(tools.databases.write, CASHIER) as connection:
                batch = await repository.unsettled(connection, after=after, before=before, limit=BATCH)
            for checkout in batch:
                asked += 1
                try:
                    moved += await _ask(tools, provider, checkout)
                except ProviderError:
                    failed += 1
            if len(batch) < BATCH:
                return f"{asked} checkouts asked about, {moved} settled, {failed} to be asked about again"
            after = min(batch[-1]["id"], MAXIMUM_IDENTIFIER)
    finally:
        provider.close()


async def _ask(tools: Tools, provider: Stripe, checkout: RowMapping) -> bool:
    """Nobody was given the address of a checkout whose session we do not know: it can only have expired."""
    if checkout["provider_id"] is None:
        if tools.now() - checkout["created_at"] < GIVEN_UP:
            return False
        async with transaction(tools.databases.write, CASHIER) as connection:
            await repository.move(connection, checkout["id"], CheckoutStatus.EXPIRED.value)
        return True
    session = await provider.retrieve(checkout["provider_id"])
    async with transaction(tools.databases.write, CASHIER) as connection:
        moved = await settle(connection, session)
        if moved is not None:
            await connection.execute(_OUTBOX, {"subject": DUES.subject_of(moved["member_id"]).decode()})
    return moved is not None


def provider_unavailable(said: str) -> Problem:
    """The provider does not answer; the same request may be repeated."""
    return Problem(503, "provider-unavailable", f"{said} Try again in a moment.", headers={"Retry-After": "5"})


def _amount(dues: RowMapping | None, order: CheckoutOrder) -> int:
    if dues is None:
        raise Problem(404, "no-such-dues", "There are no such dues.")
    left = int(dues["open_cents"])
    if dues["status"] not in OPEN_STATUSES or left == 0:
        raise Problem(409, "dues-not-open", f"These dues are {dues['status']}; nothing is to be paid.")
    if order.amount_cents is not None and order.amount_cents > left:
        raise Problem(409, "more-than-due", f"`amount_cents` is more than the {left} cents that are still due.")
    return left if order.amount_cents is None else order.amount_cents


def _order(settings: Settings, checkout: RowMapping, dues: RowMapping, email: str) -> SessionOrder:
    back = f"{settings.public_url}/my/dues?checkout={checkout['id']}"
    return SessionOrder(
        checkout_id=checkout["id"],
        amount_cents=checkout["amount_cents"],
        description=f"Dues of {dues['period_year']}-{dues['period_month']:02}",
        email=email,
        success_url=back,
        cancel_url=f"{settings.public_url}/my/dues",
        expires_at=checkout["expires_at"],
    )
