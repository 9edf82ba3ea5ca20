"""Parts fail while people read and pay: every acknowledged payment is there once, nobody reads older than they wrote,
errors are 503 with Retry-After and only where nothing else could be said, and it is over within ten seconds.

The short versions run always; those with the durations of the failure table are marked `full`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from devcluster.paths import CHECKOUT
from devcluster.services import PgBouncer, PostgresServer, Redis, process, redis
from devcluster.services.process import HOST
from ip2a.limits.rates import Rate
from ip2a.runtime import Runtime, create_runtime
from ip2a.settings import load_settings
from tests.services.app.conftest import People, Person, browser, log_in, some_address

DUES = "/api/v1/my/dues"
PEOPLE = 8
RECOVERY = 10.0  # seconds
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
TEN_MINUTES = 600

full = pytest.mark.full


@dataclass
class Visitor:
    """One member who pays a cent now and then and looks at the dues after it."""

    client: httpx.AsyncClient
    person: Person
    acknowledged: int = 0
    keys: set[str] = field(default_factory=set)


class Crowd:
    """All visitors; what they saw."""

    def __init__(self, visitors: list[Visitor]) -> None:
        self.visitors = visitors
        self.statuses: Counter[str] = Counter()
        self.problems: list[str] = []
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start everybody."""
        self._tasks = [asyncio.create_task(self._live(visitor)) for visitor in self.visitors]

    async def end(self) -> None:
        """Let everybody finish."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _live(self, visitor: Visitor) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            if number % 3 == 1:
                await self._pay(visitor)
            await self._look(visitor)
            await asyncio.sleep(0.02)

    async def _pay(self, visitor: Visitor) -> None:
        key = secrets.token_hex(8)
        visitor.keys.add(key)
        path = f"{DUES}/{visitor.person.dues_ids[0]}/payments"
        answer = await visitor.client.post(path, json={"amount_cents": 1}, headers={"Idempotency-Key": key})
        self._note("pay", answer)
        visitor.acknowledged += answer.status_code in {200, 201}

    async def _look(self, visitor: Visitor) -> None:
        before = visitor.acknowledged
        answer = await visitor.client.get(DUES)
        self._note("look", answer)
        if answer.status_code == 200:
            paid = answer.json()["summary"]["paid_cents"]
            if not before <= paid <= len(visitor.keys):
                self.problems.append(f"paid {before}, tried {len(visitor.keys)}, read {paid}")

    def _note(self, what: str, answer: httpx.Response) -> None:
        self.statuses[f"{what} {answer.status_code}"] += 1
        if answer.status_code in {200, 201, 304}:
            return
        if answer.status_code != 503 or int(answer.headers.get("retry-after", 0)) < 1:
            self.problems.append(f"{what}: {answer.status_code} {answer.text[:200]}")


@pytest.fixture
async def crowd(runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crowd]:
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("member", 1_000_000, 1_000_000))
    visitors = []
    for _ in range(PEOPLE):
        visitor = Visitor(browser(runtime, patient=False), await people.make(months=1))
        await log_in(visitor.client, visitor.person)
        visitors.append(visitor)
    yield Crowd(visitors)
    for visitor in visitors:
        await visitor.client.aclose()


async def recovered(visitor: Visitor) -> None:
    """Until reading what nobody read before, and paying, work again."""
    started = time.monotonic()
    path = f"{DUES}/{visitor.person.dues_ids[0]}/payments"
    while True:
        key = secrets.token_hex(8)
        visitor.keys.add(key)
        read = await visitor.client.get(DUES, params={"limit": 1 + secrets.randbelow(100)})
        paid = await visitor.client.post(path, json={"amount_cents": 1}, headers={"Idempotency-Key": key})
        visitor.acknowledged += paid.status_code in {200, 201}
        if (read.status_code, paid.status_code) == (200, 201):
            return
        assert time.monotonic() - started < RECOVERY
        await asyncio.sleep(0.2)


async def endure(crowd: Crowd, fault: Callable[[], Awaitable[None]], as_owner: str, *, refused: bool) -> None:
    """Run a fault under load and check everything; without `refused` not one request may fail."""
    crowd.begin()
    try:
        await asyncio.sleep(0.3)
        await fault()
        await recovered(crowd.visitors[0])
    finally:
        await crowd.end()
    assert crowd.problems == []
    assert crowd.statuses["look 200"] > PEOPLE
    if not refused:
        assert [name for name in crowd.statuses if name.endswith(" 503")] == [], crowd.statuses
    async with await psycopg.AsyncConnection.connect(as_owner) as owner:
        await owner.execute("SELECT set_config('ip2a.resources', '*', true)")
        for visitor in crowd.visitors:
            rows = await owner.execute(
                "SELECT count(*), (SELECT amount_paid_cents FROM dues_payments WHERE id = %(dues)s)"
                " FROM payments WHERE dues_payment_id = %(dues)s",
                {"dues": visitor.person.dues_ids[0]},
            )
            row = await rows.fetchone()
            assert row is not None
            recorded, cents = row
            assert visitor.acknowledged <= recorded <= len(visitor.keys)
            assert recorded == cents


def during(begin: Callable[[], None], seconds: float, end: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """A fault that lasts."""

    async def fault() -> None:
        await asyncio.to_thread(begin)
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.to_thread(end)

    return fault


async def test_redis_killed(crowd: Crowd, redis_server: Redis, as_owner: str) -> None:
    await endure(crowd, during(redis_server.kill, 1, redis_server.start), as_owner, refused=False)


async def test_redis_flushed(crowd: Crowd, redis_server: Redis, as_owner: str) -> None:
    async def fault() -> None:
        for _ in range(5):
            await asyncio.to_thread(redis_server.flush)
            await asyncio.sleep(0.1)

    await endure(crowd, fault, as_owner, refused=False)


async def test_redis_answers_two_seconds_late(crowd: Crowd, redis_server: Redis, as_owner: str) -> None:
    await endure(crowd, during(redis_server.freeze, 2, redis_server.thaw), as_owner, refused=False)


async def test_pooler_killed(crowd: Crowd, pgbouncer_rw: PgBouncer, as_owner: str) -> None:
    await endure(crowd, during(pgbouncer_rw.kill, 1, pgbouncer_rw.start), as_owner, refused=True)


@pytest.mark.parametrize("seconds", [1, pytest.param(10, marks=full)])
async def test_replica_killed(crowd: Crowd, postgres_replica: PostgresServer, as_owner: str, seconds: float) -> None:
    await endure(crowd, during(postgres_replica.kill, seconds, postgres_replica.start), as_owner, refused=False)


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=full)])
async def test_replica_lags(crowd: Crowd, postgres_replica: PostgresServer, as_owner: str, seconds: float) -> None:
    fault = during(postgres_replica.pause_replay, seconds, postgres_replica.resume_replay)
    await endure(crowd, fault, as_owner, refused=False)


async def test_primary_restarted(crowd: Crowd, postgres_primary: PostgresServer, as_owner: str) -> None:
    await endure(crowd, during(postgres_primary.stop, 0, postgres_primary.start), as_owner, refused=True)


@pytest.mark.parametrize("seconds", [1, pytest.param(20, marks=full)])
async def test_primary_frozen(crowd: Crowd, postgres_primary: PostgresServer, as_owner: str, seconds: float) -> None:
    await endure(crowd, during(postgres_primary.freeze, seconds, postgres_primary.thaw), as_owner, refused=True)


async def test_a_statement_hangs(crowd: Crowd, as_owner: str) -> None:
    """Somebody locks the dues and forgets it: who needs them waits until the time-out, nobody else does."""
    locked = crowd.visitors[1].person.dues_ids[0]

    async def fault() -> None:
        async with await psycopg.AsyncConnection.connect(as_owner) as owner:
            await owner.execute("SELECT set_config('ip2a.resources', '*', true)")
            await owner.execute("SELECT FROM dues_payments WHERE id = %s FOR UPDATE", (locked,))
            await asyncio.sleep(5)
            await owner.rollback()

    await endure(crowd, fault, as_owner, refused=True)
    assert crowd.statuses["pay 503"] == 1, "only the one whose row is locked"


@pytest.fixture
def small_disk_redis() -> Iterator[Redis]:
    """A Redis that appends to a log on a disk of 2 MiB."""
    with redis(parameters={"appendonly": "yes", "appendfsync": "everysec"}) as server:
        home = server.program.home
        configuration = (home / "redis.conf").read_text()
        server.stop()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(home)], check=True, timeout=10)
        try:
            process.write(home / "redis.conf", configuration, server.program.root, "redis")
            server.start()
            yield server
        finally:
            server.kill()
            subprocess.run(["umount", str(home)], check=True, timeout=10)


async def test_redis_with_a_full_disk(
    crowd: Crowd, small_disk_redis: Redis, as_owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis refuses every write once it cannot append to its log; nobody notices."""
    monkeypatch.setenv("IP2A_REDIS_PORT", str(small_disk_redis.endpoint.port))
    monkeypatch.setenv("IP2A_REDIS_PASSWORD", small_disk_redis.password)
    await _with_its_own_redis(crowd, small_disk_redis.program.home / "junk", as_owner)


