"""The audit trail: complete, in the change's transaction, append-only, seen by role."""

import asyncio
from datetime import UTC, datetime

import httpx
import psycopg
import pytest
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError

from ip2a.audit import repository
from ip2a.audit.models import AuditAction
from ip2a.audit.reads import ReadRecorder
from ip2a.audit.repository import ReadEntry
from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, Person, browser, log_in
from tests.services.app.world import make_world

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def trail(runtime: Runtime, table: str, record: int | str) -> list[RowMapping]:
    """What is recorded of one record, oldest first."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        rows = await connection.execute(
            text("SELECT * FROM audit_logs WHERE table_name = :t AND record_id = :r ORDER BY id"),
            {"t": table, "r": str(record)},
        )
        return list(rows.mappings())


async def test_a_change_says_who_what_before_after_and_where_from(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    person = await people.make()
    await log_in(client, person)
    answer = await client.patch(
        "/api/v1/my/profile",
        json={"city": "Kent", "phone": "(206) 555-0101"},
        headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"},
    )
    assert answer.status_code == 200
    assert person.member_id is not None
    created, changed = await trail(runtime, "members", person.member_id)
    assert (created["action"], created["user_id"]) == ("create", None)
    assert changed["action"] == "update"
    assert changed["user_id"] == person.user_id
    assert changed["member_id"] == person.member_id
    assert changed["changed_fields"] == ["city", "phone"]
    assert changed["old_values"] == {"city": None, "phone": None}
    assert changed["new_values"] == {"city": "Kent", "phone": "(206) 555-0101"}
    assert changed["address"] == client.headers["X-Forwarded-For"]
    assert changed["correlation_id"] == TRACE
    again = await client.patch("/api/v1/my/profile", json={"city": "Kent"})
    assert again.status_code == 200
    assert len(await trail(runtime, "members", person.member_id)) == 2, "a change of nothing is no change"


async def test_payments_and_log_ins_are_on_record(runtime: Runtime, client: httpx.AsyncClient, people: People) -> None:
    person = await people.make()
    await client.post("/api/v1/auth/login", json={"email": person.email, "password": "wrong"})
    await log_in(client, person)
    paid = await client.post(
        f"/api/v1/my/dues/{person.dues_ids[0]}/payments",
        json={"amount_cents": 100},
        headers={"Idempotency-Key": "audited-1"},
    )
    assert paid.status_code == 201
    await client.post("/api/v1/auth/logout")
    payment = (await trail(runtime, "payments", paid.json()["payment_id"]))[0]
    assert payment["new_values"]["amount_cents"] == 100
    dues = (await trail(runtime, "dues_payments", person.dues_ids[0]))[-1]
    assert (dues["old_values"]["amount_paid_cents"], dues["new_values"]["amount_paid_cents"]) == (0, 100)
    account = await trail(runtime, "users", person.user_id)
    assert [row["action"] for row in account] == ["create", "login_attempt", "login_attempt", "login", "session_end"]
    assert {row["address"] for row in account[1:]} == {client.headers["X-Forwarded-For"]}
    assert all(row["correlation_id"] for row in account[1:])
    assert {row["user_id"] for row in account[1:]} == {person.user_id}
    assert "password_hash" not in account[0]["new_values"]


async def test_ending_a_session_of_ones_own_says_where_from(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    person = await people.make()
    await log_in(client, person)
    async with browser(runtime) as phone:
        await log_in(phone, person)
        (other,) = [one for one in (await client.get("/api/v1/auth/sessions")).json() if not one["current"]]
    ended = await client.delete(
        f"/api/v1/auth/sessions/{other['session_id']}", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    )
    assert ended.status_code == 204
    last = (await trail(runtime, "users", person.user_id))[-1]
    assert (last["action"], last["new_values"]) == ("session_end", {"session_id": other["session_id"]})
    assert (last["user_id"], last["correlation_id"]) == (person.user_id, TRACE)
    assert last["address"] == client.headers["X-Forwarded-For"]


async def test_what_is_rolled_back_leaves_no_record(runtime: Runtime, people: People) -> None:
    person = await people.make()
    assert person.member_id is not None
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text("UPDATE members SET city = 'X' WHERE id = :id"), {"id": person.member_id})
        await connection.rollback()
    assert [row["action"] for row in await trail(runtime, "members", person.member_id)] == ["create"]


@pytest.mark.parametrize("statement", ["UPDATE {} SET user_id = 1", "DELETE FROM {}", "TRUNCATE {}"])
async def test_nobody_changes_the_trail(runtime: Runtime, people: People, as_owner: str, statement: str) -> None:
    """Neither the application nor the worker nor the reader has the right; triggers stop the owner, who by the parent's
    row-level security has no row to change at all.
    """
    await people.make()
    months = (f"ip2a_audit.m{datetime.now(UTC):%Y%m}", "ip2a_audit.rest")
    for role in ("ip2a_app", "ip2a_worker", "ip2a_audit_reader"):
        for table in ("audit_logs", *months):
            async with await psycopg.AsyncConnection.connect(as_owner.replace("ip2a_owner", role)) as connection:
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                    await connection.execute(statement.format(table).encode())
    async with await psycopg.AsyncConnection.connect(as_owner) as owner:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            await owner.execute(statement.format(months[0]).encode())
        await owner.rollback()
        await owner.execute("SET ip2a.resources = '*'")
        if statement.startswith("TRUNCATE"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                await owner.execute(statement.format("audit_logs").encode())
        else:
            assert (await owner.execute(statement.format("audit_logs").encode())).rowcount == 0


@pytest.mark.parametrize("role", ["ip2a_app", "ip2a_worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_logs DISABLE TRIGGER append_only",
        "ALTER TABLE audit_logs DETACH PARTITION ip2a_audit.rest",
        "DROP TABLE ip2a_audit.rest",
        "DROP TRIGGER audit ON members",
        "SET session_replication_role = replica",
        "INSERT INTO ip2a_audit.rest SELECT * FROM audit_logs",
    ],
)
async def test_nobody_gets_around_the_trail(as_owner: str, role: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(as_owner.replace("ip2a_owner", role)) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(statement.encode())


async def test_nobody_records_in_the_name_of_others(runtime: Runtime, people: People) -> None:
    person = await people.make()
    async with transaction(runtime.databases.write, Identity(person.user_id)) as connection:
        with pytest.raises(DBAPIError, match="row-level security"):
            await connection.execute(
                text("INSERT INTO audit_logs (table_name, record_id, action, user_id) VALUES ('members','1','read',1)")
            )
        await connection.rollback()


async def test_staff_reads_are_recorded_own_reads_are_not(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    member, staff = await people.make(), await people.make("staff")
    assert member.member_id is not None
    await log_in(client, member)
    assert (await client.get("/api/v1/my/profile")).status_code == 200
    await log_in(client, staff)
    answers = await asyncio.gather(*(client.get(f"/api/v1/members/{member.member_id}") for _ in range(60)))
    assert {answer.status_code for answer in answers} == {200}
    reads = [row for row in await trail(runtime, "members", member.member_id) if row["action"] == "read"]
    assert len(reads) == 60
    assert {row["user_id"] for row in reads} == {staff.user_id}


async def test_histories_and_unapplied_payments_are_reads_too(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    world, staff = await make_world(runtime, people), await people.make("staff")
    place = world.ids["registration_id"]
    await log_in(client, staff)
    assert (await client.get(f"/api/v1/referrals/registrations/{place}/history")).status_code == 200
    assert (await client.get("/api/v1/payments/unapplied")).status_code == 200
    (history,) = [row for row in await trail(runtime, "book_registrations", place) if row["action"] == "read"]
    (unapplied,) = await trail(runtime, "checkouts", "*")
    assert (unapplied["action"], {history["user_id"], unapplied["user_id"]}) == ("bulk_read", {staff.user_id})


async def test_a_read_that_cannot_be_recorded_fails(runtime: Runtime) -> None:
    recorder = ReadRecorder(runtime.databases.write)
    good = ReadEntry(1, "members", "1", None, AuditAction.READ, "::1", "c")
    with pytest.raises(DBAPIError):
        await recorder.record(good._replace(table_name="x" * 101))
    await recorder.record(good)
    await recorder.close()


OF_MEMBERS = {"members", "member_employments", "member_notes"}
VIEWS = {
    "admin": {"members", "users", "dues_payments", "audit_logs"},
    "officer": {"members", "users"},
    "organizer": {"members", "audit_logs"},
    "staff": {"audit_logs"},
    "instructor": {"audit_logs"},
}


@pytest.mark.parametrize("role", ["admin", "officer", "staff", "organizer", "instructor", "member", "applicant"])
async def test_each_role_sees_its_part(runtime: Runtime, client: httpx.AsyncClient, people: People, role: str) -> None:
    person: Person = await people.make(role)
    await people.make()
    await log_in(client, person)
    answer = await client.get("/api/v1/audit")
    if role not in VIEWS:
        assert answer.status_code == 403
        return
    items = (await client.get("/api/v1/audit", params={"limit": 200})).json()["items"]
    own_logins = {"users"} if role in {"staff", "instructor", "organizer"} else set()
    assert {item["table_name"] for item in items} >= VIEWS[role] | own_logins
    if role not in {"admin", "officer"}:
        foreign = [item for item in items if item["user_id"] != person.user_id]
        assert {item["table_name"] for item in foreign} <= (OF_MEMBERS if role == "organizer" else set())
    assert any(item["address"] for item in items) is (role == "admin")


async def test_pages_follow_each_other_without_gap(client: httpx.AsyncClient, people: People) -> None:
    await people.make(months=5)
    await log_in(client, await people.make("admin"))
    seen: list[int] = []
    cursor = None
    whole = (await client.get("/api/v1/audit", params={"limit": 200, "table": "dues_payments"})).json()["items"]
    while True:
        parameters = {"limit": "3", "table": "dues_payments"} | ({"before": cursor} if cursor else {})
        page = (await client.get("/api/v1/audit", params=parameters)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None or len(seen) >= len(whole):
            break
    assert seen[: len(whole)] == [item["id"] for item in whole]
    assert (await client.get("/api/v1/audit", params={"before": "nonsense"})).status_code == 422


async def test_a_month_without_a_partition_loses_nothing_and_gets_one_later(runtime: Runtime, as_owner: str) -> None:
    """What is written while a month is missing goes into the rest; the job moves it, triggers and rights included."""
    async with await psycopg.AsyncConnection.connect(as_owner) as owner:
        await owner.execute("SET ip2a.resources = 'audit_write'")
        await owner.execute(
            "INSERT INTO audit_logs (changed_at, table_name, record_id, action)"
            " SELECT make_date(2050 + n % 2, 6, 1), 'members', n::text, 'read' FROM generate_series(1, 100) n"
        )
        assert (await (await owner.execute("SELECT count(*) FROM ip2a_audit.rest")).fetchone()) == (100,)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        assert await repository.ensure_partitions(connection, datetime(2050, 6, 1, tzinfo=UTC), 2) == 1
    async with await psycopg.AsyncConnection.connect(as_owner) as owner:
        for table, count in (("rest", 0), ("m205006", 50), ("m205106", 50), ("m205007", 0)):
            assert (await (await owner.execute(f"SELECT count(*) FROM ip2a_audit.{table}".encode())).fetchone()) == (  # noqa: S608
                count,
            )
        for statement in ("UPDATE ip2a_audit.m205006 SET user_id = 1", "TRUNCATE ip2a_audit.rest"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                await owner.execute(statement.encode())
            await owner.rollback()


async def test_months_are_made_ahead_once(runtime: Runtime) -> None:
    first = datetime(2040, 11, 5, tzinfo=UTC)

    async def ensure() -> int:
        async with transaction(runtime.databases.write, SYSTEM) as connection:
            return await repository.ensure_partitions(connection, first, 3)

    assert sorted(await asyncio.gather(*(ensure() for _ in range(5)))) == [0, 0, 0, 0, 3]
    async with browser(runtime) as anonymous:
        assert (await anonymous.get("/api/v1/audit")).status_code == 401
