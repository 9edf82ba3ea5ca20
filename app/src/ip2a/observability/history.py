"""What this process's figures were during the last minutes: a look every few seconds, kept for the dashboard."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ip2a.observability import http, metrics

INTERVAL = 5.0  # seconds between looks
KEPT = 61  # looks: five minutes
FAMILIES = (
    metrics.POOL_WAIT,
    metrics.POOL_USED,
    metrics.POOL_LIMIT,
    metrics.READS,
    metrics.LSN_FALLBACKS,
    metrics.CACHE,
    metrics.CACHE_UP,
    metrics.LIMITED,
    metrics.QUEUE,
    metrics.ADMITTED,
    metrics.QUEUED,
    metrics.SHED,
    metrics.USERS_ACTIVE,
    http.IN_FLIGHT,
)

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and labels."""


class Look(NamedTuple):
    """The figures at one moment; `times` counts requests of each kind between `http.BOUNDS`."""

    at: float
    times: dict[str, tuple[int, ...]]
    failed: int
    series: dict[Series, float]


class History:
    """The looks of one process, oldest first."""

    def __init__(self, kind_of: Callable[[str, str], str]) -> None:
        self._kind_of = kind_of
        self._looks: deque[Look] = deque(maxlen=KEPT)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin looking."""
        self._looks.append(self.look())
        self._task = asyncio.create_task(self._look_now_and_then())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def looks(self) -> list[Look]:
        """What was seen, and how it is now."""
        return [*self._looks, self.look()]

    def look(self) -> Look:
        """How it is now."""
        series = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in FAMILIES
            for metric in family.collect()
            for sample in metric.samples
            if not sample.name.endswith("_created")
        }
        return Look(time.monotonic(), http.times_by(self._kind_of), http.failures(), series)

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self._looks.append(self.look())
