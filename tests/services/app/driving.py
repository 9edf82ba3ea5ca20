"""Drives any row of the matrix as somebody to whom it applies, and sees what becomes of the database."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.limits.rates import Rate
from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.referrals.conftest import at
from tests.services.app.statements import Trace, traced, watch
from tests.services.app.test_route_matrix import ROWS, a_world_for, ask, prepared
from tests.services.app.world import Somebody, World, this_evening


@dataclass
class Driver:
    """Sends the request of any row of the table, as somebody to whom it applies."""

    runtime: Runtime
    people: People
    somebody: Somebody
    _of_reads: World | None = None

    async def set_up(self, row: str, *, fresh: bool = True) -> World:
        """A world in which the row succeeds, and its person logged in; unless it must be `fresh`, reads share one."""
        allowed = ROWS[row][0].split()
        if fresh or not row.startswith("GET ") or "{report_id}" in row:
            world = await a_world_for(self.runtime, self.people, row)
        else:
            self._of_reads = world = self._of_reads or await a_world_for(self.runtime, self.people, row)
        role = next(role for role in ("admin", "officer", "member", "applicant") if role in allowed)
        own = "member" in allowed and "/my/" in row and "certifications" not in row
        person = world.person if own else await prepared(self.runtime, self.people, role, row)
        await self.somebody.become(person)
        return world

    async def send(
        self, row: str, world: World, break_at: int | None = None, *, keyed: bool = False
    ) -> tuple[httpx.Response, Trace]:
        """The answer, and what was asked of the database for it; `keyed` under a fresh Idempotency-Key."""
        with traced(break_at) as trace:
            answer = await ask(self.somebody.http, row, world.ids, secrets.token_hex(8) if keyed else "")
        return answer, trace


@asynccontextmanager
async def driving(runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Driver]:
    """A driver at a time of day when everything may be done; nobody reaches a limit."""
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("member", 1_000_000, 1_000_000))
    evening = at(runtime, this_evening())
    watch(evening, monkeypatch)
    somebody = Somebody(evening)
    yield Driver(evening, people, somebody)
    await somebody.http.aclose()


State = dict[str, tuple[int, int]]


async def state(runtime: Runtime) -> State:
    """Rows and the newest transaction that wrote one, by table; of all but the cache's own."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        tables = await connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
                " AND relname NOT IN ('cache_outbox', 'alembic_version') AND has_table_privilege(oid, 'SELECT')"
            )
        )
        newest = "coalesce(max(xmin::text::bigint), 0)"
        each = (
            f"SELECT '{name}', count(*), {'0' if name == 'audit_logs' else newest} FROM {name}"  # noqa: S608 (names of the catalogue)
            for (name,) in tables
        )
        rows = await connection.execute(text(" UNION ALL ".join(each)))
        return {str(name): (int(number), int(writer)) for name, number, writer in rows}
