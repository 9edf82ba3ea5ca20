"""Months are generated once, adjustments need two people, and what is due never falls below what is paid."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ip2a.billing.service import mark_overdue_nightly
from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import DUE_CENTS, People, Person, browser, log_in

PERIODS, ADJUSTMENTS = "/api/v1/dues/periods", "/api/v1/dues/adjustments"


@pytest.fixture
async def rates(runtime: Runtime) -> None:
    """Journeyman $75, then $80 from 2031; honorary nothing; no rate for apprentices of the first year."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text(
                "INSERT INTO dues_rates (classification, monthly_amount_cents, effective_date) VALUES"
                " ('journeyman', 7500, '2020-01-01'), ('journeyman', 8000, '2031-01-01'), ('honorary', 0, '2020-01-01')"
                " ON CONFLICT DO NOTHING"
            )
        )


async def crowd(runtime: Runtime, count: int, classification: str, status: str = "active") -> None:
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text(
                "INSERT INTO members (member_number, first_name, last_name, status, classification)"
                " SELECT gen_random_uuid()::text, 'A', 'B', :status, :classification FROM generate_series(1, :count)"
            ),
            {"count": count, "classification": classification, "status": status},
        )


async def stored(runtime: Runtime, dues_id: int) -> tuple[int, int, str]:
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        row = await connection.execute(
            text("SELECT amount_due_cents, amount_paid_cents, status FROM dues_payments WHERE id = :id"),
            {"id": dues_id},
        )
        due, paid, status = row.one()
    return int(due), int(paid), str(status)


