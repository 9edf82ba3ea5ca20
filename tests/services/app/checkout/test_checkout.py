"""Card payments: what the provider says once, twice, late, out of order or never, money is recorded exactly once."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from devcluster.services.stripe_mock import stripe_mock
from ip2a.checkout.provider import SessionOrder, Stripe
from ip2a.checkout.service import reconcile
from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from ip2a.worker.work import Tools
from tests.services.app.checkout.conftest import HOOK, begin, deliver, money
from tests.services.app.checkout.fake_checkout import FakeCheckout, signature
from tests.services.app.conftest import DUE_CENTS, People, Person, browser, log_in
from tests.services.conftest import or_fail


async def test_a_month_is_paid_once_however_often_the_message_comes(
    paying: Runtime, provider: tuple[FakeCheckout, str], member: Person
) -> None:
    fake, dues = provider[0], member.dues_ids[0]
    async with browser(paying) as client:
        await log_in(client, member)
        first, again = await begin(client, dues, "card-key-1"), await begin(client, dues, "card-key-1")
        assert (first.status_code, first.json()) == (201, again.json())
        assert first.json()["url"].startswith("https://checkout.stripe.com/")
        assert (await begin(client, dues, "card-key-1", amount_cents=100)).status_code == 422
        assert (await begin(client, dues, "card-key-2", amount_cents=DUE_CENTS + 1)).status_code == 409
        free = await client.post(
            f"/api/v1/my/dues/{dues}/payments", json={"amount_cents": 1}, headers={"Idempotency-Key": "for-nothing"}
        )
        assert free.json()["type"] == "urn:ip2a:problem:pay-by-card"
        number = fake.by_key[f"ip2a-checkout-{first.json()['id']}"]
        assert (await client.get("/api/v1/my/dues")).json()["summary"]["paid_cents"] == 0
        fake.set(number, status="complete", payment_status="paid")
        one, other = fake.event(number), fake.event(number, "async_payment_succeeded")
        answers = await asyncio.gather(*(deliver(client, body) for body in (one, other) * 10))
        assert {answer.status_code for answer in answers} == {200}
        outcomes = sorted(answer.json()["outcome"] for answer in answers)
        assert outcomes == ["ignored"] + ["repeated"] * 18 + ["taken"]
        assert await money(paying, dues) == (DUE_CENTS, 1, "paid", ["paid"])
        assert (await client.get("/api/v1/my/dues")).json()["summary"]["paid_cents"] == DUE_CENTS
        assert (await begin(client, dues, "card-key-3")).status_code == 409


async def test_only_signed_messages_count(paying: Runtime, provider: tuple[FakeCheckout, str], member: Person) -> None:
    fake, dues = provider[0], member.dues_ids[0]
    async with browser(paying) as client:
        await log_in(client, member)
        made = (await begin(client, dues, "signed-1")).json()
        number = fake.by_key[f"ip2a-checkout-{made['id']}"]
        fake.set(number, status="complete", payment_status="paid")
        body = fake.event(number)
        assert (await client.post(HOOK, content=body)).status_code == 400
        assert (await deliver(client, body, secret="whsec_other")).status_code == 400
        assert (await deliver(client, body, at=time.time() - 301)).status_code == 400
        forged = await client.post(HOOK, content=body + b" ", headers={"Stripe-Signature": signature(body)})
        assert forged.status_code == 400
        assert await money(paying, dues) == (0, 0, "due", ["open"])


async def test_order_does_not_matter(paying: Runtime, provider: tuple[FakeCheckout, str], people: People) -> None:
    fake, dice = provider[0], Random(46)
    async with browser(paying) as client:
        for round_number in range(6):
            member = await people.make(months=1)
            await log_in(client, member)
            made = (await begin(client, member.dues_ids[0], f"order-number-{round_number}")).json()
            number = fake.by_key[f"ip2a-checkout-{made['id']}"]
            bodies = []
            fake.set(number, status="complete")
            bodies.append(fake.event(number))
            fake.set(number, payment_status="paid")
            bodies.append(fake.event(number, "async_payment_succeeded"))
            fake.set(number, status="expired", payment_status="unpaid")
            bodies.append(fake.event(number, "expired"))
            bodies *= 2
            dice.shuffle(bodies)
            for body in bodies:
                assert (await deliver(client, body)).status_code == 200
            assert await money(paying, member.dues_ids[0]) == (DUE_CENTS, 1, "paid", ["paid"])


async def test_money_for_dues_that_were_paid_meanwhile_is_not_lost(
    paying: Runtime, provider: tuple[FakeCheckout, str], people: People, member: Person
) -> None:
    fake, dues = provider[0], member.dues_ids[0]
    async with browser(paying) as client:
        await log_in(client, member)
        made = (await begin(client, dues, "too-late-1")).json()
        async with browser(paying) as desk:
            await log_in(desk, await people.make("staff"))
            cash = {"amount_cents": DUE_CENTS, "method": "cash"}
            path = f"/api/v1/dues/{dues}/payments"
            assert (await desk.post(path, json=cash, headers={"Idempotency-Key": "cash-1234"})).status_code == 201
            number = fake.by_key[f"ip2a-checkout-{made['id']}"]
            fake.set(number, status="complete", payment_status="paid")
            assert (await deliver(client, fake.event(number))).status_code == 200
            assert await money(paying, dues) == (DUE_CENTS, 1, "paid", ["unapplied"])
            listed = (await desk.get("/api/v1/payments/unapplied")).json()["items"]
            assert made["id"] in [item["id"] for item in listed]


async def test_lost_messages_are_asked_for(paying: Runtime, provider: tuple[FakeCheckout, str], member: Person) -> None:
    fake = provider[0]
    paid_dues, gone_dues, open_dues = member.dues_ids
    async with browser(paying) as client:
        await log_in(client, member)
        numbers = []
        for dues in (paid_dues, gone_dues, open_dues):
            made = (await begin(client, dues, f"lost-{dues}-key")).json()
            numbers.append(fake.by_key[f"ip2a-checkout-{made['id']}"])
    fake.set(numbers[0], status="complete", payment_status="paid")
    fake.set(numbers[1], status="expired")
    tools = Tools(paying.settings, paying.databases, lambda: datetime.now(UTC) + timedelta(minutes=11))
    for _ in range(2):
        assert "0 to be asked about again" in await reconcile(tools)
    assert await money(paying, paid_dues) == (DUE_CENTS, 1, "paid", ["paid"])
    assert await money(paying, gone_dues) == (0, 0, "due", ["expired"])
    assert await money(paying, open_dues) == (0, 0, "due", ["open"])


async def test_a_provider_that_fails_charges_nothing_and_the_key_goes_on(
    paying: Runtime, provider: tuple[FakeCheckout, str], member: Person
) -> None:
    fake, dues = provider[0], member.dues_ids[0]
    async with browser(paying) as client:
        await log_in(client, member)
        fake.broken, before = True, fake.asked
        refused = await begin(client, dues, "broken-1")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert fake.asked - before == 3
        fake.broken = False
        assert (await begin(client, dues, "broken-1")).status_code == 201
        assert (await money(paying, dues))[3] == ["open"]


async def test_the_database_lets_a_checkout_pay_once(paying: Runtime, member: Person) -> None:
    async with browser(paying) as client:
        await log_in(client, member)
        made = (await begin(client, member.dues_ids[0], "guard-123")).json()
    insert = text(
        "INSERT INTO payments (dues_payment_id, member_id, amount_cents, method, receipt_number, recorded_by_id,"
        " checkout_id) SELECT dues_payment_id, member_id, 1, 'stripe_card', 'R-' || n || '-' || id, user_id, id"
        " FROM checkouts, generate_series(1, 2) n WHERE id = :id"
    )
    with pytest.raises(IntegrityError, match="uq_payments_checkout_id"):
        async with transaction(paying.databases.write, SYSTEM) as connection:
            await connection.execute(insert, {"id": made["id"]})


async def test_stripes_own_description_accepts_what_we_ask(paying: Runtime) -> None:
    with or_fail(), stripe_mock() as server:
        settings = paying.settings.model_copy(update={"stripe_endpoint": f"http://{server.endpoint}"})
        stripe = Stripe(settings)
        order = SessionOrder(
            1,
            7500,
            "Dues of 2026-11",
            "member@local46.example",
            "https://ip2a.local46.example/my/dues?checkout=1",
            "https://ip2a.local46.example/my/dues",
            datetime.now(UTC) + timedelta(hours=1),
        )
        try:
            made = await stripe.create(order)
            assert made.id.startswith("cs_")
            assert (await stripe.retrieve(made.id)).id
            assert (await stripe.refund(1, "pi_any", 100)).startswith("re_")
        finally:
            stripe.close()
