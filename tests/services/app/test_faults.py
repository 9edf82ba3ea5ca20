"""Parts are killed, frozen or overrun: no crash, no wrong data, and only 503 with Retry-After where nothing else can be
said; back to normal within ten seconds."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from devcluster.services import PgBouncer, PostgresServer
from ip2a.limits.rates import Rate
from ip2a.runtime import Runtime, create_runtime
from ip2a.settings import load_settings
from tests.services.app.conftest import DUE_CENTS, People, Person, browser, log_in

PROFILE, DUES = "/api/v1/my/profile", "/api/v1/my/dues"
RECOVERY = 10.0  # seconds


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """One that takes the first answer."""
    async with browser(runtime, patient=False) as client:
        yield client


@pytest.fixture
async def member(people: People, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("member", 1_000_000, 1_000_000))
    person = await people.make()
    await log_in(client, person)
    await client.get(PROFILE)
    return person


@pytest.fixture
async def narrow(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runtime]:
    """A process with one connection an engine, and one more for a moment."""
    for name in ("IP2A_DB_POOL_SIZE", "IP2A_DB_MAX_OVERFLOW", "IP2A_DB_READ_POOL_SIZE", "IP2A_DB_READ_MAX_OVERFLOW"):
        monkeypatch.setenv(name, "0" if name.endswith("OVERFLOW") else "2")
    runtime = create_runtime(load_settings())
    await runtime.start()
    yield runtime
    await runtime.close()


def check_refusals(answers: list[httpx.Response]) -> int:
    """Everything is an answer or a 503 that says when to come back; returns how many were refused."""
    refused = [answer for answer in answers if answer.status_code not in {200, 201}]
    for answer in refused:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
    return len(refused)


async def recovers(client: httpx.AsyncClient, path: str) -> None:
    started = time.monotonic()
    while (await client.get(path)).status_code != 200:
        assert time.monotonic() - started < RECOVERY
        await asyncio.sleep(0.2)


async def uncached(client: httpx.AsyncClient, count: int) -> list[httpx.Response]:
    """Reads nobody asked before: each needs the database."""
    return await asyncio.gather(*(client.get(DUES, params={"limit": 1 + n % 100}) for n in range(count)))


async def test_replica_gone_nobody_notices(client: httpx.AsyncClient, member: Person, pgbouncer_ro: PgBouncer) -> None:
    pgbouncer_ro.kill()
    try:
        assert check_refusals(await uncached(client, 8)) == 0
    finally:
        pgbouncer_ro.start()
    assert check_refusals(await uncached(client, 8)) == 0


async def test_pooler_gone_cached_reads_go_on_and_writes_are_refused(
    client: httpx.AsyncClient, member: Person, pgbouncer_rw: PgBouncer
) -> None:
    path = f"/api/v1/my/dues/{member.dues_ids[0]}/payments"

    async def pay(number: int) -> httpx.Response:
        return await client.post(path, json={"amount_cents": 10}, headers={"Idempotency-Key": f"pooler-{number}"})

    acknowledged = 1 if (await pay(0)).status_code == 201 else 0
    assert (await client.get(PROFILE)).status_code == 200
    pgbouncer_rw.kill()
    try:
        refused = [await pay(number) for number in range(1, 4)]
        assert check_refusals(refused) == 3
    finally:
        pgbouncer_rw.start()
    await recovers(client, f"{DUES}?limit=99")
    again = [await pay(number) for number in range(1, 4)]
    assert check_refusals(again) == 0
    paid = (await client.get(DUES)).json()["summary"]["paid_cents"]
    assert paid == 10 * (acknowledged + len(again))


async def test_primary_frozen_then_thawed(
    client: httpx.AsyncClient, member: Person, postgres_primary: PostgresServer
) -> None:
    path = f"/api/v1/my/dues/{member.dues_ids[1]}/payments"
    postgres_primary.freeze()
    try:
        stuck = asyncio.create_task(
            client.post(path, json={"amount_cents": 10}, headers={"Idempotency-Key": "frozen-1"})
        )
        check_refusals([await stuck])
    finally:
        postgres_primary.thaw()
    await recovers(client, f"{DUES}?limit=98")
    repeated = await client.post(path, json={"amount_cents": 10}, headers={"Idempotency-Key": "frozen-1"})
    assert repeated.status_code in {200, 201}, "recorded by the first try or by this one, never by both"
    assert (await client.get(DUES)).json()["items"][1]["amount_paid_cents"] == 10


async def test_a_pool_of_two_and_five_hundred_clients(narrow: Runtime, member: Person, people: People) -> None:
    async with browser(narrow, patient=False) as client:
        await log_in(client, await people.make())
        answers = await uncached(client, 500)
        assert check_refusals(answers) < 500
        started = time.monotonic()
        assert check_refusals(await uncached(client, 2)) == 0
        assert time.monotonic() - started < RECOVERY
        assert (await client.get(DUES)).json()["summary"]["due_cents"] == 3 * DUE_CENTS
