"""Load through the ingress: an open loop of requests at a given rate, each second's figures as one JSON line.

`python -m tests.e2e.load --rates 0:100,60:600 --seconds 180 --out FILE [--tokens FILE] [--path /login]`. Arrivals do
not wait for answers, and latency counts from when a request should have been sent, so that a slow server is not asked
less. With `--mix page=0.6,read=0.3,write=0.1 --people FILE` requests are of several kinds, and `--requests FILE` gets
each one's fate. Equal arguments give the same arrivals. Only 127.0.0.1 is ever asked; connections, rate and time are
bounded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

HOST, PORT = "127.0.0.1", 8080
MAX_RATE, MAX_SECONDS, MAX_CONNECTIONS = 2000.0, 1800.0, 400
TIMEOUT = 10.0
LATE_SECONDS = 0.5
"""What counts as slow: the objective of the resource."""


@dataclass
class Second:
    """Requests that were due in one second."""

    latencies: list[float] = field(default_factory=list)
    failed: int = 0

    def figures(self, second: int, started: float) -> dict[str, float]:
        ordered = sorted(self.latencies)
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] if ordered else 0.0
        late = sum(each > LATE_SECONDS for each in ordered)
        asked = len(ordered) + self.failed
        return {
            "second": second,
            "at": started + second,
            "asked": asked,
            "failed": self.failed,
            "late": late,
            "p95": p95,
        }


class Due(NamedTuple):
    """A request that is to be sent `at` seconds after the beginning."""

    at: float
    kind: str


Rates = Sequence[tuple[float, float]]
"""(second from which on, requests a second)."""


def planned(rates: Rates, length: float, mix: Mapping[str, float], seed: int) -> list[Due]:
    """Poisson arrivals at the rate of each moment for `length` seconds, each of a kind drawn by its weight."""
    draws, kinds, weights = random.Random(seed), list(mix), list(mix.values())
    found, at = list[Due](), 0.0
    while True:
        rate = next(value for start, value in reversed(rates) if start <= at)
        at += draws.expovariate(rate) if rate > 0 else 1.0
        if at >= length:
            return found
        if rate > 0:
            found.append(Due(at, draws.choices(kinds, weights)[0]))


PAGE, READ, WRITE, PLAIN = "page", "read", "write", "plain"
"""Kinds: a page without the database, a read that no cache keeps, a payment of a cent; whatever `--path` says."""
READ_PATH = "/api/v1/my/dispatches"


class Asker:
    """Writes requests. `people` are (token, id of a month of dues); without any nobody is logged in."""

    def __init__(self, path: str, people: Sequence[tuple[str, str]], host: str) -> None:
        self._path, self._people, self._host = path, people, host
        self._random = random.Random(1)

    def __call__(self, kind: str) -> bytes:
        address = f"198.18.{self._random.randrange(256)}.{self._random.randrange(1, 255)}"
        common = f"Host: {self._host}\r\nX-Forwarded-For: {address}\r\n"
        if kind == PAGE or not self._people:
            return f"GET {self._path} HTTP/1.1\r\n{common}\r\n".encode()
        token, dues = self._random.choice(self._people)
        common += f"Authorization: Bearer {token}\r\n"
        if kind == WRITE:
            body = '{"amount_cents": 1}'
            common += f"Idempotency-Key: {uuid4().hex}\r\nContent-Type: application/json\r\n"
            head = f"POST /api/v1/my/dues/{dues}/payments HTTP/1.1\r\n{common}Content-Length: {len(body)}\r\n\r\n"
            return (head + body).encode()
        return f"GET {READ_PATH if kind == READ else self._path} HTTP/1.1\r\n{common}\r\n".encode()


class Fate(NamedTuple):
    """What became of a request: seconds from when it was due, status (0 for none)."""

    at: float
    kind: str
    seconds: float
    status: int


class Load:
    """Keeps connections, sends, counts."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._room = asyncio.Semaphore(MAX_CONNECTIONS)
        self.seconds: dict[int, Second] = defaultdict(Second)
        self.failures: dict[str, int] = defaultdict(int)
        self.fates: list[Fate] = []

    async def run(self, plan: Sequence[Due]) -> None:
        """Send what is planned, each at its time."""
        began, tasks = time.monotonic(), set()
        for due in plan:
            await asyncio.sleep(max(0.0, began + due.at - time.monotonic()))
            task = asyncio.create_task(self._one(due, began))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if tasks:
            await asyncio.wait(tasks, timeout=TIMEOUT + 1)
        for _, writer in self._idle:
            writer.close()

    async def _one(self, due: Due, began: float) -> None:
        second = self.seconds[int(due.at)]
        try:
            async with asyncio.timeout(TIMEOUT):
                async with self._room:
                    status = await self._ask(due.kind)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            status = 0
            self.failures[type(error).__name__] += 1
        latency = time.monotonic() - began - due.at
        self.fates.append(Fate(due.at, due.kind, latency, status))
        if 200 <= status < 500 and status != 429:
            second.latencies.append(latency)
        else:
            second.failed += 1
            if status:
                self.failures[str(status)] += 1

    async def _ask(self, kind: str) -> int:
        request = self._asker(kind)
        reused = bool(self._idle)
        pair = self._idle.pop() if reused else await asyncio.open_connection(HOST, PORT)
        try:
            return await self._exchange(pair, request)
        except (ConnectionError, asyncio.IncompleteReadError):
            pair[1].close()
            if not reused:
                raise
            # the server may close a connection that was idle: as browsers do, ask once more on a new one
            return await self._exchange(await asyncio.open_connection(HOST, PORT), request)
        except BaseException:
            pair[1].close()
            raise

    async def _exchange(self, pair: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> int:
        reader, writer = pair
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head[9:12])
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
        }
        if fields.get("transfer-encoding", "") == "chunked":
            while size := int((await reader.readline()).split(b";")[0], 16):
                await reader.readexactly(size + 2)
            await reader.readline()
        else:
            await reader.readexactly(int(fields.get("content-length", "0")) if status not in {204, 304} else 0)
        if fields.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append(pair)
        return status


