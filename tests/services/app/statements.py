"""Sees every statement that a request sends to the database, and breaks one of them on demand.

Statements of background tasks of the process are not a request's: a context variable tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import pytest
from psycopg.errors import QueryCanceled
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

from ip2a.database.pipeline import Batch, Pipeline, Row, Statement
from ip2a.runtime import Runtime

COMMIT = "COMMIT"
BREAK = Statement(b"test_break", b"SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(1)")
"""Fails as a statement does whose time is up."""


@dataclass
class Trace:
    """One request's statements and commits, in order; number `break_at` fails instead of being done."""

    break_at: int | None = None
    broken: bool = False
    seen: list[str] = field(default_factory=list)
    in_transaction: int = 0
    calls_in_transaction: list[str] = field(default_factory=list)

    def breaks(self, statement: str) -> bool:
        """Note the statement; whether it is the one to fail."""
        self.seen.append(" ".join(statement.split()))
        if len(self.seen) - 1 != self.break_at:
            return False
        self.broken = True
        return True

    @property
    def statements(self) -> list[str]:
        """Without the commits."""
        return [statement for statement in self.seen if statement != COMMIT]


CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)


@contextmanager
def traced(break_at: int | None = None) -> Iterator[Trace]:
    """Trace what the block's request does."""
    trace = Trace(break_at)
    token = CURRENT.set(trace)
    try:
        yield trace
    finally:
        CURRENT.reset(token)


def watch(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the engines and pipelines of the process tell."""
    for engine in (runtime.databases.write, runtime.databases.read):
        _watch_engine(engine)
    run = Pipeline.run

    async def watched(
        self: Pipeline, batches: Sequence[Batch], seconds: float, committed: list[list[Row]] | None = None
    ) -> list[list[Row]]:
        return await run(self, [_told(batch) for batch in batches], seconds, committed)

    monkeypatch.setattr(Pipeline, "run", watched)


def _told(batch: Batch) -> Batch:
    trace = CURRENT.get()
    if trace is None:
        return batch
    for number, (statement, _) in enumerate(batch):
        if trace.breaks(statement.sql.decode()):
            return [*batch[:number], (BREAK, ())]
    return [*batch, (BREAK, ())] if trace.breaks(COMMIT) else batch


def _watch_engine(engine: AsyncEngine) -> None:
    def execute(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        trace = CURRENT.get()
        if trace is not None and trace.breaks(statement):
            raise QueryCanceled("on purpose")

    def commit(connection: Connection) -> None:
        trace = CURRENT.get()
        if trace is not None:
            if trace.breaks(COMMIT):
                connection.connection.rollback()  # as a server does that refuses to commit
                raise QueryCanceled("on purpose")
            trace.in_transaction -= 1

    def begin(_connection: object) -> None:
        trace = CURRENT.get()
        if trace is not None:
            trace.in_transaction += 1

    def rollback(_connection: object) -> None:
        trace = CURRENT.get()
        if trace is not None:
            trace.in_transaction -= 1

    event.listen(engine.sync_engine, "before_cursor_execute", execute)
    event.listen(engine.sync_engine, "commit", commit)
    event.listen(engine.sync_engine, "begin", begin)
    event.listen(engine.sync_engine, "rollback", rollback)
