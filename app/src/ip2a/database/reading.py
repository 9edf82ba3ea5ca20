"""Reads that go to replicas and are never older than what their client wrote.

The first statement of the pipeline sets the identity and tells how far the server has replayed; the second
reads. The
position is taken before the second statement's snapshot, so an answer is at least as new as the position
says, and a
replica's answer counts only if that is behind the client's last write. Otherwise the primary answers.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ip2a.database.engines import Databases
from ip2a.database.identity import Identity
from ip2a.database.pipeline import Call, Pipeline, Row, Statement
from ip2a.observability import metrics

LOGGER = logging.getLogger(__name__)
REPLICA_TIMEOUT = 1.0  # seconds a replica may take before the primary is asked
PRIMARY_TIMEOUT = 5.0
STATEMENT_TIMEOUT = b"4s"
AVOID_REPLICA = 2.0  # seconds without trying after a failure
TRUE = b"t"

SET_IDENTITY = Statement(
    b"ip2a_identity",
    b"""
    SELECT set_config('ip2a.user_id', $1, true), set_config('ip2a.member_id', $2, true),
        set_config('ip2a.resources', $3, true), set_config('statement_timeout', $4, true),
        set_config('application_name', $5, true), set_config('ip2a.address', $6, true),
        set_config('ip2a.correlation_id', $7, true), pg_is_in_recovery(),
        (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
              ELSE pg_current_wal_insert_lsn() END - '0/0')::bigint
    """,
)
POSITION = Statement(b"ip2a_position", b"SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")

UNKNOWN_POSITION = 2**62
"""Behind every position there is: whoever needs this is answered by the primary, which has all that is committed."""

# A connection that broke, or a server that is starting, stopping, or cancels queries to catch up.
BROKEN = (psycopg.OperationalError, psycopg.InterfaceError, DBAPIError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One statement's rows, and a WAL position that they are not older than."""

    rows: list[Row]
    lsn: int
    from_primary: bool


def set_identity(identity: Identity, route_class: str) -> Call:
    """The first statement of every pipeline."""
    values = identity.parameters()
    return SET_IDENTITY, (
        values["user_id"].encode(),
        values["member_id"].encode(),
        values["resources"].encode(),
        STATEMENT_TIMEOUT,
        b"ip2a-" + route_class.encode(),
        values["address"].encode(),
        values["correlation_id"].encode(),
    )


class Reader:
    """Reads with one round trip, from a replica where that is right."""

    def __init__(self, databases: Databases) -> None:
        self._replica = Pipeline(databases.read, "read")
        self.primary = Pipeline(databases.write, "write")
        self._split = databases.split
        self._avoid_until = 0.0
        self._lagging: tuple[float, int] = (0.0, 0)

    async def read(
        self,
        identity: Identity,
        call: Call,
        *,
        min_lsn: int = 0,
        from_primary: bool = False,
        route_class: str = "self",
    ) -> Snapshot:
        """The rows of one statement, not older than `min_lsn`; of UNKNOWN_POSITION, from the primary.

        Raises psycopg.Error, TimeoutError or SQLAlchemy's TimeoutError when the primary cannot answer either.
        """
        batch = (set_identity(identity, route_class), call)
        if min_lsn >= UNKNOWN_POSITION:
            from_primary, min_lsn = True, 0  # the snapshot's own position is told, so that it may be cached
        reason = "asked" if from_primary else self._reason_to_avoid_replica(min_lsn)
        if reason is None:
            answer = await self._from_replica(batch, min_lsn)
            if isinstance(answer, Snapshot):
                return answer
            reason = answer
        if self._split and reason != "asked":
            metrics.LSN_FALLBACKS.labels(reason).inc()
        return await self._from_primary(batch, min_lsn)

    async def positions(self) -> tuple[int | None, int | None]:
        """The WAL positions of the primary and of a replica, asked now; None for a server that does not answer, and for
        the replica where there is none.
        """
        batch = (set_identity(Identity(), "self"),)
        return await _position(self._replica if self._split else None, batch), await _position(self.primary, batch)

    def _reason_to_avoid_replica(self, min_lsn: int) -> str | None:
        if not self._split:
            return "none"
        now = time.monotonic()
        if now < self._avoid_until:
            return "down"
        seen, position = self._lagging
        return "lag" if now - seen < 0.05 and position < min_lsn else None

    async def _from_replica(self, batch: tuple[Call, Call], min_lsn: int) -> Snapshot | str:
        try:
            results = await self._replica.run((batch,), REPLICA_TIMEOUT)
        except PoolTimeout:
            return "pool"
        except BROKEN as error:
            LOGGER.warning("replica failed (%s); the primary answers", type(error).__name__)
            self._avoid_until = time.monotonic() + AVOID_REPLICA
            return "down"
        snapshot = _snapshot(results, min_lsn)
        if snapshot.lsn >= min_lsn:
            return snapshot
        self._lagging = (time.monotonic(), snapshot.lsn)
        return "lag"

    async def _from_primary(self, batch: tuple[Call, Call], min_lsn: int) -> Snapshot:
        try:
            results = await self.primary.run((batch,), PRIMARY_TIMEOUT)
        except (psycopg.OperationalError, psycopg.InterfaceError, DBAPIError) as error:
            # A connection that was dropped while idle: reads may simply be repeated, once.
            if isinstance(error, psycopg.errors.QueryCanceled):
                raise
            await asyncio.sleep(0)
            results = await self.primary.run((batch,), PRIMARY_TIMEOUT)
        return _snapshot(results, min_lsn)


async def _position(pipeline: Pipeline | None, batch: tuple[Call]) -> int | None:
    if pipeline is None:
        return None
    try:
        ((identity,),) = await pipeline.run((batch,), REPLICA_TIMEOUT)
    except (PoolTimeout, *BROKEN):
        return None
    return int(identity[-1] or 0)


def _snapshot(results: list[list[Row]], min_lsn: int) -> Snapshot:
    identity, rows = results
    *_, recovering, position = identity[0]
    lsn = int(position or 0)
    if recovering == TRUE:
        metrics.READS.labels("replica").inc()
        return Snapshot(rows, lsn, from_primary=False)
    metrics.READS.labels("primary").inc()
    # The primary's insert position may include a commit that is not visible yet, so only what lies before it
    # is
    # sure; what the client wrote itself was visible before it was told.
    return Snapshot(rows, max(lsn - 1, min_lsn), from_primary=True)
