"""Every list and search uses an index: each statement of each read, with each of its filters, is explained on tables
large enough for PostgreSQL to care. Nothing is told to it about how to plan.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, get_args

import psycopg
import pytest
from fastapi.routing import APIRoute
from psycopg.pq import ExecStatus
from sqlalchemy import event

from devcluster.services import PostgresServer
from ip2a.database.identity import SYSTEM
from ip2a.database.pipeline import Batch, Pipeline, Row
from ip2a.runtime import Runtime
from ip2a.seed import profiles
from ip2a.seed.run import seed
from ip2a.settings import load_settings
from tests.services.app.conftest import People
from tests.services.app.driving import Driver, driving
from tests.services.app.test_route_matrix import ROWS, api_routes, order_of
from tests.services.app.world import World

NOW = datetime(2026, 11, 22, 20, tzinfo=UTC)
PASSWORD = "demo password 46"
LARGE_ENOUGH = 1_500
"""Rows of a table from which on reading all of them for one answer is wrong."""
SIZES = replace(
    profiles.LARGE,
    name="plans",
    members=3_000,
    organizations=2_000,
    employments=4,
    employments_most=8,
    months=12,
    registrations=3_000,
    activities=2,
    labor_requests=3_000,
    bids=6_000,
    dispatches=4_000,
    students=2_000,
    class_sessions=2_000,
    records=2_000,
    trail=30_000,
)
READS = [row for row in ROWS if row.startswith("GET ")]
POSITIONS = {"after", "before", "limit", "said", "download"}
TEXTS = {"search": ("ma", "46000", "no such name"), "table": ("members",), "record": ("1",)}

SEARCHES = (
    "GET /api/v1/organizations",
    "GET /api/v1/grievances",
    "GET /api/v1/organizing/activities",
    "GET /office/organizations",
    "GET /office/grievances",
    "GET /office/organizing",
)
SMALL = "fifty pages cost less than their GIN index does; records/test_records.py shows its use among 60,000 rows"
DUE = "a good part of all places is to be signed again within a week: those are counted"
ROLE = "who has the role is hashed once; the table has a narrow row for each account"
# Tables that are read as a whole on purpose, and why.
WHOLE: dict[str, dict[str, str]] = {
    **{row: {"organizations": SMALL} for row in SEARCHES},
    "GET /api/v1/referrals/enforcement": {"book_registrations": DUE},
    "GET /api/v1/users": {"user_roles": ROLE},
    "GET /admin/users": {"user_roles": ROLE},
}


@dataclass
class Seen:
    """What one request asked of the database, as it was sent."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    calls: list[tuple[bytes, Sequence[bytes | None]]] = field(default_factory=list)


CURRENT: ContextVar[Seen | None] = ContextVar("seen", default=None)


@contextmanager
def seeing() -> Iterator[Seen]:
    seen = Seen()
    token = CURRENT.set(seen)
    try:
        yield seen
    finally:
        CURRENT.reset(token)


@pytest.fixture
async def driver(runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Driver]:
    """Tells `CURRENT` what is asked."""

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        seen = CURRENT.get()
        if seen is not None:
            seen.statements.append((statement, parameters))

    async with driving(runtime, people, monkeypatch) as driver:
        for engine in (driver.runtime.databases.write, driver.runtime.databases.read):
            event.listen(engine.sync_engine, "before_cursor_execute", note)
        run = Pipeline.run

        async def noted(
            self: Pipeline, batches: Sequence[Batch], seconds: float, committed: list[list[Row]] | None = None
        ) -> list[list[Row]]:
            seen = CURRENT.get()
            if seen is not None:
                seen.calls += [(statement.sql, values) for batch in batches for statement, values in batch]
            return await run(self, batches, seconds, committed)

        monkeypatch.setattr(Pipeline, "run", noted)
        yield driver


