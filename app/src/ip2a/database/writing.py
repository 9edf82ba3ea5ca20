"""Changes: committed with their outbox rows, then invalidated, then told with their WAL position.

What is committed is answered as done: the position only says from where it may be read, so that failing to learn it
sends its client's reads to the primary for a while (`UNKNOWN_POSITION`).
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.engines import Databases
from ip2a.database.identity import Identity, transaction
from ip2a.database.once import ONCE
from ip2a.database.outbox import Outbox
from ip2a.database.pipeline import Call, Pipeline, Row
from ip2a.database.reading import BROKEN, POSITION, UNKNOWN_POSITION, set_identity

LOGGER = logging.getLogger(__name__)
TIMEOUT = 5.0  # seconds; what is unknown after that, the client repeats under its Idempotency-Key

FAILED = (*BROKEN, psycopg.Error, SQLAlchemyError)
"""How a statement may fail: the connection, the server, the pool."""

_OUTBOX = text("INSERT INTO cache_outbox (subject) SELECT unnest(cast(:subjects AS text[])) RETURNING id")


class Writing:
    """A transaction in which something changes; `lsn` is set once it is committed, or stays 0 where the edge commits
    and tells it (`Once`).
    """

    def __init__(self, connection: AsyncConnection, subjects: Sequence[bytes]) -> None:
        self.connection = connection
        self.subjects = list(subjects)
        self.lsn = 0


class Written(NamedTuple):
    """A committed statement's rows and the WAL position behind it, or UNKNOWN_POSITION."""

    rows: list[Row]
    lsn: int


class Writer:
    """Commits changes; one per process."""

    def __init__(self, databases: Databases, primary: Pipeline, outbox: Outbox) -> None:
        self._databases = databases
        self._primary = primary
        self._outbox = outbox

    @asynccontextmanager
    async def transaction(self, identity: Identity, subjects: Sequence[bytes]) -> AsyncIterator[Writing]:
        """One transaction on behalf of `identity`, after which the cache forgets `subjects`."""
        once = ONCE.get()
        async with once.transaction(identity) if once else transaction(self._databases.write, identity) as connection:
            writing = Writing(connection, subjects)
            yield writing
            names = [subject.decode() for subject in writing.subjects]
            rows = list((await connection.execute(_OUTBOX, {"subjects": names})).scalars())
        if once:
            once.afterwards(lambda: self._forget(rows, writing.subjects))
        else:
            writing.lsn = await self._forget(rows, writing.subjects)

    async def _forget(self, rows: Sequence[int], subjects: Sequence[bytes]) -> int:
        """After a commit: the position behind it; what it changed is no longer in the cache."""
        try:
            ((position,),) = await self._primary.run((((POSITION, ()),),), TIMEOUT)
            lsn = int(position[0] or 0)
        except FAILED as error:
            lsn = _unknown(error)
        await self._outbox.invalidate(rows, subjects, lsn)
        return lsn

    async def run(self, identity: Identity, call: Call, route_class: str = "write") -> Written:
        """One statement that changes something, committed, in one round trip.

        The caller reports its outbox rows with `invalidate`.
        """
        batches = ((set_identity(identity, route_class), call), ((POSITION, ()),))
        committed: list[list[Row]] = []
        try:
            await self._primary.run(batches, TIMEOUT, committed)
        except FAILED as error:
            if not committed:
                raise
            return Written(committed[1], _unknown(error))
        _, rows, position = committed
        return Written(rows, int(position[0][0] or 0))

    async def invalidate(self, outbox_row: int, subjects: Sequence[bytes], lsn: int) -> None:
        """Forget what a committed `run` changed."""
        await self._outbox.invalidate([outbox_row], subjects, lsn)


def _unknown(error: Exception) -> int:
    LOGGER.warning("committed, but where is not known (%s); the primary answers this client", type(error).__name__)
    return UNKNOWN_POSITION
