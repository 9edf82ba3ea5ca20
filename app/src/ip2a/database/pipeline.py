"""Runs several statements in one network round trip, on a pooled connection.

psycopg's cursors cost more than the query itself on the hottest paths, so this speaks libpq's pipeline mode
through
psycopg's documented low-level interface. Statements between two syncs form one implicit transaction: what is
set
transaction-locally by the first holds for the rest and is gone afterwards, also behind a transaction pooler.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlalchemy.util import greenlet_spawn

from ip2a.observability import metrics

Row = tuple[bytes | None, ...]
Parameters = tuple[bytes | None, ...]
IDLE = TransactionStatus.IDLE
# What a pooler that does not track prepared statements answers.
PREPARED_LOST = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with $1-style parameters, prepared under its name on each connection. Parameters and results are
    text.
    """

    name: bytes
    sql: bytes


Call = tuple[Statement, Parameters]
Batch = Sequence[Call]
"""Statements of one implicit transaction."""


class Pipeline:
    """Runs batches on connections of one engine."""

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        pool = engine.sync_engine.pool
        assert isinstance(pool, QueuePool)  # noqa: S101 (the engines are made with one)
        self._pool = pool
        self._prepare = psycopg.capabilities.has_send_close_prepared()
        self._wait = metrics.POOL_WAIT.labels(name)
        self._used = metrics.POOL_USED.labels(name)

    async def run(
        self, batches: Sequence[Batch], seconds: float, committed: list[list[Row]] | None = None
    ) -> list[list[Row]]:
        """The rows of each statement, in order; each batch is committed before the next begins.

        `committed` is filled with the rows of what is surely committed, also when a later batch fails. Raises
        psycopg.Error (the failing batch is rolled back), TimeoutError after `seconds`, and SQLAlchemy's TimeoutError
        when the pool is exhausted.
        """
        done: list[list[Row]] = [] if committed is None else committed
        try:
            await self._run(batches, seconds, done)
        except PREPARED_LOST:
            self._prepare = False  # a pooler without prepared statements: do without from now on
            if done:
                raise
            await self._run(batches, seconds, done)
        return done

    async def _run(self, batches: Sequence[Batch], seconds: float, committed: list[list[Row]]) -> None:
        fairy = await self.check_out()
        prepared: set[bytes] | None = None
        if self._prepare:
            prepared = fairy.info.setdefault("prepared", set())
        connection: psycopg.AsyncConnection[Row] = fairy.driver_connection  # type: ignore[assignment]  # SQLAlchemy types it Any|None
        try:
            async with asyncio.timeout(seconds):
                await _exchange(connection.pgconn, batches, prepared, committed)
        except BaseException as error:
            refused = isinstance(error, psycopg.Error) and connection.pgconn.transaction_status == IDLE
            await self._check_in(fairy, usable=refused)
            raise
        await self._check_in(fairy, usable=True)

    async def _check_in(self, fairy: PoolProxiedConnection, *, usable: bool) -> None:
        self._used.dec()
        if usable:
            fairy.close()  # only puts it back: nothing overflows
        else:
            await asyncio.shield(greenlet_spawn(fairy.invalidate))

    async def check_out(self) -> PoolProxiedConnection:
        """A connection of the pool, for at most the pool's timeout of waiting."""
        started = time.perf_counter()
        try:
            fairy: PoolProxiedConnection = await greenlet_spawn(self._pool.connect)
        finally:
            self._wait.observe(time.perf_counter() - started)
        self._used.inc()
        return fairy


async def _exchange(
    connection: PGconn, batches: Sequence[Batch], prepared: set[bytes] | None, committed: list[list[Row]]
) -> None:
    connection.enter_pipeline_mode()
    sent = _queue(connection, batches, prepared)
    await _flush(connection)
    results: list[list[Row]] = []  # of the batch that is being answered
    failure: psycopg.Error | None = None
    syncs = 0
    while syncs < len(batches):
        result = await _next_result(connection)
        if result is None:
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            syncs += 1
            if failure is None:
                committed.extend(results)
            results = []
            continue
        name = sent.popleft() if sent else None
        if result.status == ExecStatus.TUPLES_OK:
            results.append(_rows(result))
        elif result.status == ExecStatus.COMMAND_OK and name is not None and prepared is not None:
            prepared.add(name)  # only now: what stands behind a failure is not prepared, what stands before it is
        elif result.status == ExecStatus.FATAL_ERROR and failure is None:
            failure = errors.error_from_result(result)
    connection.exit_pipeline_mode()
    if failure is not None:
        raise failure


def _queue(connection: PGconn, batches: Sequence[Batch], prepared: set[bytes] | None) -> deque[bytes | None]:
    """Queue all statements; what each result that will come shows to be prepared."""
    sent: deque[bytes | None] = deque()
    for batch in batches:
        for statement, parameters in batch:
            sent.extend(_send(connection, statement, parameters, prepared, sent))
        connection.pipeline_sync()
    return sent


def _send(
    connection: PGconn,
    statement: Statement,
    parameters: Parameters,
    prepared: set[bytes] | None,
    sent: deque[bytes | None],
) -> tuple[bytes | None, ...]:
    """Queue a statement; for each result that will come, the name that it shows to be prepared, if any.

    A pooler ends the connection of a client that prepares a name twice, so `sent` counts as prepared meanwhile.
    """
    if prepared is None:
        connection.send_query_params(statement.sql, parameters)
        return (None,)
    if statement.name in prepared or statement.name in sent:
        connection.send_query_prepared(statement.name, parameters)
        return (None,)
    connection.send_prepare(statement.name, statement.sql)
    connection.send_query_prepared(statement.name, parameters)
    return statement.name, None


async def _flush(connection: PGconn) -> None:
    while connection.flush():
        await _ready(connection.socket, write=True)


async def _next_result(connection: PGconn) -> PGresult | None:
    while connection.is_busy():
        await _ready(connection.socket, write=False)
        connection.consume_input()
    return connection.get_result()


async def _ready(descriptor: int, *, write: bool) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    if write:
        loop.add_writer(descriptor, wake)
    else:
        loop.add_reader(descriptor, wake)
    try:
        await ready
    finally:
        if write:
            loop.remove_writer(descriptor)
        else:
            loop.remove_reader(descriptor)


def _rows(result: PGresult) -> list[Row]:
    columns = range(result.nfields)
    return [tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples)]
