"""The generator: one process, one keep-alive connection, identity and forwarded address for each person.

A closed loop: a person thinks for 3–7 s after each answer. A fifth logs in with a password, the others continue a
session by their refresh cookie; arrivals are spread evenly over the ramp. A process of its own (`main`) reads a Plan as
JSON from standard input, prints "measuring", and in the end a Result as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
COOKIE = re.compile(rb"\r\nset-cookie: (ip2a_\w+)=([^;\r\n]*)", re.IGNORECASE)
CSRF = re.compile(rb'"csrf_token": ?"([^"]+)"')
ANSWER_SECONDS = 30.0
BUSY = frozenset({429, 503})
BY_PASSWORD = 5  # every fifth person logs in with a password

# What people do (docs/data-path.md): name, share, method, path, body. {n} is the person.
READS = (
    ("me", 10, "/api/v1/auth/me"),
    ("profile", 22, "/api/v1/my/profile"),
    ("dues", 24, "/api/v1/my/dues"),
    ("employments", 12, "/api/v1/my/employments"),
    ("registrations", 8, "/api/v1/my/registrations"),
    ("rates", 5, "/api/v1/dues/rates"),
    ("dispatches", 3, "/api/v1/my/dispatches"),
    ("certifications", 3, "/api/v1/my/certifications"),
    ("open-jobs", 3, "/api/v1/my/open-jobs"),
)
WRITES = (("pay", 5), ("contact", 5))


@dataclass(frozen=True)
class Plan:
    """What to do. `refresh` holds a token for each person who has one, by number."""

    host: str
    port: int
    users: int
    ramp: float  # seconds
    settle: float  # seconds after the ramp that are not measured
    seconds: float  # measured
    think: tuple[float, float]
    password: str
    refresh: dict[str, str]
    first: int = 1  # number of the first person; the others follow
    only: tuple[str, ...] = ()  # of the names above; everything if empty
    bearer: tuple[str, ...] = ()  # access tokens of all, for a server without log-in


@dataclass
class Result:
    """What was seen while measuring; times in milliseconds, `errors` by what happened."""

    answered: int = 0
    seconds: float = 0.0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    worst: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    p95_by_name: dict[str, float] = field(default_factory=dict)
    begun: int = 0
    ramp_errors: dict[str, int] = field(default_factory=dict)


class LostError(Exception):
    """The connection ended before the answer."""


class Connection(asyncio.Protocol):
    """Sends one request at a time and reads its answer."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._data = b""
        self._needed = 0
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def connection_lost(self, exc: Exception | None) -> None:
        """Ended."""
        self.transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LostError())

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or all of it."""
        self._data = self._data + data if self._data else data
        if not self._needed:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            found = LENGTH.search(self._data, 0, end)
            self._needed = end + 4 + (int(found[1]) if found else 0)
        if len(self._data) >= self._needed and self._answer is not None and not self._answer.done():
            self._answer.set_result(self._data)

    async def ask(self, request: bytes) -> bytes:
        """The whole answer, head and body. Raises LostError, TimeoutError."""
        if self.transport is None:
            raise LostError
        self._data, self._needed = b"", 0
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._answer


class World:
    """What everybody shares: the plan and what is counted."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.measuring = False
        self.times: dict[str, list[float]] = {}
        self.errors: Counter[str] = Counter()
        self.ramp_errors: Counter[str] = Counter()
        self.begun = 0
        chosen = [entry for entry in READS if not plan.only or entry[0] in plan.only]
        self.reads = [(name, path) for name, _, path in chosen]
        self.weights = [share for _, share, _ in chosen]
        self.writes = [name for name, _ in WRITES if not plan.only or name in plan.only]

    def seen(self, name: str, started: float, problem: str) -> None:
        """An answer or a failure."""
        if not self.measuring:
            if problem:
                self.ramp_errors[f"{name} {problem}"] += 1
            return
        if problem:
            self.errors[f"{name} {problem}"] += 1
        else:
            self.times.setdefault(name, []).append(time.perf_counter() - started)


