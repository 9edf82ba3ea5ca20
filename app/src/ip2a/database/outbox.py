"""The promise that every change is followed by its cache invalidation, whatever crashes in between.

A change writes the subjects it touches into `cache_outbox` in its own transaction. The writer invalidates
right after
its commit and reports the rows done; rows nobody reported are found by every process's relay and made good.
"""

import asyncio
import logging
import random
from collections.abc import Sequence

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from ip2a.cache.connection import CacheUnavailableError
from ip2a.cache.store import Cache
from ip2a.database.identity import SYSTEM
from ip2a.database.pipeline import Pipeline, Statement
from ip2a.database.reading import POSITION, UNKNOWN_POSITION, set_identity

LOGGER = logging.getLogger(__name__)
INTERVAL = 1.0  # seconds between looks, jittered
TIMEOUT = 5.0
BATCH = 500

_DELETE = Statement(b"ip2a_outbox_delete", b"DELETE FROM cache_outbox WHERE id = ANY($1::bigint[])")
_ORPHANS = Statement(
    b"ip2a_outbox_orphans",
    b"""
    SELECT id, subject FROM cache_outbox
    WHERE created_at < clock_timestamp() - $1::interval ORDER BY id LIMIT $2::integer
    """,
)
GIVEN_TIME = b"2 seconds"  # what a writer has for invalidating by itself
AT_ONCE = b"0 seconds"


class Outbox:
    """This process's part: what its writers did, and the relay for what anybody's left undone."""

    def __init__(self, primary: Pipeline, cache: Cache | None) -> None:
        self._primary = primary
        self._cache = cache
        self._done: list[int] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin relaying."""
        self._task = asyncio.create_task(self._relay())

    async def close(self) -> None:
        """Report what was done and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            try:
                await self._forget_done()
            except (psycopg.Error, SQLAlchemyError, TimeoutError, OSError):
                LOGGER.warning("outbox rows left to the other processes")

    async def invalidate(self, rows: Sequence[int], subjects: Sequence[bytes], lsn: int) -> None:
        """After a commit at `lsn` (or UNKNOWN_POSITION): invalidate now; if that fails the relay will."""
        if self._cache is not None:
            try:
                if lsn == UNKNOWN_POSITION:
                    await self._cache.forget(subjects, "writer")
                else:
                    await self._cache.invalidate(subjects, lsn, "writer")
            except CacheUnavailableError:
                return
        self._done.extend(rows)

    async def drain(self, cache: Cache) -> None:
        """Make good everything left undone, before a Redis that was away is believed again.

        Raises CacheUnavailableError when it cannot be known what was missed.
        """
        try:
            while await self._make_good(cache, AT_ONCE) == BATCH:
                pass
        except (psycopg.Error, SQLAlchemyError, TimeoutError, OSError) as error:
            raise CacheUnavailableError from error

    async def _relay(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL * random.uniform(0.75, 1.25))  # noqa: S311 (jitter)
            try:
                await self._forget_done()
                while await self._make_good(self._cache, GIVEN_TIME) == BATCH:
                    pass
            except CacheUnavailableError:
                continue  # the rows stay until Redis is back
            except (psycopg.Error, SQLAlchemyError, TimeoutError, OSError) as error:
                LOGGER.warning("outbox relay: database unavailable (%s)", type(error).__name__)

    async def _forget_done(self) -> None:
        done, self._done = self._done, []
        if not done:
            return
        try:
            await self._delete(done)
        except BaseException:
            self._done.extend(done)
            raise

    async def _make_good(self, cache: Cache | None, older_than: bytes) -> int:
        batch = (set_identity(SYSTEM, "outbox"), (_ORPHANS, (older_than, b"%d" % BATCH)))
        _, orphans, position = await self._primary.run((batch, ((POSITION, ()),)), TIMEOUT)
        if not orphans:
            return 0
        if cache is not None:
            subjects = sorted({subject for _, subject in orphans if subject is not None})
            await cache.invalidate(subjects, int(position[0][0] or 0), "relay")
        await self._delete([int(number or 0) for number, _ in orphans])
        return len(orphans)

    async def _delete(self, rows: Sequence[int]) -> None:
        ids = b"{" + b",".join(b"%d" % row for row in rows) + b"}"
        await self._primary.run(((set_identity(SYSTEM, "outbox"), (_DELETE, (ids,))),), TIMEOUT)
