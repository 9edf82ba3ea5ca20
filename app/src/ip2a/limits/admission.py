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
    """`share` requests at once are always let in, `most` while others leave room; up to `queued` more wait, where they
    may expect their turn within `seconds`.
    """

    share: int
    most: int
    queued: int
    seconds: float


class Pool:
    """Connections that several classes share. What one does not use the others may, but for `spare` of them, which are
    kept for whoever has less than its share.
    """

    def __init__(self, size: int, spare: int = 0) -> None:
        self._size = size
        self._spare = spare
        self._used = 0
        self._gates: list[Gate] = []

    def join(self, gate: "Gate") -> None:
        """Let a class take part; earlier ones come first when there is room beyond the shares."""
        self._gates.append(gate)

    def admits(self, gate: "Gate") -> bool:
        """Whether there is room for one more of this class."""
        if gate.active < gate.bound.share:
            return self._used < self._size
        return gate.active < gate.bound.most and self._used < self._size - self._spare

    def take(self) -> None:
        """One connection is spoken for."""
        self._used += 1

    def give_back(self) -> None:
        """One is free again: the next who waits gets it, those first whose class has less than its share."""
        self._used -= 1
        waiting = [gate for gate in self._gates if gate.waits()]
        for below in (True, False):
            for gate in waiting:
                if (gate.active < gate.bound.share) is below and self.admits(gate):
                    gate.admit_next()
                    return


class Gate:
    """Admits requests of one class, first come first served."""

    def __init__(self, route_class: str, bound: Bound, pool: Pool | None = None) -> None:
        self.bound = bound
        self.active = 0
        self._pool = pool or Pool(bound.most)
        self._pool.join(self)
        self._class = route_class
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._pace = ASSUMED_SECONDS / bound.share  # seconds between two admissions while somebody waits
        self._moved = 0.0  # when the queue moved last, or began
        self._wait_metric = metrics.QUEUE.labels(route_class)
        metrics.ADMITTED.labels(route_class).set_function(lambda: self.active)
        metrics.QUEUED.labels(route_class).set_function(lambda: len(self._waiting))

    async def enter(self) -> None:
        """Wait to be admitted; every `enter` that returns needs a `leave`. Raises ShedError."""
        if not self._waiting and self._pool.admits(self):
            self._admit()
            return
        started = time.monotonic()
        if len(self._waiting) >= self.bound.queued:
            self._refuse("queue-full")
        if not self._waiting:
            self._moved = started
        if len(self._waiting) >= self.bound.share and self._expected(started) > self.bound.seconds:
            self._refuse("too-slow")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self.bound.seconds):
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
        self.active -= 1
        self._pool.give_back()

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """`enter` and `leave` around a block."""
        await self.enter()
        try:
            yield
        finally:
            self.leave()

    def waits(self) -> bool:
        """Whether anybody still waits here."""
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        return bool(self._waiting)

    def admit_next(self) -> None:
        """The turn of whoever waits longest; somebody does."""
        now = time.monotonic()
        self._pace += PACE_WEIGHT * (min(now - self._moved, self.bound.seconds) - self._pace)
        self._moved = now
        self._admit()
        self._waiting.popleft().set_result(None)

    def _admit(self) -> None:
        self.active += 1
        self._pool.take()

    def _expected(self, now: float) -> float:
        """Seconds until the turn of whoever comes now. As many as the share may always wait, so that a pace that was
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

    def __init__(self, gates: dict[str, Gate]) -> None:
        self._gates = gates

    def gate(self, route_class: str) -> Gate:
        """The gate of a class."""
        return self._gates[route_class]


ASSUMED_SECONDS = 0.03  # what a request takes, until the queue has shown it
PACE_WEIGHT = 0.05  # of the newest admission in their moving average
LONGEST_QUEUE = 2000  # bounds memory; a request that waits holds some 10 KiB
DEADLINE = 1.0


def admission_of(settings: Settings) -> Admission:
    """Gates that follow the pools: reads that missed fill the read pool; the others share the write pool, people who
    change something first.
    """
    reads = settings.db_read_pool_size + settings.db_read_max_overflow
    writes = settings.db_pool_size + settings.db_max_overflow
    shared = Pool(writes, spare=writes // 5)

    def gate(route_class: str, tenths: int, seconds: float = 2 * DEADLINE) -> Gate:
        share = max(1, writes * tenths // 10)
        return Gate(route_class, Bound(share, min(2 * share, writes), LONGEST_QUEUE, seconds), shared)

    return Admission(
        {
            "self": Gate("self", Bound(reads, reads, LONGEST_QUEUE, DEADLINE)),
            "write": gate("write", 3),
            "staff": gate("staff", 3),
            "page": gate("page", 2),
            "login": gate("login", 2, 4 * DEADLINE),
        }
    )
