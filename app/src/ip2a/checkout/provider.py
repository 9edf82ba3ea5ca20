"""Stripe, through its own library. Calls are bounded in time and tries and run on threads, never in a transaction."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from ip2a.checkout.rules import ProviderSession
from ip2a.refunds.settling import ProviderCharge
from ip2a.settings import Settings

TIMEOUT = 8  # seconds a call may take, each of RETRIES more tries as well
RETRIES = 2
TOLERANCE = 300  # seconds a signature stays good
THREADS = 4

Answer = TypeVar("Answer")


class ProviderError(Exception):
    """The provider could not be asked, or refused; carries no secret."""


class ProviderRefusedError(ProviderError):
    """The provider will not do it, however often it is asked."""


class InvalidSignatureError(Exception):
    """A message that the provider did not sign, or long ago."""


class SessionOrder(NamedTuple):
    """What to sell: one month's dues."""

    checkout_id: int
    amount_cents: int
    description: str
    email: str
    success_url: str
    cancel_url: str
    expires_at: datetime


class ProviderEvent(NamedTuple):
    """A signed message; `session` or `charge` where it is about one."""

    id: str
    type: str
    session: ProviderSession | None
    charge: ProviderCharge | None


class Stripe:
    """One per process; the library is loaded only where payments are on."""

    def __init__(self, settings: Settings) -> None:
        import stripe  # noqa: PLC0415 (large, and optional)

        self._stripe = stripe
        self._secret = settings.stripe_webhook_secret.get_secret_value()
        self._client = stripe.StripeClient(
            settings.stripe_api_key.get_secret_value(),
            http_client=stripe.RequestsClient(timeout=TIMEOUT),
            max_network_retries=RETRIES,
            base_addresses={"api": settings.stripe_endpoint} if settings.stripe_endpoint else {},
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="payments")

    async def create(self, order: SessionOrder) -> ProviderSession:
        """Begin a session; the same checkout gets the same one, however often it is asked. Raises ProviderError."""
        return _session(await self._run(lambda: self._create(order)))

    async def retrieve(self, provider_id: str) -> ProviderSession:
        """A session as it is now. Raises ProviderError."""
        return _session(await self._run(lambda: self._client.v1.checkout.sessions.retrieve(provider_id)))

    async def refund(self, refund_id: int, payment_intent: str, amount_cents: int) -> str:
        """Give money of a payment back, once for each of our refunds; the provider's name of it.

        Raises ProviderRefusedError, ProviderError.
        """
        given = await self._run(lambda: self._refund(refund_id, payment_intent, amount_cents))
        if given.status in {"failed", "canceled"}:
            raise ProviderRefusedError(given.status)
        return str(given.id)

    def read_event(self, body: bytes, signature: str) -> ProviderEvent:
        """The event in a message's raw body. Raises InvalidSignatureError."""
        try:
            event = self._stripe.Webhook.construct_event(body, signature, self._secret, tolerance=TOLERANCE)  # type: ignore[no-untyped-call]  # the library's gap
        except (ValueError, self._stripe.SignatureVerificationError) as error:
            raise InvalidSignatureError from error
        about = event.data.object
        session = _session(about) if event.type.startswith("checkout.session.") else None
        charge = _charge(about) if event.type == "charge.refunded" else None
        return ProviderEvent(event.id, event.type, session, charge)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _create(self, order: SessionOrder) -> Any:  # noqa: ANN401 (the library's object)
        return self._client.v1.checkout.sessions.create(
            params={
                "mode": "payment",
                "client_reference_id": str(order.checkout_id),
                "customer_email": order.email,
                "success_url": order.success_url,
                "cancel_url": order.cancel_url,
                "expires_at": int(order.expires_at.timestamp()),
                "payment_method_types": ["card", "us_bank_account"],
                "metadata": {"checkout_id": str(order.checkout_id)},
                "payment_intent_data": {"metadata": {"checkout_id": str(order.checkout_id)}},
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {
                            "currency": "usd",
                            "unit_amount": order.amount_cents,
                            "product_data": {"name": order.description},
                        },
                    }
                ],
            },
            options={"idempotency_key": f"ip2a-checkout-{order.checkout_id}"},
        )

    def _refund(self, refund_id: int, payment_intent: str, amount_cents: int) -> Any:  # noqa: ANN401 (the library's object)
        return self._client.v1.refunds.create(
            params={
                "payment_intent": payment_intent,
                "amount": amount_cents,
                "metadata": {"refund_id": str(refund_id)},
            },
            options={"idempotency_key": f"ip2a-refund-{refund_id}"},
        )

    async def _run(self, call: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except self._stripe.InvalidRequestError as error:
            raise ProviderRefusedError(type(error).__name__) from error
        except self._stripe.StripeError as error:
            raise ProviderError(type(error).__name__) from error


def _session(given: Any) -> ProviderSession:  # noqa: ANN401 (the library's object)
    return ProviderSession(
        id=given.id,
        checkout_id=_number(given.client_reference_id),
        status=given.status or "",
        payment_status=given.payment_status,
        amount_cents=given.amount_total or 0,
        currency=given.currency or "",
        url=given.url,
        methods=tuple(given.payment_method_types or ()),
        payment_intent=given.payment_intent,
    )


def _charge(given: Any) -> ProviderCharge:  # noqa: ANN401 (the library's object)
    return ProviderCharge(
        payment_intent=given.payment_intent,
        checkout_id=_number((given.metadata or {}).get("checkout_id")),
        refunded_cents=given.amount_refunded,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
