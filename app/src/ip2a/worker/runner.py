"""Empties the queue: takes jobs, works on a bounded number at once, keeps their leases, and says how they ended."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import psycopg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.identity import SYSTEM, transaction
from ip2a.observability import logs, metrics
from ip2a.worker import queue
from ip2a.worker.backoff import wait_after
from ip2a.worker.models import JobState
from ip2a.worker.queue import Taken
from ip2a.worker.work import GiveUp, Kind, LeaseLost, Tools, Work

LOGGER = logging.getLogger(__name__)
DATABASE_TIMEOUT = 10.0  # seconds for one statement about a job
DATABASE_TROUBLE = (SQLAlchemyError, psycopg.Error, OSError, TimeoutError)
FAILURE_LENGTH = 500
COUNT_EVERY = 15.0  # seconds between looks at the whole queue, for the metrics


@dataclass(frozen=True)
class Pace:
    """Seconds, and how many jobs at once."""

    concurrency: int = 4
    lease: float = 60.0
    idle: float = 1.0  # between looks into an empty queue, jittered
    grace: float = 25.0  # what jobs in progress are given when the process ends


class Runner:
    """The work of one process. `healthy` tells whether it still turns."""

    def __init__(self, tools: Tools, kinds: Mapping[str, Kind], pace: Pace, name: str) -> None:
        self._tools = tools
        self._kinds = kinds
        self._pace = pace
        self._name = name
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._working: set[asyncio.Task[None]] = set()
        self._running: Counter[str] = Counter()  # jobs in progress, by kind
        self._turned = time.monotonic()
        self._counted = 0.0
        self._connected = False

    @property
    def state(self) -> str:
        """starting → ready → draining."""
        if self._stop.is_set():
            return "draining"
        return "ready" if self._connected else "starting"

    def healthy(self, seconds: float) -> bool:
        """Whether the loop has turned within the last `seconds`."""
        return time.monotonic() - self._turned < seconds

    def stop(self) -> None:
        """Take nothing more; `run` returns when the jobs in progress are finished or given back."""
        self._stop.set()
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._stop.is_set():
            self._turned = time.monotonic()
            self._wake.clear()
            taken = await self._take()
            for job in taken:
                task = asyncio.create_task(self._work(job))
                self._working.add(task)
                task.add_done_callback(self._left)
            await self._count()
            if not taken or len(self._working) >= self._pace.concurrency:
                await self._rest()
        await self._drain()

    async def run_once(self) -> int:
        """Work on what is due now until nothing is; returns how many jobs. For tests and one-off runs."""
        number = 0
        while taken := await self._take():
            number += len(taken)
            await asyncio.gather(*(self._work(job) for job in taken))
        return number

    def _left(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self._wake.set()

    async def _rest(self) -> None:
        seconds = self._pace.idle * random.uniform(0.5, 1.5)  # noqa: S311 (jitter)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _take(self) -> list[Taken]:
        room = self._pace.concurrency - len(self._working)
        taken: list[Taken] = []
        if room <= 0:
            return taken
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT), self._transaction() as connection:
                for kinds, limit in self._takable(room):
                    left = min(limit, room - len(taken))
                    taken += await queue.take(connection, kinds, worker=self._name, lease=self._pace.lease, limit=left)
        except DATABASE_TROUBLE as error:
            LOGGER.warning("the queue cannot be reached (%s); trying again", type(error).__name__)
            return []
        self._connected = True
        self._running.update(job.kind for job in taken)
        return taken

    def _takable(self, room: int) -> list[tuple[list[str], int]]:
        """Kinds to take, and how many of them: first those without a bound of their own, since they are short."""
        found = [([name for name, kind in self._kinds.items() if not kind.at_once], room)]
        found += [([name], kind.at_once - self._running[name]) for name, kind in self._kinds.items() if kind.at_once]
        return [(kinds, limit) for kinds, limit in found if kinds and limit > 0]

    async def _count(self) -> None:
        if time.monotonic() - self._counted < COUNT_EVERY:
            return
        self._counted = time.monotonic()
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT), self._transaction() as connection:
                rows = await queue.counts(connection)
        except DATABASE_TROUBLE:
            return
        for kind in self._kinds:
            for state in (JobState.WAITING, JobState.RUNNING, JobState.DEAD):
                metrics.JOBS.labels(kind, state.value).set(0)
            metrics.JOBS_LATE.labels(kind).set(0)
        for row in rows:
            metrics.JOBS.labels(row["kind"], row["state"]).set(row["jobs"])
            if row["state"] == JobState.WAITING:
                metrics.JOBS_LATE.labels(row["kind"]).set(max(0.0, float(row["oldest"])))

    def _transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return transaction(self._tools.databases.write, SYSTEM)

    async def _work(self, job: Taken) -> None:
        logs.TRACE_ID.set(job.correlation_id or "")
        started = time.monotonic()
        outcome = "failed"
        try:
            outcome = await self._try(job)
        except DATABASE_TROUBLE as error:
            # What became of it is not on record: its lease ends and it is tried again.
            LOGGER.warning("job %d (%s): the database went away (%s)", job.id, job.kind, type(error).__name__)
        finally:
            self._running[job.kind] -= 1
            metrics.JOBS_ENDED.labels(job.kind, outcome).inc()
            metrics.JOB_SECONDS.labels(job.kind).observe(time.monotonic() - started)

    async def _try(self, job: Taken) -> str:
        kind = self._kinds[job.kind]
        if job.attempt > kind.attempts:  # its workers died each time
            return await self._bury(job, kind, "every worker that took it ended without a word")
        work = Work(job, self._tools)
        try:
            await self._with_heartbeat(work, kind)
        except LeaseLost:
            LOGGER.warning("job %d (%s) was taken over by another worker", job.id, job.kind)
            return "lost"
        except GiveUp as error:
            return await self._bury(job, kind, str(error))
        except asyncio.CancelledError:
            await asyncio.shield(self._tell(lambda connection: queue.retry(connection, job, wait=0, failure=None)))
            raise
        except Exception as error:
            if not isinstance(error, DATABASE_TROUBLE):
                LOGGER.warning("job %d (%s) failed", job.id, job.kind, exc_info=error)
            return await self._failed(job, kind, type(error).__name__)
        if not work.finished:
            await self._tell(lambda connection: queue.finish(connection, job))
        return "done"

    async def _with_heartbeat(self, work: Work, kind: Kind) -> None:
        handling = asyncio.ensure_future(kind.handler(work))
        beating = asyncio.create_task(self._beat(work))
        try:
            async with asyncio.timeout(kind.seconds):
                await asyncio.wait({handling, beating}, return_when=asyncio.FIRST_COMPLETED)
            if not handling.done():
                raise LeaseLost
            await handling
        finally:
            for task in (handling, beating):
                task.cancel()
            await asyncio.gather(handling, beating, return_exceptions=True)

    async def _beat(self, work: Work) -> None:
        """Keep the lease; returns when it is lost."""
        lease = self._pace.lease
        kept_until = time.monotonic() + lease
        while True:
            await asyncio.sleep(lease / 4)
            try:
                async with asyncio.timeout(lease / 4), self._transaction() as connection:
                    if not await queue.extend(connection, work.job, lease=lease, progress=work.percent):
                        if work.ending:
                            continue  # finished by the handler's own transaction, which finds out itself
                        return
                kept_until = time.monotonic() + lease
            except DATABASE_TROUBLE:
                if time.monotonic() > kept_until:
                    return

    async def _failed(self, job: Taken, kind: Kind, failure: str) -> str:
        if job.attempt >= kind.attempts:
            return await self._bury(job, kind, failure)
        wait = wait_after(job.attempt, random.random())  # noqa: S311 (jitter)
        await self._tell(lambda connection: queue.retry(connection, job, wait=wait, failure=failure))
        return "retried"

    async def _bury(self, job: Taken, kind: Kind, failure: str) -> str:
        async def dead(connection: AsyncConnection) -> None:
            if await queue.bury(connection, job, failure[:FAILURE_LENGTH]) and kind.failed is not None:
                await kind.failed(connection, job.payload)

        LOGGER.error("job %d (%s) is dead after attempt %d: %s", job.id, job.kind, job.attempt, failure)
        await self._tell(dead)
        return "dead"

    async def _tell(self, what: Callable[[AsyncConnection], Awaitable[object]]) -> None:
        async with asyncio.timeout(DATABASE_TIMEOUT), self._transaction() as connection:
            await what(connection)

    async def _drain(self) -> None:
        """Let jobs in progress finish; what does not in time goes back to the queue at once."""
        if self._working:
            await asyncio.wait(set(self._working), timeout=self._pace.grace)
        left = set(self._working)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