class Person:
    """One account at one browser."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number
        self._dice = random.Random(number)
        self._connection = Connection()
        self._cookies: dict[bytes, bytes] = {}
        self._csrf = b""
        address = f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        self._fixed = f"host: localhost\r\nx-forwarded-for: {address}\r\n".encode()

    async def live(self, arrival: float) -> None:
        """Arrive, log in, and go on until cancelled."""
        await asyncio.sleep(arrival)
        while not await self._log_in():  # noqa: ASYNC110 (trying again, not waiting for something here)
            await asyncio.sleep(self._dice.uniform(1, 5))
        self._world.begun += 1
        while True:
            await asyncio.sleep(self._dice.uniform(*self._world.plan.think))
            status = await self._act()
            if status in BUSY:
                await asyncio.sleep(self._dice.uniform(1, 4))

    async def _log_in(self) -> bool:
        if self._world.plan.bearer:
            token = self._world.plan.bearer[self._number - self._world.plan.first]
            self._fixed += b"authorization: Bearer %b\r\n" % token.encode()
            return True
        refresh = self._world.plan.refresh.get(str(self._number))
        if refresh is None:
            body = {"email": f"{self._number}@bench.example", "password": self._world.plan.password}
            status, answer = await self._ask("login", "POST", "/api/v1/auth/login", body)
        else:
            self._cookies[b"ip2a_refresh"] = refresh.encode()
            status, answer = await self._ask("refresh", "POST", "/api/v1/auth/refresh", None)
        found = CSRF.search(answer)
        if found:
            self._csrf = found[1]
        return status == 200

    async def _act(self) -> int:
        world = self._world
        if world.writes and self._dice.random() < 0.1:
            if self._dice.choice(world.writes) == "contact":
                body = {"phone": f"{self._dice.randrange(10**7):07}"}
                return (await self._ask("contact", "PATCH", "/api/v1/my/profile", body))[0]
            path = f"/api/v1/my/dues/{self._number}/payments"
            return (await self._ask("pay", "POST", path, {"amount_cents": 1}))[0]
        name, path = self._dice.choices(world.reads, world.weights)[0]
        return (await self._ask(name, "GET", path, None))[0]

    async def _ask(self, name: str, method: str, path: str, body: Mapping[str, object] | None) -> tuple[int, bytes]:
        request = self._request(method, path, body)
        for attempt in (1, 2):
            started = time.perf_counter()
            try:
                if self._connection.transport is None:
                    await self._connect()
                answer = await self._connection.ask(request)
            except (LostError, OSError, TimeoutError) as error:
                if self._connection.transport is not None:
                    self._connection.transport.abort()
                if attempt == 1 and isinstance(error, LostError) and method == "GET":
                    continue  # browsers repeat on a connection that the server had ended
                self._world.seen(name, started, type(error).__name__)
                return 0, b""
            break
        status = int(answer[9:12])
        self._world.seen(name, started, "" if 200 <= status < 300 or status == 304 else str(status))
        if method != "GET":
            for cookie, value in COOKIE.findall(answer, 0, answer.find(b"\r\n\r\n") + 2):
                self._cookies[cookie] = value
        return status, answer

    async def _connect(self) -> None:
        self._connection = Connection()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(ANSWER_SECONDS):
            await loop.create_connection(lambda: self._connection, self._world.plan.host, self._world.plan.port)

    def _request(self, method: str, path: str, body: Mapping[str, object] | None) -> bytes:
        lines = [b"%b %b HTTP/1.1\r\n" % (method.encode(), path.encode()), self._fixed]
        if self._cookies:
            jar = b"; ".join(b"%b=%b" % pair for pair in self._cookies.items())
            lines.append(b"cookie: %b\r\n" % jar)
        if method == "GET":
            return b"".join((*lines, b"\r\n"))
        text = b"" if body is None else json.dumps(body).encode()
        lines.append(b"content-type: application/json\r\ncontent-length: %d\r\n" % len(text))
        lines.append(b"x-csrf-token: %b\r\n" % self._csrf)
        if path.endswith("/payments"):
            lines.append(b"idempotency-key: %032x\r\n" % self._dice.getrandbits(128))
        return b"".join((*lines, b"\r\n", text))


async def run(plan: Plan) -> Result:
    """Everybody, until the time is over."""
    world = World(plan)
    people = [
        asyncio.create_task(Person(world, plan.first + place).live(plan.ramp * place / plan.users))
        for place in range(plan.users)
    ]
    await asyncio.sleep(plan.ramp + plan.settle)
    print("measuring", flush=True)
    world.measuring, started = True, time.perf_counter()
    await asyncio.sleep(plan.seconds)
    world.measuring = False
    seconds = time.perf_counter() - started
    for task in people:
        task.cancel()
    done = await asyncio.gather(*people, return_exceptions=True)
    for outcome in done:
        if isinstance(outcome, Exception):
            raise outcome
    return summary(world, seconds)


def summary(world: World, seconds: float) -> Result:
    """The counts of a world."""
    every = sorted(value * 1000 for times in world.times.values() for value in times)
    if not every:
        errors, ramp_errors = dict(world.errors), dict(world.ramp_errors)
        return Result(seconds=seconds, begun=world.begun, errors=errors, ramp_errors=ramp_errors)
    return Result(
        answered=len(every),
        seconds=seconds,
        mean=sum(every) / len(every),
        p50=share(every, 0.5),
        p95=share(every, 0.95),
        p99=share(every, 0.99),
        worst=every[-1],
        errors=dict(world.errors),
        p95_by_name={name: share(sorted(times), 0.95) * 1000 for name, times in sorted(world.times.items())},
        begun=world.begun,
        ramp_errors=dict(world.ramp_errors),
    )


def share(ordered: list[float], part: float) -> float:
    """The value that `part` of the ordered values do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def main() -> None:
    """From a Plan on standard input to a Result on standard output."""
    given = json.loads(sys.stdin.read())
    given |= {name: tuple(given[name]) for name in ("think", "only", "bearer")}
    print(json.dumps(asdict(uvloop.run(run(Plan(**given))))), flush=True)