async def _with_its_own_redis(crowd: Crowd, junk: Path, as_owner: str) -> None:
    runtime = create_runtime(load_settings())
    await runtime.start()
    moved = []
    for visitor in crowd.visitors:
        there = Visitor(browser(runtime, patient=False), visitor.person)
        await log_in(there.client, there.person)
        moved.append(there)

    async def fault() -> None:
        with pytest.raises(OSError, match="No space left"):
            await asyncio.to_thread(junk.write_bytes, bytes(4 << 20))
        await asyncio.sleep(2)
        await asyncio.to_thread(junk.unlink)

    try:
        await endure(Crowd(moved), fault, as_owner, refused=False)
    finally:
        for there in moved:
            await there.client.aclose()
        await runtime.close()


@pytest.fixture
def ahead(app_environment: dict[str, str]) -> Iterator[str]:
    """The address of a pod whose clock is wrong."""
    if not FAKETIME.exists():
        pytest.fail("libfaketime is not installed; remedy: apt-get install libfaketime", pytrace=False)
    port, ops = process.free_port(), process.free_port()
    environment = {
        **app_environment,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT / "app" / "src"),
        "IP2A_TRUSTED_PROXIES": "127.0.0.1/32",
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": f"+{TEN_MINUTES}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    command = [sys.executable, "-m", "ip2a", "serve", "--host", HOST, "--port", str(port), "--ops-port", str(ops)]
    with subprocess.Popen([*command, "--drain-delay", "0"], env=environment, stderr=subprocess.DEVNULL) as pod:
        try:
            yield f"http://{HOST}:{port}"
            assert pod.poll() is None
        finally:
            pod.terminate()
            pod.wait(timeout=30)


