"""The migrated schema is the models' schema, and guards rows even against the code."""

import os
import subprocess
import sys

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from devcluster.services import PgBouncer, PostgresServer
from ip2a.database.identity import Identity, transaction
from ip2a.migrations.versions.r0001_core import OWN_ROW
from ip2a.models import metadata
from ip2a.runtime import Runtime
from tests.services.app.conftest import People


def test_models_and_migrations_agree(postgres_primary: PostgresServer, database: str) -> None:
    given = postgres_primary.login.parameters("ip2a_owner", database)
    engine = create_engine("postgresql+psycopg://", connect_args=given)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrators_run_side_by_side(postgres_primary: PostgresServer, environment: dict[str, str]) -> None:
    name = environment["IP2A_DB_NAME"] + "_m"
    postgres_primary.create_database(name)
    login = postgres_primary.login.parameters("ip2a_owner", name)
    variables = {
        **os.environ,
        **environment,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "IP2A_DB_WRITE_HOST": str(login["host"]),
        "IP2A_DB_PORT": str(login["port"]),
        "IP2A_DB_NAME": name,
        "IP2A_DB_USER": "ip2a_owner",
        "IP2A_DB_PASSWORD": str(login["password"]),
    }
    command = [sys.executable, "-m", "ip2a", "migrate"]
    runs = [subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert len(set(outputs)) == 1
    postgres_primary.drop_database(name)


@pytest.mark.parametrize(
    ("role", "longest"), [("ip2a_app", "15s"), ("ip2a_worker", "1min"), ("ip2a_audit_reader", "30s")]
)
def test_how_long_a_statement_may_take_is_the_roles(
    pgbouncer_rw: PgBouncer, database: str, role: str, longest: str
) -> None:
    """Through the pooler, which sends none of a client's settings on."""
    with psycopg.connect(pgbouncer_rw.login.dsn(role, database), prepare_threshold=None) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == (longest,)


async def test_every_member_owned_table_is_forced_behind_row_level_security(as_owner: str) -> None:
    async with await psycopg.AsyncConnection.connect(as_owner) as connection:
        rows = await (
            await connection.execute(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relrowsecurity AND relforcerowsecurity"
            )
        ).fetchall()
    assert {name for (name,) in rows} >= set(OWN_ROW)


@pytest.mark.parametrize("table", OWN_ROW)
async def test_nobody_sees_nothing_not_even_the_owner(
    runtime: Runtime, people: People, as_owner: str, table: str
) -> None:
    await people.make()
    async with transaction(runtime.databases.write, Identity()) as connection:
        assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0  # noqa: S608
    async with await psycopg.AsyncConnection.connect(as_owner) as owner:
        counted = await (await owner.execute(f"SELECT count(*) FROM {table}".encode())).fetchone()  # noqa: S608
    assert counted == (0,)


async def test_a_member_sees_and_changes_only_own_rows(runtime: Runtime, people: People) -> None:
    one, other = await people.make(), await people.make()
    identity = Identity(one.user_id, one.member_id)
    async with transaction(runtime.databases.write, identity) as connection:
        seen = await connection.execute(text("SELECT DISTINCT member_id FROM dues_payments"))
        assert [row[0] for row in seen] == [one.member_id]
        stolen = await connection.execute(
            text("UPDATE dues_payments SET amount_due_cents = 0 WHERE member_id = :other"),
            {"other": other.member_id},
        )
        assert stolen.rowcount == 0
        renamed = await connection.execute(text("UPDATE members SET last_name = 'X'"))
        assert renamed.rowcount == 1


async def test_the_identity_does_not_outlive_its_transaction(runtime: Runtime, people: People) -> None:
    person = await people.make()
    for _ in range(30):
        async with transaction(runtime.databases.write, Identity(person.user_id, person.member_id)) as one:
            assert (await one.execute(text("SELECT count(*) FROM members"))).scalar_one() == 1
        async with runtime.databases.write.begin() as nobody:
            assert (await nobody.execute(text("SELECT count(*) FROM members"))).scalar_one() == 0


async def test_the_application_may_not_change_the_past(runtime: Runtime, people: People) -> None:
    await people.make()
    for statement in (
        "UPDATE payments SET amount_cents = 1",
        "DELETE FROM payments",
        "TRUNCATE payments",
        "DROP TABLE payments",
        "ALTER TABLE members DISABLE ROW LEVEL SECURITY",
    ):
        async with runtime.databases.write.connect() as connection:
            with pytest.raises(Exception, match=r"permission denied|must be owner"):
                await connection.execute(text(statement))
