"""Refunds: asked for and approved by two people, given back once, whatever the provider says in which order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import httpx
import pytest
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.refunds.service import reconcile
from ip2a.runtime import Runtime
from ip2a.worker.work import Tools
from tests.services.app.checkout.conftest import begin, deliver, money
from tests.services.app.checkout.fake_checkout import FakeCheckout
from tests.services.app.conftest import DUE_CENTS, People, Person, browser, log_in

PAYMENTS, REFUNDS = "/api/v1/payments", "/api/v1/payments/refunds"
PART = 2500  # cents


@dataclass(frozen=True)
class Office:
    """A clerk who asks and an officer who decides; the member's browser; the provider."""

    clerk: httpx.AsyncClient
    officer: httpx.AsyncClient
    member: httpx.AsyncClient
    person: Person
    fake: FakeCheckout
    runtime: Runtime

    async def begun(self, dues_id: int) -> str:
        """A session at the provider; its name."""
        made = (await begin(self.member, dues_id, f"refund-{dues_id}-key")).json()
        return self.fake.by_key[f"ip2a-checkout-{made['id']}"]

    async def paid_by_card(self, dues_id: int) -> tuple[str, int]:
        """A month paid by card: (session, payment)."""
        number = await self.begun(dues_id)
        self.fake.set(number, status="complete", payment_status="paid")
        assert (await deliver(self.member, self.fake.event(number))).json()["outcome"] == "taken"
        return number, await self.payment_of(dues_id)

    async def payment_of(self, dues_id: int) -> int:
        """The one payment of a month."""
        async with transaction(self.runtime.databases.write, SYSTEM) as connection:
            found = await connection.execute(text("SELECT id FROM payments WHERE dues_payment_id = :d"), {"d": dues_id})
            return int(found.scalar_one())

    async def ask(self, payment_id: int, cents: int = PART) -> httpx.Response:
        """The clerk asks for a refund."""
        order = {"amount_cents": cents, "reason": "paid twice"}
        return await self.clerk.post(f"{PAYMENTS}/{payment_id}/refunds", json=order)

    async def standing(self, dues_id: int) -> tuple[int, str, list[str]]:
        """(paid, status of the month, status of its refunds)."""
        paid, _, status, _ = await money(self.runtime, dues_id)
        async with transaction(self.runtime.databases.write, SYSTEM) as connection:
            found = await connection.execute(
                text("SELECT status FROM refunds WHERE dues_payment_id = :d ORDER BY id"), {"d": dues_id}
            )
            return paid, status, list(found.scalars())


@pytest.fixture
async def office(
    paying: Runtime, provider: tuple[FakeCheckout, str], people: People, member: Person
) -> AsyncIterator[Office]:
    async with AsyncExitStack() as stack:
        clients = []
        for person in (await people.make("staff"), await people.make("officer"), member):
            client = await stack.enter_async_context(browser(paying))
            await log_in(client, person)
            clients.append(client)
        yield Office(clients[0], clients[1], clients[2], member, provider[0], paying)


