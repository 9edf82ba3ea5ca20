"""A load of people with keep-alive connections, who notice every request that fails: nothing is ever tried again.

Each connection is a person at a steady pace. A request that comes late because the one before it took long is sent at
once, so that the rate holds. A connection that broke is opened anew for the next request; the one it broke under
stays failed.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import h11

HOST, PORT = "127.0.0.1", 8080
TIMEOUT_SECONDS = 10.0
GOOD = frozenset({200, 201, 304})


@dataclass(frozen=True)
class Request:
    """What one person asks next."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Failure:
    """A request without a good answer; `at` is seconds since the load began."""

    at: float
    request: str
    what: str


@dataclass
class Report:
    """What came of a load so far."""

    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    reads: int = 0
    writes: int = 0
    opened: int = 0
    slowest: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answered requests a second."""
        return (self.reads + self.writes) / ((self.ended or time.monotonic()) - self.began)

    def __str__(self) -> str:
        total = self.reads + self.writes
        shown = "\n".join(f"{one.at:6.2f} s {one.request}: {one.what}" for one in self.failures[:20])
        return (
            f"{total} requests ({self.writes} writes) at {self.per_second:.0f}/s over {self.opened} connections, "
            f"slowest {self.slowest:.2f} s, {len(self.failures)} failed\n{shown}"
        )


@contextmanager
def load(next_request: Callable[[int], Request], *, host: str, connections: int, per_second: float) -> Iterator[Report]:
    """Sends until the block ends. `next_request` gets the number of the request; `host` is the header."""
    report, stop = Report(), threading.Event()
    people = [_Person(host, report) for _ in range(connections)]
    sending = _send(next_request, people, connections / per_second, stop)
    thread = threading.Thread(target=lambda: asyncio.run(sending), daemon=True)
    thread.start()
    try:
        yield report
    finally:
        stop.set()
        thread.join(timeout=TIMEOUT_SECONDS + 5)
        report.ended = time.monotonic()


async def _send(
    next_request: Callable[[int], Request], people: list[_Person], pace: float, stop: threading.Event
) -> None:
    """`pace` is seconds between two requests of one person."""
    numbers = itertools.count()

    async def ask(person: _Person, delay: float) -> None:
        due = time.monotonic() + delay
        while not stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += pace
            await person.ask(next_request(next(numbers)))
        person.hang_up()

    await asyncio.gather(*(ask(person, pace * number / len(people)) for number, person in enumerate(people)))


class _Person:
    def __init__(self, host: str, report: Report) -> None:
        self._host = host
        self._report = report
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._protocol = h11.Connection(h11.CLIENT)

    async def ask(self, request: Request) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status, body = await self._exchange(request)
            trouble = "" if status in GOOD else f"{status} {body[:200]!r}"
        except (OSError, TimeoutError, EOFError, h11.ProtocolError) as error:
            trouble = f"{type(error).__name__} {error}"
            self.hang_up()
        self._report.slowest = max(self._report.slowest, time.monotonic() - began)
        if trouble:
            at = began - self._report.began
            self._report.failures.append(Failure(at, f"{request.method} {request.path}", trouble))
        elif request.method == "GET":
            self._report.reads += 1
        else:
            self._report.writes += 1

    def hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None

    async def _exchange(self, request: Request) -> tuple[int, bytes]:
        reader, writer = await self._connected()
        headers = {"Host": self._host, "Content-Length": str(len(request.body)), **request.headers}
        for part in (
            h11.Request(method=request.method, target=request.path, headers=list(headers.items())),
            h11.Data(data=request.body),
            h11.EndOfMessage(),
        ):
            writer.write(self._protocol.send(part) or b"")
        status, body = 0, b""
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                self._protocol.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError("the connection was closed instead of an answer")
        if self._protocol.our_state is h11.MUST_CLOSE:
            self.hang_up()
        else:
            self._protocol.start_next_cycle()
        return status, body

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():
            self.hang_up()
            self._streams = await asyncio.open_connection(HOST, PORT)
            self._protocol = h11.Connection(h11.CLIENT)
            self._report.opened += 1
        return self._streams
