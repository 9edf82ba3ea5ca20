"""The life of one resource's reconciliations: debounce, one at a time, backoff while it fails, resync when
quiet.

Independent of kopf, which only starts and stops it: a daemon of any other framework could be this coroutine.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol

from ip2a_operator.domain.backoff import backoff, fraction
from ip2a_operator.errors import NotLeaderError, OperatorError, UnavailableError
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.wakeups import Wakeups

log = logging.getLogger(__name__)

DEBOUNCE_SECONDS: Final = 0.1
"""Lets bursts of changes become one reconciliation, and a deletion be seen before anything is made anew."""
SHORTEST_LOOK: Final = 0.5

reconcile_id: ContextVar[str] = ContextVar("reconcile_id", default="")
"""Namespace, name and number of the reconciliation that is going on; every log line has it."""


class Stopped(Protocol):
    """Whether the resource, or the operator, is going."""

    def __bool__(self) -> bool: ...

    def wait(self) -> Awaitable[object]:
        """Over when it is."""


class Meter(Protocol):
    """Counts reconciliations."""

    def reconciled(self, key: Key, seconds: float, result: str) -> None:
        """`result` is `success` or the reason of the failure."""


@dataclass(frozen=True, slots=True)
class Loop:
    """Runs `reconcile` for resources; `slots` bounds how many at once."""

    reconcile: Callable[[Key], Awaitable[float | None]]
    wakeups: Wakeups
    slots: asyncio.Semaphore
    meter: Meter
    resync_seconds: float

    async def run(self, key: Key, stopped: Stopped) -> None:
        """Until `stopped`. Never raises for what a reconciliation raises."""
        dirty, failures, number = self.wakeups.of(key), 0, 0
        while True:
            await asyncio.sleep(DEBOUNCE_SECONDS)
            if stopped:
                return
            number += 1
            reconcile_id.set(f"{key}#{number}")
            failed, delay = await self._once(key, dirty)
            failures = failures + 1 if failed else 0
            if failed:
                delay = backoff(failures, str(key))
            # While failing only time and the end are heard: events would turn the backoff into a busy loop.
            await _first(stopped, None if failed else dirty, delay)

    async def _once(self, key: Key, dirty: asyncio.Event) -> tuple[bool, float]:
        """Whether it failed, and the seconds until the next look."""
        result, began = "success", time.perf_counter()
        delay: float | None = None
        async with self.slots:
            # Before the world is read, and no sooner: what comes while it is read wakes the loop again, what came
            # while others were served is seen now.
            dirty.clear()
            try:
                delay = await self.reconcile(key)
            except (NotLeaderError, UnavailableError) as error:
                result = error.reason
                log.warning("reconciliation put off: %s", error)
            except OperatorError as error:
                result = error.reason
                log.error("reconciliation failed: %s: %s", error.reason, error)
            except Exception:
                result = "Bug"
                log.exception("reconciliation failed unexpectedly")
        self.meter.reconciled(key, time.perf_counter() - began, result)
        if delay is None:
            delay = self.resync_seconds * (0.75 + 0.5 * fraction(f"{key}{began}"))
        return result != "success", max(SHORTEST_LOOK, delay)


async def _first(stopped: Stopped, dirty: asyncio.Event | None, seconds: float) -> None:
    """Wait for the first of: the end, a change, the time."""
    waits: list[Awaitable[object]] = [stopped.wait()]
    if dirty is not None:
        waits.append(dirty.wait())
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
