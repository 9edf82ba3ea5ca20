"""What others read after a change was answered: never older than it, whatever is read and written at the same time.

The readers carry no marker of the writer's: another browser of the same account, and the office.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import httpx
import pytest

from devcluster.services import PostgresServer, Redis
from ip2a.limits.rates import Rate
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, Person, browser, log_in

PROFILE = "/api/v1/my/profile"
MEMBERS, READERS = 4, 3
LAG = 0.4  # seconds replicas are held back for
FLUSHED = LAG + 1.0
"""Seconds that a reader may be behind after Redis lost what it knew: a replica's lag, and the flight it was read in."""


class Record:
    """One member's number: when changes were answered, and what was read that began later."""

    def __init__(self, allowed: float) -> None:
        self._allowed = allowed
        self._answered: list[tuple[float, int]] = [(0.0, 0)]
        self.read = 0
        self.older: list[str] = []

    def changed(self, number: int) -> None:
        """A change was answered just now."""
        self._answered.append((time.monotonic(), number))

    def seen(self, begun: float, number: int) -> None:
        """A read that began then gave this."""
        self.read += 1
        due = max(known for moment, known in self._answered if moment + self._allowed <= begun)
        if number < due:
            self.older.append(f"{due} was answered, {number} read")


async def write(client: httpx.AsyncClient, record: Record, changes: int, done: asyncio.Event) -> None:
    dice = random.Random(changes)
    for number in range(1, changes + 1):
        answer = await client.patch(PROFILE, json={"phone": f"{1_000_000 + number}"})
        assert answer.status_code == 200, answer.text
        record.changed(number)
        await asyncio.sleep(dice.uniform(0, 0.03))
    done.set()


async def read(ask: Callable[[], Awaitable[httpx.Response]], record: Record, done: asyncio.Event) -> None:
    while not done.is_set():
        begun = time.monotonic()
        answer = await ask()
        assert answer.status_code == 200, answer.text
        record.seen(begun, int(answer.json()["phone"] or 1_000_000) - 1_000_000)


async def hold_back(replica: PostgresServer, redis_server: Redis | None, done: asyncio.Event) -> None:
    """Replay stops and goes on; Redis, if given, is emptied now and then."""
    dice = random.Random(46)
    while not done.is_set():
        await asyncio.to_thread(replica.pause_replay)
        await asyncio.sleep(dice.uniform(0.05, LAG))
        if redis_server is not None:
            await asyncio.to_thread(redis_server.flush)
        await asyncio.to_thread(replica.resume_replay)
        await asyncio.sleep(dice.uniform(0.01, 0.1))


@pytest.mark.parametrize("flushed", [False, True], ids=["lag", "lag-and-flush"])
@pytest.mark.parametrize("changes", [40, pytest.param(1000, marks=pytest.mark.full)])
async def test_nobody_reads_what_was_changed_before_they_asked(
    *,
    runtime: Runtime,
    people: People,
    postgres_replica: PostgresServer,
    redis_server: Redis,
    monkeypatch: pytest.MonkeyPatch,
    flushed: bool,
    changes: int,
) -> None:
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("member", 1_000_000, 1_000_000))
    records = [Record(FLUSHED if flushed else 0.0) for _ in range(MEMBERS)]
    members = [await people.make(months=0) for _ in records]
    office = browser(runtime)
    await log_in(office, await people.make("staff"))
    everybody, clients = [], [office]
    over = asyncio.Event()
    for record, member in zip(records, members, strict=True):
        done = asyncio.Event()
        writer, *readers = [await _session(runtime, member) for _ in range(1 + READERS)]
        clients += [writer, *readers]
        everybody.append(write(writer, record, changes, done))
        everybody += [read(_asking(reader, PROFILE), record, done) for reader in readers]
        everybody.append(read(_asking(office, f"/api/v1/members/{member.member_id}"), record, done))
    trouble = asyncio.create_task(hold_back(postgres_replica, redis_server if flushed else None, over))
    try:
        await asyncio.gather(*everybody)
    finally:
        over.set()
        await trouble
        for client in clients:
            await client.aclose()
    assert [older for record in records for older in record.older] == []
    assert sum(record.read for record in records) > MEMBERS * changes


async def _session(runtime: Runtime, member: Person) -> httpx.AsyncClient:
    client = browser(runtime)
    await log_in(client, member)
    return client


def _asking(client: httpx.AsyncClient, path: str) -> Callable[[], Awaitable[httpx.Response]]:
    return lambda: client.get(path)
