"""Bounded concurrency per class of request: what does not fit waits a little, and is refused early if it cannot be.

The bounds of all classes together stay below the pools, so that a connection is there for whoever was admitted, and
one class cannot starve another. Whether somebody can be served in time is told by how fast the queue moved lately, so
that a burst behind a short stall waits, and a queue that hardly moves refuses at once. Refusing costs almost nothing,
which is why overload ends when the load does.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ip2a.observability import metrics
from ip2a.settings import Settings


class ShedError(Exception):
    """Too much work of this class: answer 503 with Retry-After."""

    def __init__(self, route_class: str, reason: str) -> None:
        super().__init__(route_class, reason)
        self.route_class = route_class


@dataclass(frozen=True, slots=True)
class Bound:
    """`concurrent` requests at once; up to `queued` more wait, where they may expect their turn within `seconds`."""

    concurrent: int
    queued: int
    seconds: float


class Gate:
    """Admits requests of one class, first come first served."""

    def __init__(self, route_class: str, bound: Bound) -> None:
        self._class = route_class
        self._bound = bound
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._pace = ASSUMED_SECONDS / bound.concurrent  # seconds between two departures while somebody waits
        self._moved = 0.0  # when the queue moved last, or began
        self._wait_metric = metrics.QUEUE.labels(route_class)
        metrics.ADMITTED.labels(route_class).set_function(lambda: self._active)
        metrics.QUEUED.labels(route_class).set_function(lambda: len(self._waiting))

    async def enter(self) -> None:
        """Wait to be admitted; every `enter` that returns needs a `leave`. Raises ShedError."""
        if self._active < self._bound.concurrent and not self._waiting:
            self._active += 1
            return
        started = time.monotonic()
        if len(self._waiting) >= self._bound.queued:
            self._refuse("queue-full")
        if not self._waiting:
            self._moved = started
        if len(self._waiting) >= self._bound.concurrent and self._expected(started) > self._bound.seconds:
            self._refuse("too-slow")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._bound.seconds):
                await turn
        except TimeoutError:
            self._give_up(turn)
            self._refuse("deadline")
        except asyncio.CancelledError:
            self._give_up(turn)
            raise
        finally:
            self._wait_metric.observe(time.monotonic() - started)

    def leave(self) -> None:
        """Make room for the next."""
        if self._waiting:
            now = time.monotonic()
            self._pace += PACE_WEIGHT * (min(now - self._moved, self._bound.seconds) - self._pace)
            self._moved = now
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._active -= 1

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """`enter` and `leave` around a block."""
        await self.enter()
        try:
            yield
        finally:
            self.leave()

    def _expected(self, now: float) -> float:
        """Seconds until the turn of whoever comes now. As many as work at once always wait, so that a pace that was
        slow once is learned anew.
        """
        return now - self._moved + (len(self._waiting) + 1) * self._pace

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self.leave()  # admitted at the last moment: pass it on
        elif turn in self._waiting:
            self._waiting.remove(turn)

    def _refuse(self, reason: str) -> None:
        metrics.SHED.labels(self._class, reason).inc()
        raise ShedError(self._class, reason)


class Admission:
    """The gates of this process."""

    def __init__(self, bounds: dict[str, Bound]) -> None:
        self._gates = {name: Gate(name, bound) for name, bound in bounds.items()}

    def gate(self, route_class: str) -> Gate:
        """The gate of a class."""
        return self._gates[route_class]


ASSUMED_SECONDS = 0.03  # what a request takes, until the queue has shown it
PACE_WEIGHT = 0.05  # of the newest departure in their moving average
LONGEST_QUEUE = 2000  # bounds memory; a request that waits holds some 10 KiB
DEADLINE = 1.0


def bounds_of(settings: Settings) -> dict[str, Bound]:
    """Bounds that follow the pools: reads fill the read pool; the others share the write pool."""
    reads = settings.db_read_pool_size + settings.db_read_max_overflow
    writes = settings.db_pool_size + settings.db_max_overflow

    def bound(concurrent: int, seconds: float = DEADLINE) -> Bound:
        size = max(1, concurrent)
        return Bound(size, LONGEST_QUEUE, seconds)

    return {
        "self": bound(reads),
        "page": bound(writes * 2 // 10, 2 * DEADLINE),
        "staff": bound(writes * 3 // 10, 2 * DEADLINE),
        "write": bound(writes * 3 // 10, 2 * DEADLINE),
        "login": bound(writes * 2 // 10, 4 * DEADLINE),
    }