async def test_a_clock_ten_minutes_ahead(crowd: Crowd, ahead: str) -> None:
    """Sessions go from pod to pod, and what is written at one is read at the other."""
    await _between_clocks(crowd.visitors[0], ahead)


async def _between_clocks(visitor: Visitor, ahead: str) -> None:
    right, dues_id = visitor.client, visitor.person.dues_ids[0]
    headers = {"X-Forwarded-For": some_address()}
    async with httpx.AsyncClient(base_url=ahead, headers=headers, timeout=10, trust_env=False) as wrong:
        async with asyncio.timeout(30):
            while not await _ready(wrong):  # noqa: ASYNC110 (there is no event to wait for)
                await asyncio.sleep(0.1)
        for name in ("ip2a_access", "ip2a_fresh"):
            wrong.cookies.set(name, right.cookies.get(name) or "", domain=HOST)
        token = right.headers["X-CSRF-Token"]
        for number, (here, there) in enumerate(((right, wrong), (wrong, right)), start=1):
            paid = await here.post(
                f"{DUES}/{dues_id}/payments",
                json={"amount_cents": 1},
                headers={"Idempotency-Key": secrets.token_hex(8), "X-CSRF-Token": token},
            )
            assert paid.status_code == 201, paid.text
            there.cookies.delete("ip2a_fresh")
            seen = await there.get(DUES, headers={"IP2A-Freshness": paid.headers["ip2a-freshness"]})
            assert seen.status_code == 200, seen.text
            assert seen.json()["summary"]["paid_cents"] == number


async def _ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
