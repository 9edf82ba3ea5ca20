"""Reports asked for over HTTP and made by the worker's own role: whole, once, in bounded memory, for nobody else."""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pypdf import PdfReader
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError

from devcluster.services import PostgresServer
from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.referrals.rules import LOCAL_TIME
from ip2a.reports import making, repository
from ip2a.reports.files import MOST_ROWS
from ip2a.runtime import Runtime
from ip2a.worker.kinds import KINDS
from ip2a.worker.retention import clean_up
from ip2a.worker.runner import Pace, Runner
from ip2a.worker.work import Tools
from tests.services.app.conftest import People, Person, browser, log_in
from tests.services.app.world import as_worker, make_world

PATH = "/api/v1/reports"
THIS_YEAR = {
    "first_day": f"{datetime.now(UTC) - timedelta(days=300):%Y-%m-%d}",
    "last_day": f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}",
}
ROSTER: dict[str, object] = {"kind": "roster", "format": "csv"}


async def work(runtime: Runtime) -> None:
    """Do what is queued, as the worker's own role."""
    async with as_worker(runtime) as databases:
        await Runner(Tools(runtime.settings, databases, runtime.now), KINDS, Pace(), "here").run_once()


async def ask(client: httpx.AsyncClient, **order: object) -> int:
    answer = await client.post(PATH, json=order)
    assert answer.status_code == 202, answer.text
    number: int = answer.json()["id"]
    return number


async def lines_of(client: httpx.AsyncClient, report: int) -> list[dict[str, str]]:
    file = await client.get(f"{PATH}/{report}/file")
    assert file.status_code == 200, file.text
    return list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))


async def sql(runtime: Runtime, statement: str, **values: object) -> list[RowMapping]:
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        result = await connection.execute(text(statement), values)
        return list(result.mappings()) if result.returns_rows else []


async def many_members(runtime: Runtime, count: int) -> None:
    await sql(
        runtime,
        "INSERT INTO members (member_number, first_name, last_name, status, classification, address, city, email)"
        " SELECT 'P' || n || '-' || :salt, 'First' || n % 100, 'Last' || n % 1000, 'active', 'journeyman',"
        " n || ' Some Street', 'Kent', 'member' || n || '@local46.example' FROM generate_series(1, :count) n",
        count=count,
        salt=datetime.now(UTC).isoformat(),
    )


@pytest.fixture(autouse=True)
async def empty(runtime: Runtime) -> None:
    async with as_worker(runtime) as databases, transaction(databases.write, SYSTEM) as connection:
        await connection.execute(text("DELETE FROM jobs"))


@pytest.fixture
async def clerk(client: httpx.AsyncClient, people: People) -> Person:
    person = await people.make("admin")
    await log_in(client, person)
    return person


KINDS_ASKED: dict[str, dict[str, object]] = {
    "roster": {"status": "active", "classification": "journeyman"},
    "overdue_dues": {},
    "out_of_work": {},
    "dispatch_log": dict(THIS_YEAR),
    "training": {},
    "audit": {**THIS_YEAR, "table": "members"},
}


@pytest.mark.parametrize("kind", KINDS_ASKED)
async def test_every_report_in_every_format(
    runtime: Runtime, client: httpx.AsyncClient, people: People, clerk: Person, kind: str
) -> None:
    world = await make_world(runtime, people)
    name = world.person.email.partition("@")[0]
    await sql(runtime, "UPDATE dues_payments SET status = 'overdue' WHERE member_id = :id", id=world.person.member_id)
    made = {each: await ask(client, kind=kind, format=each, **KINDS_ASKED[kind]) for each in ("csv", "xlsx", "pdf")}
    await work(runtime)
    lines = await lines_of(client, made["csv"])
    item = (await client.get(f"{PATH}/{made['csv']}")).json()
    assert (item["state"], item["progress"], item["row_count"]) == ("done", 100, len(lines))
    of_member = [line for line in lines if name in "".join(line.values()) or line.get("Student", "").strip()]
    assert of_member, lines[:3]
    workbook = await client.get(f"{PATH}/{made['xlsx']}/file")
    assert workbook.headers["content-type"].startswith("application/vnd.openxml")
    with zipfile.ZipFile(io.BytesIO(workbook.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == len(lines) + 1
    assert "<f>" not in sheet
    paper = await client.get(f"{PATH}/{made['pdf']}/file")
    assert f"-{datetime.now(LOCAL_TIME):%Y-%m-%d}.pdf" in paper.headers["content-disposition"]
    assert len(paper.content) == int(paper.headers["content-length"])
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(paper.content)).pages]
    assert f"{len(lines):,} row" in pages[-1]


