"""A process under lasting load keeps neither memory, nor descriptors, nor connections.

The short version runs always; a million requests and ten minutes are marked `full`.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import httpx
import psycopg
import pytest

from bench.load.users import COOKIE, Connection
from devcluster.services import PostgresServer
from devcluster.services.process import HOST
from tests.services.app.conftest import PASSWORD, People, Person, some_address
from tests.services.app.processes import Fleet, platform

PROFILE, DUES = "/api/v1/my/profile", "/api/v1/my/dues"
PEOPLE = 32
KEPT_MIB = 8  # what caches may still take after the warm-up
READ_UNCACHED, RECONNECT, CHANGE = 50, 500, 2000  # every so many requests


@pytest.fixture
def fleet(app_environment: dict[str, str], tmp_path: Path) -> Iterator[Fleet]:
    with platform(app_environment, tmp_path) as made:
        yield made


class Visitor:
    """One person at one browser; sends ready bytes, because the test must not be slower than what it tests."""

    def __init__(self, url: str, person: Person) -> None:
        self._port = int(url.rpartition(":")[2])
        self._person = person
        self._address = some_address()
        self._cookies: dict[str, str] = {}
        self._csrf = ""
        self._connection = Connection()

    async def log_in(self) -> None:
        """Begin a session."""
        answer = await self._ask("POST", "/api/v1/auth/login", {"email": self._person.email, "password": PASSWORD})
        self._csrf = json.loads(answer.partition(b"\r\n\r\n")[2])["csrf_token"]

    async def go_on(self, wanted: Callable[[], bool]) -> int:
        """Ask until nothing is wanted any more; returns how often."""
        for number in count(1):
            if not wanted():
                return number - 1
            if number % CHANGE == 0:
                await self._ask("PATCH", PROFILE, {"phone": f"{1_000_000 + number}"})
            elif number % READ_UNCACHED == 0:
                await self._ask("GET", f"{DUES}?limit={1 + number % 97}")
            else:
                await self._ask("GET", PROFILE)
            if number % RECONNECT == 0:
                self.leave()
        return 0

    def leave(self) -> None:
        """End the connection."""
        if self._connection.transport is not None:
            self._connection.transport.close()
            self._connection = Connection()

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> bytes:
        if self._connection.transport is None:
            await asyncio.get_running_loop().create_connection(lambda: self._connection, HOST, self._port)
        answer = await self._connection.ask(self._request(method, path, body))
        assert answer[9:12] == b"200", answer
        if method != "GET":
            for name, value in COOKIE.findall(answer):
                self._cookies[name.decode()] = value.decode()
        return answer

    def _request(self, method: str, path: str, body: dict[str, str] | None) -> bytes:
        jar = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"x-forwarded-for: {self._address}", f"cookie: {jar}"]
        text = "" if body is None else json.dumps(body)
        if body is not None:
            lines += ["content-type: application/json", f"content-length: {len(text)}", f"x-csrf-token: {self._csrf}"]
        return "\r\n".join((*lines, "", text)).encode()


def memory(pid: int) -> float:
    """Resident memory in MiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def descriptors(pid: int) -> int:
    """Open files and sockets."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def everybody(visitors: list[Visitor], wanted: Callable[[], bool]) -> int:
    """All at once, and then they leave; returns how many requests that were."""
    done = sum(await asyncio.gather(*(visitor.go_on(wanted) for visitor in visitors)))
    for visitor in visitors:
        visitor.leave()
    return done


def times(requests: int) -> Callable[[], bool]:
    """Whether less than so many were asked for."""
    left = iter(range(requests))
    return lambda: next(left, None) is not None


def during(seconds: float) -> Callable[[], bool]:
    """Whether the time is not over."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


async def busy(fleet: Fleet) -> dict[str, float]:
    """What the process says it is working on; nothing, when nobody asks."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"{fleet.ops_urls[0]}/metrics")).text
    series = re.findall(r"^(ip2a_(?:db_pool_in_use|http_requests_in_flight|admission_\w+)(?:{.*})?) (\S+)$", text, re.M)
    return {name: float(value) for name, value in series if "wait" not in name and float(value)}


async def settled(fleet: Fleet, expected: int) -> int:
    """Descriptors once the server has noticed who left."""
    async with asyncio.timeout(20):
        while descriptors(fleet.pids[0]) > expected:  # noqa: ASYNC110 (there is no event to wait for)
            await asyncio.sleep(0.1)
    return descriptors(fleet.pids[0])


@pytest.mark.parametrize(
    ("warm_up", "load"),
    [
        (lambda: times(4_000), lambda: times(16_000)),
        pytest.param(lambda: times(100_000), lambda: times(1_000_000), marks=pytest.mark.full),
        pytest.param(lambda: during(60), lambda: during(600), marks=[pytest.mark.full, pytest.mark.timeout(900)]),
    ],
    ids=["short", "million", "ten-minutes"],
)
async def test_nothing_is_kept(
    *,
    fleet: Fleet,
    people: People,
    postgres_primary: PostgresServer,
    database: str,
    warm_up: Callable[[], Callable[[], bool]],
    load: Callable[[], Callable[[], bool]],
) -> None:
    visitors = [Visitor(fleet.urls[0], await people.make(months=1)) for _ in range(PEOPLE)]
    for visitor in visitors:
        await visitor.log_in()
    await everybody(visitors, warm_up())
    (pid,) = fleet.pids
    before, open_before = memory(pid), descriptors(pid)
    done = await everybody(visitors, load())
    await settled(fleet, open_before)
    grown = memory(pid) - before
    print(f"{done} requests: {before:.1f} MiB before, {grown:+.1f} MiB; {open_before} descriptors")
    assert grown < KEPT_MIB
    assert await busy(fleet) == {}
    with psycopg.connect(postgres_primary.login.dsn("ip2a_owner", database)) as owner:
        at_work = owner.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = 'ip2a_app' AND state <> 'idle'",
            (database,),
        ).fetchone()
    assert at_work == (0,)
