"""Payments under concurrency, through real PgBouncer: exactly once, never more than is due."""

import asyncio
import html
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import httpx
import psycopg
import pytest
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import IntegrityError

from ip2a.checkout.repository import charge
from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.database.pipeline import Call
from ip2a.database.writing import Written
from ip2a.pages.rendering import day as in_words
from ip2a.payments.models import PaymentMethod
from ip2a.payments.receipts import SHOWN
from ip2a.payments.repository import EXPLAIN, RECORD, PaymentOrder
from ip2a.runtime import Runtime
from ip2a.web.cookies import ACCESS
from tests.services.app.conftest import DUE_CENTS, PASSWORD, People, Person, browser, log_in


async def stored(runtime: Runtime, dues_id: int) -> tuple[int, int, str]:
    """(paid according to the dues row, sum of its payments, status)."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        row = (
            await connection.execute(
                text(
                    "SELECT amount_paid_cents, status, (SELECT coalesce(sum(amount_cents), 0) FROM payments"
                    " WHERE dues_payment_id = d.id) FROM dues_payments d WHERE id = :id"
                ),
                {"id": dues_id},
            )
        ).one()
    return int(row[0]), int(row[2]), str(row[1])


def pay(client: httpx.AsyncClient, dues_id: int, cents: object, key: str) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(
        client.post(
            f"/api/v1/my/dues/{dues_id}/payments",
            json={"amount_cents": cents},
            headers={"Idempotency-Key": key},
        )
    )


@pytest.fixture
async def member(people: People, client: httpx.AsyncClient) -> Person:
    person = await people.make()
    await log_in(client, person)
    return person


async def test_a_payment_pays_and_its_key_replays(runtime: Runtime, client: httpx.AsyncClient, member: Person) -> None:
    dues_id = member.dues_ids[0]
    first = await pay(client, dues_id, 2500, "key-number-1")
    again = await pay(client, dues_id, 2500, "key-number-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert [answer.headers.get("idempotent-replayed") for answer in (first, again)] == [None, "true"]
    assert await stored(runtime, dues_id) == (2500, 2500, "partial")
    rest = await pay(client, dues_id, DUE_CENTS - 2500, "key-number-2")
    assert rest.json()["balance_cents"] == 0
    assert (await pay(client, dues_id, 2500, "key-number-1")).content == first.content, "as it was then"
    assert await stored(runtime, dues_id) == (DUE_CENTS, DUE_CENTS, "paid")
    closed = await pay(client, dues_id, 1, "key-number-3")
    assert closed.status_code == 409
    assert "paid" in closed.json()["detail"]


async def test_a_key_belongs_to_one_request(client: httpx.AsyncClient, member: Person) -> None:
    assert (await pay(client, member.dues_ids[0], 100, "same-key-1")).status_code == 201
    other_amount = await pay(client, member.dues_ids[0], 101, "same-key-1")
    other_month = await pay(client, member.dues_ids[1], 100, "same-key-1")
    assert [other_amount.status_code, other_month.status_code] == [422, 422]
    assert other_amount.json()["type"] == "urn:ip2a:problem:idempotency-key-reused"


async def test_parallel_payments_add_up(runtime: Runtime, client: httpx.AsyncClient, member: Person) -> None:
    dues_id = member.dues_ids[0]
    answers = await asyncio.gather(*(pay(client, dues_id, 500, f"parallel-{n}") for n in range(20)))
    accepted = [answer for answer in answers if answer.status_code == 201]
    assert len(accepted) == DUE_CENTS // 500
    assert {answer.status_code for answer in answers} == {201, 409}
    assert len({answer.json()["receipt_number"] for answer in accepted}) == len(accepted)
    assert await stored(runtime, dues_id) == (DUE_CENTS, DUE_CENTS, "paid")


async def test_one_key_in_parallel_pays_once(runtime: Runtime, client: httpx.AsyncClient, member: Person) -> None:
    dues_id = member.dues_ids[1]
    answers = await asyncio.gather(*(pay(client, dues_id, 700, "only-once-1") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await stored(runtime, dues_id) == (700, 700, "partial")


async def test_nobody_pays_for_another_member(
    runtime: Runtime, client: httpx.AsyncClient, member: Person, people: People
) -> None:
    other = await people.make()
    answer = await pay(client, other.dues_ids[0], 100, "not-mine-1")
    assert answer.status_code == 404
    assert await stored(runtime, other.dues_ids[0]) == (0, 0, "due")


async def test_staff_record_payments_of_any_member(runtime: Runtime, client: httpx.AsyncClient, people: People) -> None:
    member, staff, instructor = await people.make(), await people.make("staff"), await people.make("instructor")
    path = f"/api/v1/dues/{member.dues_ids[0]}/payments"
    request = {"json": {"amount_cents": 100, "method": "check"}, "headers": {"Idempotency-Key": "by-staff-1"}}
    await log_in(client, staff)
    assert (await client.post(path, **request)).status_code == 201  # type: ignore[arg-type]
    await log_in(client, instructor)
    assert (await client.post(path, **request)).status_code == 403  # type: ignore[arg-type]
    assert await stored(runtime, member.dues_ids[0]) == (100, 100, "partial")


async def test_the_summary_tells_of_the_last_payment(
    runtime: Runtime, client: httpx.AsyncClient, member: Person, people: People
) -> None:
    """Cached, and told anew after a payment of the member's own and one that the office records."""

    async def last(phone: httpx.AsyncClient) -> str | None:
        told: str | None = (await phone.get("/api/v1/my/dues")).json()["summary"]["last_payment_at"]
        return told

    assert await last(client) is None
    assert await last(client) is None, "from the cache"
    paid = await pay(client, member.dues_ids[0], 2500, "last-payment-1")
    assert await last(client) == paid.json()["recorded_at"]
    async with browser(runtime) as desk:
        await log_in(desk, await people.make("staff"))
        order = {"amount_cents": 100, "method": "cash"}
        path = f"/api/v1/dues/{member.dues_ids[1]}/payments"
        later = await desk.post(path, json=order, headers={"Idempotency-Key": "last-payment-2"})
        page = (await desk.get(f"/office/members/{member.member_id}")).text
    assert await last(client) == later.json()["recorded_at"] > paid.json()["recorded_at"]
    day = in_words(datetime.fromisoformat(later.json()["recorded_at"]))
    for shown in (page, (await client.get("/my/dues")).text):
        assert f"<dt>Last payment</dt><dd>{day}</dd>" in shown