async def test_a_refund_needs_two_people_and_is_given_once(office: Office) -> None:
    fake, dues = office.fake, office.person.dues_ids[0]
    number, payment = await office.paid_by_card(dues)
    asked = await office.ask(payment)
    assert (asked.status_code, asked.json()["status"]) == (201, "pending")
    approve = f"{REFUNDS}/{asked.json()['id']}/approve"
    assert (await office.clerk.post(approve)).status_code == 403
    assert (await office.standing(dues))[0] == DUE_CENTS
    before = len(fake.refunds)
    answers = await asyncio.gather(*(office.officer.post(approve) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["status"] for answer in answers} == {"refunded"}
    assert len(fake.refunds) - before == 1
    assert await office.standing(dues) == (DUE_CENTS - PART, "overdue", ["refunded"])
    told = await asyncio.gather(*(deliver(office.member, fake.charge(number, PART)) for _ in range(8)))
    assert {answer.json()["outcome"] for answer in told} == {"ignored"}, "our own refund is no news"
    assert (await office.member.get("/api/v1/my/dues")).json()["summary"]["paid_cents"] == DUE_CENTS - PART
    for page in ("/my/payments", f"/my/payments/{payment}"):
        shown = " ".join((await office.member.get(page)).text.split())
        assert "refunded $25.00" in shown or "<dt>Refunded</dt><dd>$25.00" in shown, page
    assert (await office.officer.post(f"{REFUNDS}/{asked.json()['id']}/deny")).status_code == 409
    listed = (await office.clerk.get(REFUNDS, params={"status": "refunded"})).json()["items"]
    assert asked.json()["id"] in [item["id"] for item in listed]


async def test_nobody_gives_back_more_than_was_paid_or_what_they_asked_for(office: Office) -> None:
    dues = office.person.dues_ids[0]
    _, payment = await office.paid_by_card(dues)
    assert (await office.ask(payment, DUE_CENTS + 1)).json()["type"] == "urn:ip2a:problem:more-than-paid"
    assert (await office.ask(payment, DUE_CENTS)).status_code == 201
    assert (await office.ask(payment, 1)).status_code == 409, "what is asked for already counts"
    assert (await office.ask(2**40)).status_code == 404
    own = await office.officer.post(f"{PAYMENTS}/{payment}/refunds", json={"amount_cents": 0, "reason": "none"})
    assert own.json()["errors"][0]["field"] == "amount_cents"
    first = (await office.clerk.get(REFUNDS, params={"limit": 1})).json()["items"][0]["id"]
    assert (await office.officer.post(f"{REFUNDS}/{first}/deny")).json()["status"] == "denied"
    asked = await office.officer.post(f"{PAYMENTS}/{payment}/refunds", json={"amount_cents": 1, "reason": "mine"})
    refused = await office.officer.post(f"{REFUNDS}/{asked.json()['id']}/approve")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:ip2a:problem:own-request")
    assert (await office.officer.post(f"{REFUNDS}/{2**31 - 1}/approve")).status_code == 404
    assert await office.standing(dues) == (DUE_CENTS, "paid", ["denied", "pending"])


async def test_cash_is_given_back_at_the_office(office: Office, people: People) -> None:
    dues = office.person.dues_ids[1]
    cash = {"amount_cents": DUE_CENTS, "method": "cash"}
    key = {"Idempotency-Key": "cash-refund-1"}
    paid = await office.clerk.post(f"/api/v1/dues/{dues}/payments", json=cash, headers=key)
    asked = await office.ask(paid.json()["payment_id"], DUE_CENTS)
    before = office.fake.asked
    approved = await office.officer.post(f"{REFUNDS}/{asked.json()['id']}/approve")
    assert (approved.status_code, approved.json()["status"]) == (200, "refunded")
    assert office.fake.asked == before
    assert await office.standing(dues) == (0, "overdue", ["refunded"])
    assert (await office.member.get("/api/v1/my/dues")).json()["summary"]["paid_cents"] == 0
    again = await office.clerk.post(
        f"/api/v1/dues/{dues}/payments", json=cash, headers={"Idempotency-Key": "cash-refund-2"}
    )
    assert again.status_code == 201, "the month is open again"


async def test_a_provider_that_is_away_gives_back_later(office: Office) -> None:
    """The message may come before the answer does: it is the same refund."""
    fake = office.fake
    for dues, heard in zip(office.person.dues_ids[:2], (True, False), strict=True):
        number, payment = await office.paid_by_card(dues)
        approve = f"{REFUNDS}/{(await office.ask(payment)).json()['id']}/approve"
        fake.broken = True
        away = await office.officer.post(approve)
        assert (away.status_code, away.json()["type"]) == (503, "urn:ip2a:problem:provider-unavailable")
        assert await office.standing(dues) == (DUE_CENTS, "paid", ["approved"])
        fake.broken = False
        if heard:
            assert (await deliver(office.member, fake.charge(number, PART))).json()["outcome"] == "taken"
            assert (await office.standing(dues))[2] == ["refunded"]
        assert (await office.officer.post(approve)).json()["status"] == "refunded"
        assert await office.standing(dues) == (DUE_CENTS - PART, "overdue", ["refunded"])


async def test_a_refused_refund_changes_nothing(office: Office) -> None:
    dues = office.person.dues_ids[0]
    _, payment = await office.paid_by_card(dues)
    asked = await office.ask(payment)
    office.fake.refusing = True
    refused = await office.officer.post(f"{REFUNDS}/{asked.json()['id']}/approve")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:ip2a:problem:provider-refused")
    office.fake.refusing = False
    assert await office.standing(dues) == (DUE_CENTS, "paid", ["failed"])
    assert (await office.ask(payment, DUE_CENTS)).status_code == 201, "it may be asked for again"


async def test_what_nobody_heard_the_end_of_is_asked_about_again(office: Office) -> None:
    dues = office.person.dues_ids[0]
    _, payment = await office.paid_by_card(dues)
    office.fake.broken = True
    assert (
        await office.officer.post(f"{REFUNDS}/{(await office.ask(payment)).json()['id']}/approve")
    ).status_code == 503
    office.fake.broken = False
    tools = Tools(office.runtime.settings, office.runtime.databases, lambda: datetime.now(UTC) + timedelta(minutes=11))
    for _ in range(2):
        assert "0 refused" in await reconcile(tools)
    assert await office.standing(dues) == (DUE_CENTS - PART, "overdue", ["refunded"])


async def test_order_and_repetition_do_not_matter(office: Office, people: People) -> None:
    """Paid, then given back in three parts at the provider; messages twice and shuffled. Refused ones come again."""
    fake, dice = office.fake, Random(46)
    for _ in range(5):
        member = await people.make(months=1)
        await log_in(office.member, member)
        dues = member.dues_ids[0]
        number = await office.begun(dues)
        fake.set(number, status="complete", payment_status="paid")
        messages = [fake.event(number), *(fake.charge(number, cents) for cents in (1000, 4000, 5000))] * 2
        dice.shuffle(messages)
        waiting = messages
        while waiting:
            refused = [body for body in waiting if (await deliver(office.member, body)).status_code == 409]
            assert len(refused) < len(waiting)
            waiting = refused
        paid, status, refunds = await office.standing(dues)
        assert (paid, status, set(refunds)) == (DUE_CENTS - 5000, "overdue", {"refunded"})


async def test_money_that_was_too_late_is_refunded_at_the_provider(office: Office) -> None:
    fake, dues = office.fake, office.person.dues_ids[2]
    number = await office.begun(dues)
    cash = {"amount_cents": DUE_CENTS, "method": "cash"}
    key = {"Idempotency-Key": "too-late-refund"}
    assert (await office.clerk.post(f"/api/v1/dues/{dues}/payments", json=cash, headers=key)).status_code == 201
    fake.set(number, status="complete", payment_status="paid")
    await deliver(office.member, fake.event(number))
    assert (await money(office.runtime, dues))[3] == ["unapplied"]
    assert (await deliver(office.member, fake.charge(number, DUE_CENTS))).json()["outcome"] == "taken"
    assert await money(office.runtime, dues) == (DUE_CENTS, 1, "paid", ["refunded"])
    stranger = fake.charge(number, DUE_CENTS).replace(b"pi_fake", b"pi_other").replace(b"checkout_id", b"other")
    assert (await deliver(office.member, stranger)).json()["outcome"] == "ignored", "a charge that is none of ours"
