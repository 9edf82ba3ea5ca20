"""The made-up data sets: complete, the same each time, within the constraints, and loaded past nothing for good."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from devcluster.services import PostgresServer
from ip2a.seed import profiles
from ip2a.seed.core import OFFICERS
from ip2a.seed.run import SeedError, seed
from ip2a.settings import load_settings

NOW = datetime(2026, 11, 22, 20, tzinfo=UTC)
PASSWORD = "demo password 46"
SMALL = profiles.Profile(
    **{
        **{name: getattr(profiles.DEMO, name) for name in profiles.DEMO.__slots__},
        "name": "small",
        "members": 60,
        "students": 40,
        "trail": 2_000,
    }
)
GUARDS = """
    SELECT c.relname, c.relforcerowsecurity, t.tgname, t.tgenabled FROM pg_class c
    LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
    WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 3
"""
RECEIPTS_OF_THEIR_OWN = """
    payments WHERE receipt_number <> 'RCP-' || to_char(recorded_at AT TIME ZONE 'UTC', 'YYYYMM') || '-'
        || lpad(to_hex(id), 8, '0')
"""
CONTENT = """
    SELECT md5(string_agg(m.member_number || m.first_name || m.last_name || e.start_date || o.name, ',' ORDER BY e.id))
    FROM members m JOIN member_employments e ON e.member_id = m.id JOIN organizations o ON o.id = e.organization_id
"""


@pytest.fixture
def owner_environment(
    environment: dict[str, str], postgres_primary: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> PostgresServer:
    """The variables of `ip2a-app migrate`: the owner, past the pooler."""
    login = postgres_primary.login.parameters("ip2a_owner", environment["IP2A_DB_NAME"])
    monkeypatch.setenv("IP2A_DB_WRITE_HOST", str(login["host"]))
    monkeypatch.setenv("IP2A_DB_PORT", str(login["port"]))
    monkeypatch.setenv("IP2A_DB_USER", "ip2a_owner")
    monkeypatch.setenv("IP2A_DB_PASSWORD", str(login["password"]))
    monkeypatch.setenv("IP2A_DEMO_PASSWORD", PASSWORD)
    return postgres_primary


async def test_without_a_password_nothing_is_made(environment: dict[str, str]) -> None:
    with pytest.raises(SeedError, match="IP2A_DEMO_PASSWORD must be set"):
        await seed(load_settings(), NOW)


async def test_who_does_not_own_the_tables_is_told_so(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IP2A_DEMO_PASSWORD", PASSWORD)
    with pytest.raises(SeedError, match="set IP2A_DB_USER to the tables' owner"):
        await seed(load_settings(), NOW, "large")


async def test_the_owner_loads_past_the_triggers_and_puts_them_back(
    owner_environment: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(profiles.PROFILES, "small", SMALL)
    with owner_environment.connect(database) as connection:
        guards = connection.execute(GUARDS).fetchall()
        connection.rollback()
        await seed(load_settings(), NOW, "small")
        assert connection.execute(GUARDS).fetchall() == guards
        assert _count(connection, "audit_logs") == SMALL.trail
        assert _count(connection, "members") == SMALL.members
        assert _count(connection, "users") > SMALL.members
        assert _count(connection, "referral_books WHERE last_apn > 0") == 11
        # What the trigger would have counted is counted.
        assert not _count(
            connection,
            "labor_requests q WHERE workers_dispatched <> (SELECT count(*) FROM dispatches d"
            " WHERE d.labor_request_id = q.id)",
        )
        assert _count(connection, "payments") > SMALL.members
        assert not _count(connection, RECEIPTS_OF_THEIR_OWN), "the platform would come to their numbers"
        months = "audit_logs WHERE tableoid = 'ip2a_audit.rest'::regclass"
        assert not _count(connection, months), "every record has its month"
        content = connection.execute(CONTENT).fetchone()
        connection.execute(
            "TRUNCATE members, organizations, users, referral_books, courses, cohorts, locations, instructors"
            " RESTART IDENTITY CASCADE"
        )
        connection.commit()
        await seed(load_settings(), NOW, "small")
        assert connection.execute(CONTENT).fetchone() == content, "the same day makes the same people"


BY_THE_CLOCK = ("created_at", "updated_at", "requested_at", "assigned_at", "password_hash")
"""Columns that say when a row was made, and a hash with random salt."""


async def _seeded(primary: PostgresServer, name: str, profile: str, patch: pytest.MonkeyPatch) -> dict[str, str]:
    """Seed a fresh database as the application's role; rows and a digest of their content, by table."""
    login = primary.login.parameters("ip2a_app", name)
    for variable, value in {
        "DB_WRITE_HOST": login["host"],
        "DB_PORT": login["port"],
        "DB_NAME": name,
        "DB_USER": "ip2a_app",
        "DB_PASSWORD": login["password"],
        "DEMO_PASSWORD": PASSWORD,
    }.items():
        patch.setenv(f"IP2A_{variable}", str(value))
    await seed(load_settings(), NOW, profile)
    with primary.connect(name) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchall()
        content = "(to_jsonb(t) " + " ".join(f"- '{column}'" for column in BY_THE_CLOCK) + ")::text"
        return {
            str(table): str(
                connection.execute(
                    f"SELECT count(*) || ' ' || coalesce(md5(string_agg({content}, '|' ORDER BY {content})), '')"  # noqa: S608 (names of the catalogue)
                    f" FROM {table} t".encode()
                ).fetchone()
            )
            for (table,) in tables
        }


@pytest.fixture
def two_databases(postgres_primary: PostgresServer, migrated_template: str) -> Iterator[tuple[str, str]]:
    names = ("seed_" + secrets.token_hex(3), "seed_" + secrets.token_hex(3))
    for name in names:
        postgres_primary.create_database(name, template=migrated_template)
    yield names
    for name in names:
        postgres_primary.drop_database(name)


@pytest.mark.parametrize("profile", ["demo", pytest.param("local", marks=pytest.mark.full)])
async def test_two_databases_get_the_same_rows(
    environment: dict[str, str],
    postgres_primary: PostgresServer,
    two_databases: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    profile: str,
) -> None:
    wanted = profiles.PROFILES[profile]
    one, other = [await _seeded(postgres_primary, name, profile, monkeypatch) for name in two_databases]
    assert one == other
    assert len(one) > 30, "the tables are looked at"
    rows = {table: int(content.lstrip("('").split()[0]) for table, content in one.items()}
    expected = {
        "members": wanted.members,
        "organizations": wanted.organizations,
        "organization_contacts": 3 * wanted.organizations,
        "dues_periods": wanted.months,
        "job_bids": wanted.bids,
        "students": wanted.students,
        "courses": wanted.courses,
        "instructors": wanted.instructors + 1,
        "tool_loans": wanted.students // 2,
        "class_sessions": wanted.class_sessions,
        "grievances": wanted.records,
        "benevolence_applications": wanted.records,
        "salting_activities": wanted.records,
        "referral_books": 11,
        "users": wanted.members + 6 + OFFICERS + wanted.staff + wanted.instructors + wanted.applicants,
    }
    assert {table: rows[table] for table in expected} == expected
    assert rows["labor_requests"] == pytest.approx(wanted.labor_requests, rel=0.05)
    assert rows["dispatches"] == pytest.approx(wanted.dispatches, rel=0.05)
    assert rows["book_registrations"] >= wanted.registrations


def _count(connection: psycopg.Connection[object], what: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {what}".encode()).fetchone()  # noqa: S608
    assert isinstance(row, tuple)
    return int(row[0])