async def test_what_a_person_owes_and_where_they_wait(
    runtime: Runtime, client: httpx.AsyncClient, people: People, clerk: Person
) -> None:
    world = await make_world(runtime, people)
    name = world.person.email.partition("@")[0]
    await sql(
        runtime,
        "UPDATE dues_payments SET status = 'overdue', amount_paid_cents = 500, carried_cents = carried_cents + 500"
        " - amount_paid_cents WHERE member_id = :id",
        id=world.person.member_id,
    )
    overdue = await ask(client, kind="overdue_dues", format="csv")
    waiting = await ask(client, kind="out_of_work", format="csv", book_id=world.ids["book_id"])
    await work(runtime)
    (line,) = [line for line in await lines_of(client, overdue) if line["Last name"] == name]
    assert (line["Months"], line["Owed"], line["Due since"]) == ("3", "210.00", "2026-01-01")
    book = await lines_of(client, waiting)
    assert [(line["APN"], line["Place"], line["Exempt"]) for line in book] == [
        ("1", "1", ""),
        ("3", "", "Medical"),
        ("4", "2", ""),
    ]
    assert book[0]["Last name"] == name


async def test_request_reading_and_download_are_on_record(
    runtime: Runtime, client: httpx.AsyncClient, clerk: Person
) -> None:
    report = await ask(client, **ROSTER)
    await work(runtime)
    await lines_of(client, report)
    trail = await sql(
        runtime,
        "SELECT table_name, action, record_id, correlation_id, address FROM audit_logs WHERE user_id = :user"
        " AND (table_name = 'members' OR table_name = 'reports') ORDER BY id",
        user=clerk.user_id,
    )
    assert [(row["table_name"], row["action"], row["record_id"]) for row in trail] == [
        ("reports", "create", str(report)),
        ("reports", "update", str(report)),
        ("members", "bulk_read", "*"),
        ("reports", "read", str(report)),
    ]
    assert trail[0]["correlation_id"] == trail[2]["correlation_id"] != ""
    assert trail[0]["address"] == trail[3]["address"] == client.headers["X-Forwarded-For"]