async def fill(primary: PostgresServer, database: str) -> None:
    """The large tables, loaded by their owner; statistics included."""
    login = primary.login.parameters("ip2a_owner", database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(profiles.PROFILES, SIZES.name, SIZES)
        for name, value in {
            "DB_WRITE_HOST": login["host"],
            "DB_PORT": login["port"],
            "DB_USER": "ip2a_owner",
            "DB_PASSWORD": login["password"],
            "DEMO_PASSWORD": PASSWORD,
        }.items():
            patch.setenv(f"IP2A_{name}", str(value))
        await seed(load_settings(), NOW, SIZES.name)


def filters(row: str, ids: Mapping[str, int]) -> list[dict[str, str]]:
    """Nothing, and each filter of the route with each of its values."""
    method, _, path = row.partition(" ")
    route = next(route for route in api_routes() if route.path == path and method in (route.methods or ()))
    return [{}, *(one for one in _values(route, ids))]


def _values(route: APIRoute, ids: Mapping[str, int]) -> Iterator[dict[str, str]]:
    for parameter in route.dependant.query_params:
        name = parameter.alias
        if name in POSITIONS:
            continue
        annotation = parameter.field_info.annotation
        kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        enums = [kind for kind in kinds if issubclass(kind, Enum)]
        if enums:
            yield from ({name: str(value.value)} for value in enums[0])
        elif name in ids:
            yield {name: str(ids[name])}
        else:
            yield from ({name: value} for value in TEXTS.get(name, ()))


def plan_of(connection: psycopg.Connection[Any], statement: str, parameters: Any) -> Any:
    """What PostgreSQL would do for a statement of SQLAlchemy's."""
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), parameters).fetchone()
    assert row is not None
    return row[0][0]["Plan"]


def plan_of_call(connection: psycopg.Connection[Any], sql: bytes, values: Sequence[bytes | None]) -> Any:
    """What PostgreSQL would do for a statement of our pipeline's."""
    result = connection.pgconn.exec_params(b"EXPLAIN (FORMAT JSON) " + sql, list(values))
    assert result.status == ExecStatus.TUPLES_OK, result.error_message
    text = result.get_value(0, 0)
    assert text is not None
    return json.loads(text)[0]["Plan"]


def read_whole(plan: Any, looked_up: str = "") -> set[str]:
    """Tables that the plan reads from their beginning to their end.

    A table whose rows are only looked up by their key does not count: PostgreSQL rather hashes all of a table of some
    fifty pages than look for fifty rows of it, and no longer does when it is larger.
    """
    if plan["Node Type"] == "Seq Scan":
        return set() if f"{plan['Alias']}.id" in looked_up else {plan["Relation Name"]}
    condition = plan.get("Hash Cond", looked_up if plan["Node Type"] == "Hash" else "")
    return set().union(*(read_whole(inner, condition) for inner in plan.get("Plans", ())))


async def test_no_read_goes_through_a_whole_table(
    driver: Driver, postgres_primary: PostgresServer, database: str
) -> None:
    await fill(postgres_primary, database)
    wrong, explained = set(), 0
    with psycopg.connect(postgres_primary.login.dsn("ip2a_app", database), autocommit=False) as connection:
        large = {
            name
            for (name,) in connection.execute(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND reltuples >= %s", (LARGE_ENOUGH,)
            )
        }
        assert large >= {"members", "dues_payments", "member_employments", "job_bids", "dispatches", "students"}
        for setting, value in SYSTEM.parameters().items():
            connection.execute("SELECT set_config(%s, %s, false)", (f"ip2a.{setting}", value))
        for row in READS:
            world = await driver.set_up(row)
            for chosen in filters(row, world.ids):
                seen = await asked(driver, row, world, chosen)
                plans = [plan_of(connection, *one) for one in seen.statements if is_read(one[0])]
                plans += [plan_of_call(connection, *one) for one in seen.calls if is_read(one[0].decode())]
                explained += len(plans)
                for table in set().union(*map(read_whole, plans)) & large - WHOLE.get(row, {}).keys():
                    wrong.add(f"{row} {chosen}: {table}")
    assert explained > 200
    assert not wrong, "\n".join(sorted(wrong))


def is_read(statement: str) -> bool:
    """Whether it asks for rows of tables."""
    words = statement.split()
    return words[0] in {"SELECT", "WITH"} and "FROM" in words and "INSERT" not in words


async def asked(driver: Driver, row: str, world: World, chosen: dict[str, str]) -> Seen:
    """What the request asked of the database; it must have been let in."""
    order = order_of(row, world.ids)
    with seeing() as seen:
        answer = await driver.somebody.http.request("GET", order["url"], params=chosen)
    assert answer.status_code in {200, 303, 404, 409}, f"{row} {chosen}: {answer.status_code} {answer.text[:200]}"
    return seen
