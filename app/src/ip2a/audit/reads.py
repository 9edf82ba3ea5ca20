"""Records who of the staff read whose personal data, many reads in one statement, none lost.

An answer leaves only after its record is committed: reads that arrive while one batch is being written wait for the
next one (group commit). A record that cannot be written fails the read.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from ip2a.audit import repository
from ip2a.audit.repository import ReadEntry
from ip2a.database.identity import Identity, transaction

MAXIMUM_BATCH = 200
RECORDER = Identity(resources=frozenset({"audit_write"}))
"""May add records on anybody's behalf, and see nothing."""


@dataclass(slots=True)
class _Waiting:
    entry: ReadEntry
    written: asyncio.Future[None]


class ReadRecorder:
    """Group commit of read records of one process."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def record(self, entry: ReadEntry) -> None:
        """Return when the entry is committed; raises what the database raised when it is not."""
        waiting = _Waiting(entry, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())
        await waiting.written

    async def close(self) -> None:
        """Finish what is being written."""
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAXIMUM_BATCH))]
            failure: Exception | None = None
            try:
                async with transaction(self._engine, RECORDER) as connection:
                    await repository.insert_reads(connection, [waiting.entry for waiting in batch])
            except Exception as error:  # handed to every request that waits for it
                failure = error
            for waiting in batch:
                if waiting.written.done():
                    continue  # the request was cancelled; its record stays
                if failure is None:
                    waiting.written.set_result(None)
                else:
                    waiting.written.set_exception(failure)