async def test_asking_again_meanwhile_gives_the_same_one(
    runtime: Runtime, client: httpx.AsyncClient, clerk: Person
) -> None:
    first = await ask(client, **ROSTER)
    assert await ask(client, **ROSTER) == first
    others = [await ask(client, **{**ROSTER, "status": each}) for each in ("active", "retired", "suspended")]
    await ask(client, kind="roster", format="pdf")
    assert first not in others
    refused = await client.post(PATH, json={"kind": "roster", "format": "xlsx"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:ip2a:problem:too-many-reports")
    assert len(await sql(runtime, "SELECT id FROM jobs WHERE kind = 'report'")) == 5
    await work(runtime)
    assert await ask(client, **ROSTER) != first, "the first one is finished"


async def test_who_lost_the_right_in_the_meantime_gets_none(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    person = await people.make("staff")
    await log_in(client, person)
    report = await ask(client, **ROSTER)
    await sql(runtime, "DELETE FROM user_roles WHERE user_id = :user", user=person.user_id)
    await work(runtime)
    (row,) = await sql(runtime, "SELECT state, failure FROM reports WHERE id = :id", id=report)
    assert (row["state"], row["failure"]) == ("failed", making.NOT_ALLOWED)
    assert await sql(runtime, "SELECT state FROM jobs WHERE kind = 'report' AND state <> 'done'") == []


async def test_staff_sees_no_audit_report_and_no_unknown_choice(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("officer"))
    refused = await client.post(PATH, json={"kind": "audit", "format": "csv", **THIS_YEAR})
    assert refused.status_code == 403
    for wrong, field in (
        ({"kind": "roster", "format": "csv", "book_id": 1}, "book_id"),
        ({"kind": "dispatch_log", "format": "csv"}, "first_day"),
        ({"kind": "roster", "format": "docx"}, "format"),
    ):
        answer = await client.post(PATH, json=wrong)
        assert answer.status_code == 422
        assert field in answer.text
    backwards = {"kind": "dispatch_log", "format": "csv", "first_day": "2026-02-01", "last_day": "2026-01-01"}
    assert "last_day must be" in (await client.post(PATH, json=backwards)).text


async def test_nobody_reaches_anothers_report_nor_writes_one(
    runtime: Runtime, client: httpx.AsyncClient, people: People, clerk: Person
) -> None:
    report = await ask(client, **ROSTER)
    await work(runtime)
    other = await people.make("admin")
    async with browser(runtime) as thief:
        await log_in(thief, other)
        for method, tail in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
            assert (await thief.request(method, f"{PATH}/{report}{tail}")).status_code == 404
        assert (await thief.get(PATH)).json()["items"] == []
    everything = Identity(other.user_id, None, frozenset({"reports", "members", "users", "audit"}))
    async with transaction(runtime.databases.write, everything) as connection:
        for table in ("reports", "report_chunks"):
            assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0  # noqa: S608
    for statement in (
        "UPDATE reports SET state = 'failed', failure = 'x'",
        "INSERT INTO report_chunks VALUES (1, 7, '')",
        "DELETE FROM report_chunks",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            await sql(runtime, statement)


async def test_a_report_that_is_deleted_or_expires_leaves_nothing(
    runtime: Runtime, client: httpx.AsyncClient, clerk: Person
) -> None:
    cancelled = await ask(client, **ROSTER)
    assert (await client.delete(f"{PATH}/{cancelled}")).status_code == 204
    report = await ask(client, **ROSTER)
    assert (await client.get(f"{PATH}/{report}/file")).json()["type"] == "urn:ip2a:problem:not-ready"
    await work(runtime)
    assert await sql(runtime, "SELECT 1 FROM jobs WHERE state <> 'done'") == []
    async with as_worker(runtime) as databases:
        await clean_up(databases.write, datetime.now(UTC) + timedelta(days=6, hours=23))
        assert len(await sql(runtime, "SELECT 1 FROM report_chunks WHERE report_id = :id", id=report)) >= 1
        async with transaction(databases.write, SYSTEM) as connection:
            await connection.execute(text("UPDATE reports SET expires_at = now() - interval '1 second'"))
        assert (await client.get(f"{PATH}/{report}/file")).status_code == 404, "expired before it is cleaned up"
        assert (await client.get(PATH)).json()["items"] == []
        assert (await clean_up(databases.write, datetime.now(UTC)))["reports"] >= 1
    assert await sql(runtime, "SELECT 1 FROM report_chunks") == []


async def test_a_large_pdf_is_refused_with_a_remedy(
    runtime: Runtime, client: httpx.AsyncClient, clerk: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ip2a.reports.making.MOST_ROWS", dict.fromkeys(MOST_ROWS, 10))
    await many_members(runtime, 20)
    report = await ask(client, kind="roster", format="pdf")
    await work(runtime)
    item = (await client.get(f"{PATH}/{report}")).json()
    assert item["state"] == "failed"
    assert "Choose CSV" in item["failure"]


async def test_a_report_that_cannot_be_made_says_so(
    runtime: Runtime, client: httpx.AsyncClient, clerk: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(making, "open_file", fail)
    report = await ask(client, **ROSTER)
    for _ in range(making.REPORT.attempts):
        await work(runtime)
        async with as_worker(runtime) as databases, transaction(databases.write, SYSTEM) as connection:
            await connection.execute(text("UPDATE jobs SET run_after = now() - interval '1 second'"))
    item = (await client.get(f"{PATH}/{report}")).json()
    assert (item["state"], item["failure"]) == ("failed", making.GAVE_UP)


async def test_rows_are_never_older_than_the_request(
    runtime: Runtime, client: httpx.AsyncClient, people: People, clerk: Person, postgres_replica: PostgresServer
) -> None:
    """The replica stands still: what was committed before the request comes from the primary."""
    with postgres_replica.connect() as replica:
        replica.execute("SELECT pg_wal_replay_pause()")
        try:
            newest = await people.make()
            report = await ask(client, **ROSTER)
            await work(runtime)
        finally:
            replica.execute("SELECT pg_wal_replay_resume()")
    name = newest.email.partition("@")[0]
    assert name in {line["Last name"] for line in await lines_of(client, report)}


async def test_reports_about_money_are_for_officers(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    order = {"kind": "overdue_dues", "format": "csv"}
    for role, status, offered in (("staff", 403, False), ("officer", 202, True)):
        async with browser(runtime) as desk:
            await log_in(desk, await people.make(role))
            answer = await desk.post(PATH, json=order)
            assert answer.status_code == status, answer.text
            assert ("reports:financial" in answer.text) is (status == 403)
            assert ("Make Overdue dues" in (await desk.get("/office/reports")).text) is offered


async def test_a_key_reports_what_its_scopes_name(
    runtime: Runtime, client: httpx.AsyncClient, people: People, clerk: Person
) -> None:
    staff = await people.make("staff")
    wanted = {"name": "Export", "user_id": staff.user_id, "scopes": ["reports:standard", "members:read"]}
    made = await client.post("/api/v1/api-keys", json=wanted)
    assert made.status_code == 201, made.text
    async with browser(runtime) as program:
        program.headers["Authorization"] = f"Bearer {made.json()['key']}"
        report = await ask(program, **ROSTER)
        assert (await program.post(PATH, json={"kind": "overdue_dues", "format": "csv"})).status_code == 403
        await work(runtime)
        assert len(await lines_of(program, report)) > 0
    (row,) = await sql(runtime, "SELECT resources FROM reports WHERE id = :id", id=report)
    assert row["resources"] == ["members"]


async def test_progress_is_told(
    runtime: Runtime, client: httpx.AsyncClient, people: People, clerk: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "TELL_EVERY", 0.0)
    monkeypatch.setattr(making, "PORTION", 100)
    await many_members(runtime, 400)
    report = await ask(client, **ROSTER)
    seen: list[int] = []
    tell = repository.tell_progress

    async def told(*arguments: object) -> None:
        await tell(*arguments)  # type: ignore[arg-type]  # passed on
        seen.append((await client.get(f"{PATH}/{report}")).json()["progress"])

    monkeypatch.setattr(repository, "tell_progress", told)
    await work(runtime)
    assert len(seen) >= 4
    assert seen == sorted(seen)
    assert seen[0] < 50 < seen[-1] < 100


async def test_memory_does_not_grow_with_the_rows(
    runtime: Runtime, client: httpx.AsyncClient, people: People, clerk: Person
) -> None:
    peaks: dict[str, list[int]] = {"csv": [], "xlsx": []}
    for count in (3_000, 9_000):  # 3,000 and then 12,000 together
        await many_members(runtime, count)
        for file_format, found in peaks.items():
            report = await ask(client, kind="roster", format=file_format)
            tracemalloc.start()
            await work(runtime)
            found.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            item = (await client.get(f"{PATH}/{report}")).json()
            assert item["row_count"] >= sum((3_000, 9_000)[: len(found)])
    for small, large in peaks.values():
        assert large < 1.3 * small + 500_000, peaks
    report = await ask(client, kind="roster", format="pdf")
    await work(runtime)
    item = (await client.get(f"{PATH}/{report}")).json()
    assert (item["state"], item["failure"]) == ("done", None)
    lines = await ask(client, kind="roster", format="csv")
    await work(runtime)
    numbers = [line["Number"] for line in await lines_of(client, lines)]
    assert len(numbers) == len(set(numbers)) == item["row_count"], "portions meet without gap or overlap"