@pytest.mark.parametrize("amount", [0, -1, 1_000_001, 1.5, "100", None])
async def test_wrong_amounts_are_named(client: httpx.AsyncClient, member: Person, amount: object) -> None:
    answer = await pay(client, member.dues_ids[0], amount, "wrong-amount")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "amount_cents"


async def test_the_database_refuses_overpayment_by_itself(runtime: Runtime, member: Person) -> None:
    with pytest.raises(IntegrityError, match="ck_dues_payments_paid"):
        async with transaction(runtime.databases.write, SYSTEM) as connection:
            await connection.execute(
                text("UPDATE dues_payments SET amount_paid_cents = amount_due_cents + 1 WHERE id = :id"),
                {"id": member.dues_ids[0]},
            )


async def test_a_refusal_is_true_when_it_is_given(
    runtime: Runtime, client: httpx.AsyncClient, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dues take nothing when the payment comes, and take it when the platform looks why."""
    dues_id = member.dues_ids[0]
    set_due = text("UPDATE dues_payments SET amount_due_cents = :due WHERE id = :id")
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(set_due, {"due": 1, "id": dues_id})
    explained = 0
    run = runtime.writer.run

    async def raised_before_it_is_explained(identity: Identity, call: Call, route_class: str = "write") -> Written:
        nonlocal explained
        if call[0] is EXPLAIN:
            explained += 1
            async with transaction(runtime.databases.write, SYSTEM) as connection:
                await connection.execute(set_due, {"due": DUE_CENTS, "id": dues_id})
        return await run(identity, call, route_class)

    monkeypatch.setattr(runtime.writer, "run", raised_before_it_is_explained)
    answer = await pay(client, dues_id, 2500, "key-number-1")
    assert answer.status_code == 201, answer.text
    assert (answer.status_code, answer.json()["balance_cents"], explained) == (201, DUE_CENTS - 2500, 1)
    assert await stored(runtime, dues_id) == (2500, 2500, "partial")


TAKE_NEXT_NUMBER = text(
    """
    WITH numbered AS (SELECT nextval('payments_id_seq') AS id),
    charged AS (
        UPDATE dues_payments SET amount_paid_cents = 5, status = 'partial' WHERE id = :dues_id RETURNING id, member_id)
    INSERT INTO payments (id, dues_payment_id, member_id, amount_cents, method, receipt_number, recorded_by_id)
    SELECT numbered.id, charged.id, member_id, 5, 'cash',
        'RCP-' || to_char(now() AT TIME ZONE 'America/Los_Angeles', 'YYYYMM') || '-'
            || lpad(to_hex(numbered.id + 1), 8, '0'), :user_id
    FROM numbered, charged RETURNING id
    """
)


async def test_a_receipt_number_that_is_taken_is_no_used_key(
    runtime: Runtime, client: httpx.AsyncClient, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payment that was loaded bears the very number that the next payment would get."""
    loaded, dues_id, *_ = member.dues_ids
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        values = {"dues_id": loaded, "user_id": member.user_id}
        number = (await connection.execute(TAKE_NEXT_NUMBER, values)).scalar_one()
    asked = []
    run = runtime.writer.run

    async def noted(identity: Identity, call: Call, route_class: str = "write") -> Written:
        asked.append(call[0])
        return await run(identity, call, route_class)

    monkeypatch.setattr(runtime.writer, "run", noted)
    answer = await pay(client, dues_id, 1, "key-number-1")
    assert answer.status_code == 201, answer.text
    assert answer.json()["payment_id"] == number + 2
    assert asked == [RECORD, RECORD], "nobody asks why the dues did not take it"
    assert await stored(runtime, dues_id) == (1, 1, "partial")


LOADED = text(
    """
    WITH charged AS (
        UPDATE dues_payments SET amount_paid_cents = :count, status = 'partial' WHERE id = :dues_id
        RETURNING id, member_id)
    INSERT INTO payments (dues_payment_id, member_id, amount_cents, method, receipt_number, recorded_by_id, recorded_at)
    SELECT charged.id, member_id, 1, 'cash', 'RCP-202606-' || lpad(to_hex(charged.id * 1000 + n), 8, '0'), :user_id,
        cast(:newest AS timestamptz) - make_interval(mins => :count - n)
    FROM charged, generate_series(1, :count) n ORDER BY n % 7, n RETURNING id
    """
)


async def load(runtime: Runtime, person: Person, count: int, newest: datetime) -> list[int]:
    """Payments that came from elsewhere, whose ids do not follow their times."""
    values = {"count": count, "dues_id": person.dues_ids[0], "user_id": person.user_id, "newest": newest}
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        return list((await connection.execute(LOADED, values)).scalars())


async def test_no_page_of_payments_leaves_one_out(runtime: Runtime, client: httpx.AsyncClient, member: Person) -> None:
    loaded = await load(runtime, member, SHOWN + 20, datetime(2026, 6, 1, 2, tzinfo=UTC))
    first = (await client.get("/my/payments")).text
    (before,) = re.findall(r"/my/payments\?before=(\d+)", first)
    second = (await client.get("/my/payments", params={"before": before})).text
    shown = [[int(number) for number in re.findall(r'href="/my/payments/(\d+)"', page)] for page in (first, second)]
    assert [len(page) for page in shown] == [SHOWN, 20]
    assert sorted(shown[0] + shown[1]) == sorted(loaded)


async def test_a_receipt_says_the_day_on_the_locals_calendar(
    runtime: Runtime, client: httpx.AsyncClient, member: Person
) -> None:
    """02:00 UTC of June 1 is an evening of May in Seattle."""
    (payment,) = await load(runtime, member, 1, datetime(2026, 6, 1, 2, tzinfo=UTC))
    for page in ("/my/payments", f"/my/payments/{payment}", f"/my/payments/{payment}?download=true"):
        shown = (await client.get(page)).text
        assert "May 31, 2026" in shown, page
        assert "Jun 1, 2026" not in shown, page


EVENING = """
    CREATE SCHEMA evening;
    CREATE FUNCTION evening.now() RETURNS timestamptz LANGUAGE sql RETURN timestamptz '2026-06-01 02:00+00';
    GRANT USAGE ON SCHEMA evening TO ip2a_app
"""


async def test_a_receipts_month_is_the_locals(runtime: Runtime, as_owner: str, member: Person) -> None:
    """Whatever the database's zone, and by hand as by card; only what the statements themselves call `now` is moved."""
    async with await psycopg.AsyncConnection.connect(as_owner, autocommit=True) as owner:
        await owner.execute(EVENING)
    checkout = {"id": None, "dues_payment_id": member.dues_ids[1], "member_id": member.member_id}
    order = PaymentOrder(member.dues_ids[0], member.member_id, 1, PaymentMethod.CASH, member.user_id, "evening-1", b"")
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text("SET LOCAL search_path = evening, pg_catalog, public"))
        assert await charge(connection, cast("RowMapping", {**checkout, "user_id": member.user_id}), 1, "stripe_card")
        raw = (await connection.get_raw_connection()).driver_connection
        assert isinstance(raw, psycopg.AsyncConnection)
        values = [None if value is None else value.decode() for value in order.parameters()]
        by_hand = await psycopg.AsyncRawCursor(raw).execute(RECORD.sql, values)
        assert await by_hand.fetchone() is not None
        numbers = await connection.execute(
            text("SELECT receipt_number FROM payments WHERE member_id = :id"), {"id": member.member_id}
        )
        assert {number[:11] for number in numbers.scalars()} == {"RCP-202605-"}


