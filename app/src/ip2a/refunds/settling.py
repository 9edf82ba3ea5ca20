"""What the provider gave back, told by its charges: cumulative amounts, so that order and repetition do not matter."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.referrals.rules import local
from ip2a.refunds import repository
from ip2a.refunds.models import RefundStatus

AT_THE_PROVIDER = "Refunded at the payment provider."


class ProviderCharge(NamedTuple):
    """A charge as the provider has it; `refunded_cents` is all that was ever given back of it."""

    payment_intent: str | None
    checkout_id: int | None
    refunded_cents: int


async def take_charge(connection: AsyncConnection, payment_id: int, charge: ProviderCharge, now: datetime) -> bool:
    """Bring a payment's refunds to what the provider says; False when that is no news.

    Our own refunds under way come first; what is left over began at the provider.
    """
    payment = await repository.lock_payment(connection, payment_id)
    if payment is None:
        return False
    news = charge.refunded_cents - await repository.taken(connection, payment_id, RefundStatus.REFUNDED.value)
    if news <= 0:
        return False
    today = local(now).date()
    for refund in await repository.under_way(connection, payment_id):
        if refund["amount_cents"] <= news:
            await repository.settle(connection, refund["id"], provider_id=None, now=now, today=today)
            news -= refund["amount_cents"]
    if news > 0:
        await repository.insert(
            connection,
            payment,
            amount_cents=news,
            reason=AT_THE_PROVIDER,
            status=RefundStatus.REFUNDED.value,
            refunded_at=now,
        )
        await repository.give_back(connection, payment["dues_payment_id"], news, today)
    return True
