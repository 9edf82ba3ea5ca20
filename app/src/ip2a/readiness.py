"""Whether this process should get requests.

Ready from the moment its pool reached the primary and its first requests were rehearsed, until it drains. Replicas are
greeted too, but not waited for: the primary answers for them, and a pod that starts while they are away is needed all
the more. A database lost later does not take the process out of service: every other one has the same database, and
answering 503 with Retry-After is better than no answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ip2a.runtime import Runtime

LOGGER = logging.getLogger(__name__)
FIRST_WAIT = 0.25  # seconds between attempts to reach the database at the start, doubled up to LONGEST_WAIT
LONGEST_WAIT = 4.0
REPLICA_PATIENCE = 1.0  # seconds for a replica to answer at the start
REHEARSAL_PATIENCE = 10.0  # seconds; half a second of CPU is needed, which pods have little of

Rehearsal = Callable[[], Awaitable[None]]
"""Makes the first requests' work be done before there are any."""


class Readiness:
    """starting → ready → draining."""

    def __init__(self) -> None:
        self.state = "starting"
        self._task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether the process should get requests."""
        return self.state == "ready"

    async def start(self, runtime: Runtime, rehearse: Rehearsal | None = None) -> None:
        """Warm up in the background: probes answer meanwhile."""
        self._task = asyncio.create_task(self._warm_up(runtime, rehearse))

    def drain(self) -> None:
        """No new requests, please; those in flight are finished."""
        self.state = "draining"
        if self._task is not None:
            self._task.cancel()

    async def _warm_up(self, runtime: Runtime, rehearse: Rehearsal | None) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                await _greet(runtime.databases.write)
            except (SQLAlchemyError, OSError) as error:
                LOGGER.warning("database not reachable yet (%s); trying again in %.1f s", error, wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                break
        try:
            async with asyncio.timeout(REPLICA_PATIENCE):
                await _greet(runtime.databases.read)
        except (SQLAlchemyError, OSError) as error:  # TimeoutError is an OSError
            LOGGER.warning("no replica answers yet (%s); the primary answers for it", str(error) or "too late")
        if rehearse is not None:
            await _attempt(rehearse)
        self.state = "ready"


async def _attempt(rehearse: Rehearsal) -> None:
    """Slow first requests are better than none: what goes wrong is only told."""
    try:
        async with asyncio.timeout(REHEARSAL_PATIENCE):
            await rehearse()
    except TimeoutError:
        LOGGER.warning("the rehearsal took too long; the first requests will be slow")
    except Exception:
        LOGGER.exception("the rehearsal failed; the first requests will be slow")


async def _greet(engine: AsyncEngine) -> None:
    """Have a connection of the pool open."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
