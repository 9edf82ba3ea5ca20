"""What the provider says of a session, in our words. Pure; order and repetition of messages do not matter."""

from typing import NamedTuple

from ip2a.checkout.models import CheckoutStatus
from ip2a.payments.models import PaymentMethod

FINAL = frozenset({CheckoutStatus.PAID, CheckoutStatus.UNAPPLIED, CheckoutStatus.REFUNDED})


class ProviderSession(NamedTuple):
    """A session as the provider has it."""

    id: str
    checkout_id: int | None
    status: str
    payment_status: str
    amount_cents: int
    currency: str
    url: str | None
    methods: tuple[str, ...]
    payment_intent: str | None = None


def standing(session: ProviderSession, event_type: str = "") -> CheckoutStatus:
    """Where the session stands; a failed bank debit shows only in the event's type."""
    if session.payment_status == "paid":
        return CheckoutStatus.PAID
    if event_type == "checkout.session.async_payment_failed":
        return CheckoutStatus.FAILED
    if session.status == "complete":
        return CheckoutStatus.PROCESSING
    return CheckoutStatus.EXPIRED if session.status == "expired" else CheckoutStatus.OPEN


def may_follow(current: CheckoutStatus, new: CheckoutStatus) -> bool:
    """Whether news counts: money is final, and late news of an earlier state is no news."""
    if current in FINAL or new is current:
        return False
    rank = {CheckoutStatus.CREATING: 0, CheckoutStatus.OPEN: 1, CheckoutStatus.PROCESSING: 2}
    return new not in rank or rank.get(current, 3) < rank[new]


def method_of(methods: tuple[str, ...]) -> PaymentMethod:
    """How it was paid, as far as the session tells."""
    if methods == ("card",):
        return PaymentMethod.STRIPE_CARD
    return PaymentMethod.STRIPE_ACH if methods == ("us_bank_account",) else PaymentMethod.STRIPE_OTHER
