"""Load through the ingress: an open loop of requests at a given rate, each second's figures as one JSON line.

`python -m tests.e2e.load --rates 0:100,60:600 --seconds 180 --out FILE [--tokens FILE] [--path /login]`. Arrivals do
not wait for answers, and latency counts from when a request should have been sent, so that a slow server is not asked
less. Only 127.0.0.1 is ever asked; connections, rate and time are bounded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

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


class Load:
    """Keeps connections, sends, counts."""

    def __init__(self, path: str, tokens: list[str], host: str, seed: int = 1) -> None:
        self._path, self._tokens, self._host = path, tokens, host
        self._random = random.Random(seed)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._room = asyncio.Semaphore(MAX_CONNECTIONS)
        self.seconds: dict[int, Second] = defaultdict(Second)
        self.failures: dict[str, int] = defaultdict(int)

    async def run(self, rates: list[tuple[float, float]], length: float) -> None:
        """Poisson arrivals at the rate of each moment."""
        began = time.monotonic()
        due, tasks = 0.0, set()
        while due < length:
            rate = next(value for start, value in reversed(rates) if start <= due)
            due += self._random.expovariate(rate) if rate > 0 else 1.0
            await asyncio.sleep(max(0.0, began + due - time.monotonic()))
            if rate > 0:
                task = asyncio.create_task(self._one(due, began))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        if tasks:
            await asyncio.wait(tasks, timeout=TIMEOUT + 1)
        for _, writer in self._idle:
            writer.close()

    async def _one(self, due: float, began: float) -> None:
        second = self.seconds[int(due)]
        try:
            async with asyncio.timeout(TIMEOUT):
                async with self._room:
                    status = await self._ask()
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            status = 0
            self.failures[type(error).__name__] += 1
        latency = time.monotonic() - began - due
        if 200 <= status < 500 and status != 429:
            second.latencies.append(latency)
        else:
            second.failed += 1
            if status:
                self.failures[str(status)] += 1

    async def _ask(self) -> int:
        token = f"Authorization: Bearer {self._random.choice(self._tokens)}\r\n" if self._tokens else ""
        address = f"198.18.{self._random.randrange(256)}.{self._random.randrange(1, 255)}"
        request = (
            f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nX-Forwarded-For: {address}\r\n{token}\r\n".encode()
        )
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


def main() -> None:
    """Send, then write what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.load")
    parser.add_argument("--rates", required=True, type=parsed_rates)
    parser.add_argument("--seconds", required=True, type=float)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--tokens", type=Path)
    parser.add_argument("--path", default="/login")
    parser.add_argument("--host", default="localhost")
    options = parser.parse_args()
    tokens = options.tokens.read_text(encoding="ascii").split() if options.tokens else []
    load = Load(options.path, tokens, options.host)
    started = time.time()
    asyncio.run(load.run(options.rates, min(options.seconds, MAX_SECONDS)))
    with options.out.open("w", encoding="utf-8") as file:
        for number in range(int(options.seconds)):
            file.write(json.dumps(load.seconds[number].figures(number, started)) + "\n")
    print(json.dumps({"failures": dict(load.failures)}))


if __name__ == "__main__":
    main()