def parsed_rates(text: str) -> list[tuple[float, float]]:
    """`0:100,60:600` as (start, rate) pairs."""
    pairs = [(float(start), float(rate)) for start, _, rate in (item.partition(":") for item in text.split(","))]
    if pairs != sorted(pairs) or pairs[0][0] != 0.0 or max(rate for _, rate in pairs) > MAX_RATE:
        raise ValueError("rates must start at second 0, in order, and stay below the bound")
    return pairs


def parsed_mix(text: str) -> dict[str, float]:
    """`page=0.7,write=0.3` as weights by kind."""
    mix = {kind: float(weight) for kind, _, weight in (item.partition("=") for item in text.split(","))}
    if not mix.keys() <= {PAGE, READ, WRITE} or min(mix.values()) < 0:
        raise ValueError(f"kinds are {PAGE}, {READ} and {WRITE}")
    return mix


def main() -> None:
    """Send, then write what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.load")
    parser.add_argument("--rates", required=True, type=parsed_rates)
    parser.add_argument("--seconds", required=True, type=float)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--tokens", type=Path, help="people who are logged in, one token a line")
    parser.add_argument("--people", type=Path, help="token and id of a month of dues, one person a line")
    parser.add_argument("--path", default="/login")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--mix", type=parsed_mix, default={PLAIN: 1.0})
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=Path, help="gets a JSON line for each request: due, kind, seconds, status")
    options = parser.parse_args()
    people = options.people or options.tokens
    lines = people.read_text(encoding="ascii").splitlines() if people else []
    asker = Asker(
        options.path, [(token, dues) for token, _, dues in (line.partition(" ") for line in lines)], options.host
    )
    load = Load(asker)
    length = min(options.seconds, MAX_SECONDS)
    plan = planned(options.rates, length, options.mix, options.seed)
    started = time.time()
    asyncio.run(load.run(plan))
    with options.out.open("w", encoding="utf-8") as file:
        for number in range(int(options.seconds)):
            file.write(json.dumps(load.seconds[number].figures(number, started)) + "\n")
    if options.requests:
        ordered = sorted(load.fates)
        options.requests.write_text("".join(json.dumps(fate) + "\n" for fate in ordered), encoding="utf-8")
    print(json.dumps({"failures": dict(load.failures)}))


if __name__ == "__main__":
    main()
