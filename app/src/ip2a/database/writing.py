"""Changes: committed with their outbox rows, then invalidated, then told with their WAL
position.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.engines import Databases
from ip2a.database.identity import Identity, transaction
from ip2a.database.outbox import Outbox
from ip2a.database.pipeline import Call, Pipeline, Row
from ip2a.database.reading import POSITION, set_identity

TIMEOUT = 5.0  # seconds; what is unknown after that, the client repeats under its Idempotency-Key

_OUTBOX = text("INSERT INTO cache_outbox (subject) SELECT unnest(cast(:subjects AS text[])) RETURNING id")


class Writing:
    """A transaction in which something changes; `lsn` is known once it is committed."""

    def __init__(self, connection: AsyncConnection, subjects: Sequence[bytes]) -> None:
        self.connection = connection
        self.subjects = list(subjects)
        self.lsn = 0


class Written(NamedTuple):
    """A committed pipeline's rows and the WAL position behind it."""

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
        async with transaction(self._databases.write, identity) as connection:
            writing = Writing(connection, subjects)
            yield writing
            names = [subject.decode() for subject in writing.subjects]
            rows = list((await connection.execute(_OUTBOX, {"subjects": names})).scalars())
        position = await self._primary.run((((POSITION, ()),),), TIMEOUT)
        writing.lsn = int(position[0][0][0] or 0)
        await self._outbox.invalidate(rows, writing.subjects, writing.lsn)

    async def run(self, identity: Identity, call: Call, route_class: str = "write") -> Written:
        """One statement that changes something, committed, in one round trip.

        The caller reports its outbox rows with `invalidate`.
        """
        batches = ((set_identity(identity, route_class), call), ((POSITION, ()),))
        _, rows, position = await self._primary.run(batches, TIMEOUT)
        return Written(rows, int(position[0][0] or 0))

    async def invalidate(self, outbox_row: int, subjects: Sequence[bytes], lsn: int) -> None:
        """Forget what a committed `run` changed."""
        await self._outbox.invalidate([outbox_row], subjects, lsn)