async def test_nobody_is_taken_at_their_word_in_production(
    runtime: Runtime, client: httpx.AsyncClient, member: Person, people: People
) -> None:
    settings = runtime.settings.model_copy(update={"environment": "production"})
    dues_id, csrf = member.dues_ids[0], client.headers["X-CSRF-Token"]
    async with browser(replace(runtime, settings=settings)) as live:
        live.headers.update({"X-CSRF-Token": csrf, "Cookie": f"{ACCESS}={client.cookies[ACCESS]}"})
        refused = await pay(live, dues_id, 100, "own-word-1")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:ip2a:problem:pay-at-the-office")
        form = {"csrf_token": csrf, "amount_cents": "100", "idempotency_key": "own-word-2"}
        by_page = await live.post(f"/my/dues/{dues_id}/pay", data=form)
        assert (by_page.status_code, "pay at the local's office" in html.unescape(by_page.text)) == (409, True)
        shown = html.unescape((await live.get("/my/dues")).text)
        assert ("pay at the local's office" in shown, f"/my/dues/{dues_id}/" in shown) == (True, False)
        office = await people.make("staff")
        live.headers.pop("Cookie")
        live.headers["Authorization"] = f"Bearer {await bearer(runtime, office)}"
        by_hand = await live.post(
            f"/api/v1/dues/{dues_id}/payments",
            json={"amount_cents": 100, "method": "cash"},
            headers={"Idempotency-Key": "by-hand-1"},
        )
        assert by_hand.status_code == 201, by_hand.text
    assert await stored(runtime, dues_id) == (100, 100, "partial")
    assert f"/my/dues/{dues_id}/pay" in (await client.get("/my/dues")).text, "in development it is shown"