async def test_a_month_is_generated_once(
    runtime: Runtime, client: httpx.AsyncClient, people: People, rates: None
) -> None:
    await crowd(runtime, 300, "journeyman")
    await crowd(runtime, 5, "honorary")
    await crowd(runtime, 5, "apprentice_1")
    await crowd(runtime, 5, "journeyman", "retired")
    await log_in(client, await people.make("staff"))
    month = {"year": 2032, "month": 2}
    answers = await asyncio.gather(*(client.post(PERIODS, json=month) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    (made,) = [answer.json() for answer in answers if answer.status_code == 201]
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        rows = await connection.execute(
            text(
                "SELECT m.classification, m.status, d.amount_due_cents, d.status, count(*) FROM dues_payments d"
                " JOIN members m ON m.id = d.member_id WHERE period_id = :id GROUP BY 1, 2, 3, 4 ORDER BY 1"
            ),
            {"id": made["id"]},
        )
        counted = [tuple(row) for row in rows]
    assert counted[0] == ("honorary", "active", 0, "waived", 5)
    assert counted[1][:4] == ("journeyman", "active", 8000, "pending")
    assert counted[1][4] >= 300
    assert len(counted) == 2
    assert made["generated"] == counted[0][4] + counted[1][4]
    assert (made["due_date"], made["grace_period_end"]) == ("2032-02-01", "2032-02-15")
    await crowd(runtime, 2, "journeyman")
    assert (await client.post(PERIODS, json=month)).json()["generated"] == 2
    page = (await client.get(f"{PERIODS}/{made['id']}/payments", params={"limit": 3, "status": "pending"})).json()
    assert len(page["items"]) == 3
    assert page["next"]
    assert (await client.post(f"{PERIODS}/{made['id']}/close")).json()["is_closed"] is True
    assert (await client.post(f"{PERIODS}/{made['id']}/close")).status_code == 409
    assert (await client.post(PERIODS, json=month)).status_code == 409


async def ask(client: httpx.AsyncClient, member: Person, cents: int, key: str) -> httpx.Response:
    order = {
        "dues_payment_id": member.dues_ids[0],
        "adjustment_type": "hardship",
        "amount_cents": cents,
        "reason": "laid off",
    }
    return await client.post(ADJUSTMENTS, json=order, headers={"Idempotency-Key": key})


async def test_whoever_asks_does_not_decide(runtime: Runtime, client: httpx.AsyncClient, people: People) -> None:
    member, staff, officer = await people.make(), await people.make("staff"), await people.make("officer")
    await log_in(client, staff)
    first, again = await ask(client, member, -2500, "hardship-1"), await ask(client, member, -2500, "hardship-1")
    assert (first.status_code, first.json()["id"]) == (201, again.json()["id"])
    assert (await ask(client, member, -2600, "hardship-1")).status_code == 422
    assert (await ask(client, member, 0, "hardship-2")).status_code == 422
    path = f"{ADJUSTMENTS}/{first.json()['id']}"
    assert (await client.post(f"{path}/approve")).status_code == 403
    assert await stored(runtime, member.dues_ids[0]) == (DUE_CENTS, 0, "due")
    async with browser(runtime) as office:
        await log_in(office, officer)
        answers = await asyncio.gather(*(office.post(f"{path}/approve") for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
        assert (await stored(runtime, member.dues_ids[0]))[:2] == (DUE_CENTS - 2500, 0)
        own = await ask(office, member, -100, "by-officer")
        refused = await office.post(f"{ADJUSTMENTS}/{own.json()['id']}/approve")
        assert refused.json()["type"] == "urn:ip2a:problem:own-request"
        listed = (await office.get(ADJUSTMENTS, params={"status": "pending"})).json()["items"]
        assert own.json()["id"] in {item["id"] for item in listed}
        assert (await office.post(f"{ADJUSTMENTS}/{2**31 - 1}/deny")).status_code == 404


async def test_nobody_decides_on_their_own_dues(runtime: Runtime, client: httpx.AsyncClient, people: People) -> None:
    """An officer who is a member, asked for by somebody else."""
    officer, staff = await people.make(), await people.make("staff")
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text("INSERT INTO user_roles (user_id, role_id) SELECT :user, id FROM roles WHERE name = 'officer'"),
            {"user": officer.user_id},
        )
    await log_in(client, staff)
    paid = await client.post(
        f"/api/v1/dues/{officer.dues_ids[0]}/payments",
        json={"amount_cents": 5000, "method": "cash"},
        headers={"Idempotency-Key": "own-dues-1"},
    )
    credit = await ask(client, officer, -100, "own-dues-2")
    refund = await client.post(
        f"/api/v1/payments/{paid.json()['payment_id']}/refunds", json={"amount_cents": 100, "reason": "own"}
    )
    assert [answer.status_code for answer in (credit, refund)] == [201, 201]
    async with browser(runtime) as office:
        await log_in(office, officer)
        for path, kind in (
            (f"{ADJUSTMENTS}/{credit.json()['id']}", "own-dues"),
            (f"/api/v1/payments/refunds/{refund.json()['id']}", "own-payment"),
        ):
            for decision in ("approve", "deny"):
                refused = await office.post(f"{path}/{decision}")
                assert (refused.status_code, refused.json()["type"]) == (403, f"urn:ip2a:problem:{kind}")
    assert await stored(runtime, officer.dues_ids[0]) == (DUE_CENTS, 5000, "partial")
    async with browser(runtime) as office:
        await log_in(office, await people.make("officer"))
        assert (await office.post(f"{ADJUSTMENTS}/{credit.json()['id']}/approve")).status_code == 200


async def test_what_is_open_is_written_off_for_good(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    member, staff = await people.make(months=1), await people.make("staff")
    dues_id = member.dues_ids[0]
    await log_in(client, staff)

    async def pay(cents: int) -> int:
        path, order = f"/api/v1/dues/{dues_id}/payments", {"amount_cents": cents, "method": "cash"}
        return (await client.post(path, json=order, headers={"Idempotency-Key": f"written-{cents}"})).status_code

    async def ask_for(cents: int) -> httpx.Response:
        order = {"dues_payment_id": dues_id, "adjustment_type": "write_off", "amount_cents": cents, "reason": "gone"}
        return await client.post(ADJUSTMENTS, json=order, headers={"Idempotency-Key": f"write-off-{cents}"})

    assert await pay(2500) == 201
    assert (await ask_for(5000)).json()["type"] == "urn:ip2a:problem:no-write-off"
    less, all_of_it = await ask_for(-4999), await ask_for(2500 - DUE_CENTS)
    later = await ask(client, member, -100, "write-off-later")
    async with browser(runtime) as office:
        await log_in(office, await people.make("officer"))
        refused = await office.post(f"{ADJUSTMENTS}/{less.json()['id']}/approve")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:ip2a:problem:not-what-is-open")
        assert (await stored(runtime, dues_id))[2] != "written_off"
        done = await office.post(f"{ADJUSTMENTS}/{all_of_it.json()['id']}/approve")
        assert (done.status_code, done.json()["dues_status"]) == (200, "written_off"), done.text
        assert (await office.post(f"{ADJUSTMENTS}/{later.json()['id']}/approve")).status_code == 409
    assert await stored(runtime, dues_id) == (DUE_CENTS, 2500, "written_off")
    assert await pay(1) == 409
    async with browser(runtime) as phone:
        await log_in(phone, member)
        assert (await phone.get("/api/v1/my/dues")).json()["summary"]["balance_cents"] == 0
        assert "Pay $" not in (await phone.get("/my/dues")).text


async def test_the_status_follows_and_paid_money_stays(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    member, staff, officer = await people.make(), await people.make("staff"), await people.make("officer")
    await log_in(client, staff)
    paid = await client.post(
        f"/api/v1/dues/{member.dues_ids[0]}/payments",
        json={"amount_cents": 5000, "method": "cash"},
        headers={"Idempotency-Key": "adjusted-1"},
    )
    assert paid.status_code == 201
    steps = ((-2501, 409, (7500, 5000)), (-2500, 200, (5000, 5000)), (2500, 200, (7500, 5000)))
    async with browser(runtime) as office:
        await log_in(office, officer)
        for number, (cents, status, amounts) in enumerate(steps):
            asked = await ask(client, member, cents, f"follow-{number}")
            answer = await office.post(f"{ADJUSTMENTS}/{asked.json()['id']}/approve")
            assert answer.status_code == status
            due, was_paid, standing = await stored(runtime, member.dues_ids[0])
            assert (due, was_paid) == amounts
            assert (standing == "paid") is (due == was_paid)
        asked = await ask(client, member, -100, "deny-this-1")
        denied = await office.post(f"{ADJUSTMENTS}/{asked.json()['id']}/deny")
        assert denied.json()["status"] == "denied"
        assert denied.json()["amount_due_cents"] == 7500


async def test_the_database_wants_two_people_by_itself(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    member, staff = await people.make(), await people.make("staff")
    await log_in(client, staff)
    asked = await ask(client, member, -1, "four-eyes")
    with pytest.raises(IntegrityError, match="ck_dues_adjustments_four_eyes"):
        async with transaction(runtime.databases.write, SYSTEM) as connection:
            await connection.execute(
                text("UPDATE dues_adjustments SET status = 'approved', decided_by_id = requested_by_id WHERE id = :id"),
                {"id": asked.json()["id"]},
            )


async def test_overdue_after_the_grace_period(runtime: Runtime, client: httpx.AsyncClient, people: People) -> None:
    member = await people.make(months=3)
    engine = runtime.databases.write
    before = datetime(2026, 2, 16, 7, 59, tzinfo=UTC)  # still February 15 in Seattle
    await mark_overdue_nightly(engine, before)
    assert [(await stored(runtime, dues))[2] for dues in member.dues_ids] == ["overdue", "due", "due"]
    await mark_overdue_nightly(engine, datetime(2026, 2, 16, 8, 1, tzinfo=UTC))
    assert [(await stored(runtime, dues))[2] for dues in member.dues_ids] == ["overdue", "overdue", "due"]
    await log_in(client, await people.make("staff"))
    assert (await client.post("/api/v1/dues/mark-overdue")).json()["changed"] >= 0


NIGHTLY = ("mark-overdue", "enforce-referral", "extend-audit", "export-audit")
ONE_AFTER_THE_OTHER = (
    "import sys; from ip2a.cli import main\nfor name in sys.argv[1:]: main(['job', name], None, None, False)"
)


def test_jobs_run_from_the_command_line(environment: dict[str, str]) -> None:
    """All in one process: starting another takes longer than a job does."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", *arguments]
        variables = {**environment, "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin"}
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)

    done = run("-c", ONE_AFTER_THE_OTHER, *NIGHTLY)
    assert done.returncode == 0, done.stderr
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == list(NIGHTLY)
    assert run("-m", "ip2a", "job", "nothing").returncode == 2


async def test_a_new_rate_ends_the_one_before(client: httpx.AsyncClient, people: People, rates: None) -> None:
    await log_in(client, await people.make("officer"))
    order = {"classification": "journeyman", "monthly_amount_cents": 9000, "effective_date": "2060-01-01"}
    for _ in range(2):
        answer = await client.post("/api/v1/dues/rates", json=order)
        assert (answer.status_code, answer.json()["end_date"]) == (201, None)
    assert (await client.post("/api/v1/dues/rates", json={**order, "monthly_amount_cents": 1})).status_code == 409
    assert (await client.post("/api/v1/dues/rates", json={**order, "effective_date": "2020-02-01"})).status_code == 422
    listed = (await client.get("/api/v1/dues/rates")).json()
    of_journeymen = {item["effective_date"]: item for item in listed if item["classification"] == "journeyman"}
    assert of_journeymen["2031-01-01"]["end_date"] == "2059-12-31"
    assert of_journeymen["2060-01-01"]["monthly_amount_cents"] == 9000
