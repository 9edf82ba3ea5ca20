"""The platform with card payments at FakeCheckout, and the messages it sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import text

from ip2a.checkout.provider import Stripe
from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from ip2a.settings import Settings
from tests.services.app.checkout.fake_checkout import SECRET, FakeCheckout, fake_checkout, signature
from tests.services.app.conftest import People, Person

HOOK = "/api/v1/webhooks/stripe"


@pytest.fixture(scope="module")
def provider() -> Iterator[tuple[FakeCheckout, str]]:
    with fake_checkout() as fake:
        yield fake


@pytest.fixture
async def paying(runtime: Runtime, provider: tuple[FakeCheckout, str]) -> AsyncIterator[Runtime]:
    """The platform with card payments at the fake."""
    provider[0].broken = provider[0].refusing = False
    values = {
        "payments_provider": "stripe",
        "stripe_endpoint": provider[1],
        "stripe_api_key": "sk_test_fake",
        "stripe_webhook_secret": SECRET,
    }
    settings = Settings.model_validate({**runtime.settings.model_dump(), **values})
    stripe = Stripe(settings)
    yield replace(runtime, settings=settings, card_payments=stripe)
    stripe.close()


@pytest.fixture
async def member(people: People) -> Person:
    return await people.make()


async def begin(client: httpx.AsyncClient, dues: int, key: str, **body: object) -> httpx.Response:
    path = f"/api/v1/my/dues/{dues}/checkout"
    return await client.post(path, json=body, headers={"Idempotency-Key": key})


async def deliver(client: httpx.AsyncClient, body: bytes, **how: object) -> httpx.Response:
    return await client.post(HOOK, content=body, headers={"Stripe-Signature": signature(body, **how)})  # type: ignore[arg-type]  # passed on


async def money(runtime: Runtime, dues: int) -> tuple[int, int, str, list[str]]:
    """(paid, payments, status of the dues, status of its checkouts)."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        row = await connection.execute(
            text(
                "SELECT amount_paid_cents, (SELECT count(*) FROM payments WHERE dues_payment_id = d.id), status,"
                " array(SELECT status::text FROM checkouts WHERE dues_payment_id = d.id ORDER BY id)"
                " FROM dues_payments d WHERE id = :id"
            ),
            {"id": dues},
        )
        paid, payments, status, checkouts = row.one()
    return int(paid), int(payments), str(status), list(checkouts)