async def bearer(runtime: Runtime, person: Person) -> str:
    async with browser(runtime) as program:
        answer = await program.post("/api/v1/auth/login", json={"email": person.email, "password": PASSWORD})
    token: str = answer.json()["access_token"]
    return token


async def test_a_method_is_what_it_can_be(runtime: Runtime, client: httpx.AsyncClient, people: People) -> None:
    """Members pay online; what came through the provider is told by the provider alone."""
    member = await people.make()

    async def refused(path: str, method: str) -> bool:
        answer = await client.post(
            path, json={"amount_cents": 1, "method": method}, headers={"Idempotency-Key": f"method-{method}"}
        )
        if answer.status_code == 422:
            assert answer.json()["errors"][0]["field"] == "method", answer.text
        return answer.status_code == 422

    dues_id = member.dues_ids[0]
    await log_in(client, member)
    taken = [each for each in PaymentMethod if not await refused(f"/api/v1/my/dues/{dues_id}/payments", each)]
    assert taken == [PaymentMethod.ONLINE]
    await log_in(client, await people.make("staff"))
    turned_down = [each for each in PaymentMethod if await refused(f"/api/v1/dues/{dues_id}/payments", each)]
    assert turned_down == [PaymentMethod.STRIPE_CARD, PaymentMethod.STRIPE_ACH, PaymentMethod.STRIPE_OTHER]
