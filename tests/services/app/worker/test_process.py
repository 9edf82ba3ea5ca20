"""`ip2a-app worker` as a process: mail through real SMTP, killed and stopped in the middle."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import httpx
import psycopg
import pytest
from sqlalchemy import text

from devcluster.services.process import HOST
from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.reports import repository as reports
from ip2a.worker.kinds import KINDS
from ip2a.worker.queue import enqueue
from ip2a.worker.runner import Pace, Runner
from ip2a.worker.work import Tools
from tests.services.app.conftest import People
from tests.services.app.post_office import Mailbox
from tests.services.app.processes import worker

DEADLINE = 60.0
MAIL: dict[str, object] = {"to": "ada@local46.example", "subject": "Your dues", "text": "Hello Ada"}


def eventually(check: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not check():
        assert time.monotonic() < end, "it did not become so in time"
        time.sleep(0.05)


def get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://{HOST}:{port}{path}", trust_env=False, timeout=5)


async def send(tools: Tools, **fields: object) -> None:
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await enqueue(connection, "mail", {**MAIL, **fields})


async def states(tools: Tools) -> list[tuple[str, int]]:
    async with transaction(tools.databases.write, SYSTEM) as connection:
        rows = await connection.execute(text("SELECT state, attempts FROM jobs ORDER BY id"))
        return [(row[0], row[1]) for row in rows]


@pytest.fixture(autouse=True)
async def empty(tools: Tools) -> None:
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await connection.execute(text("DELETE FROM jobs"))


async def test_a_killed_workers_mail_is_sent_by_the_next_one_once(
    worker_environment: dict[str, str], tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    mailbox, _ = smtp
    mailbox.slow = 3600.0
    await send(tools)
    with worker(worker_environment, "--lease", "2") as (process, _):
        eventually(lambda: mailbox.begun == 1)
        process.kill()
        process.wait()
    assert await states(tools) == [("running", 1)]
    mailbox.slow = 0.0
    with worker(worker_environment, "--lease", "2") as (process, port):
        eventually(lambda: len(mailbox.mails) == 1)
        ready = get(port, "/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
        assert get(port, "/livez").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    assert await states(tools) == [("done", 2)]
    (recipient, content), *others = mailbox.mails
    assert others == []
    assert recipient == "ada@local46.example"
    assert b"Message-ID: <ip2a-job-" in content


async def test_a_stopped_worker_finishes_the_mail_it_sends(
    worker_environment: dict[str, str], tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    mailbox, _ = smtp
    mailbox.slow = 1.0
    await send(tools)
    with worker(worker_environment) as (process, port):
        eventually(lambda: mailbox.begun == 1)
        metrics = get(port, "/metrics").text
        assert 'ip2a_jobs{kind="mail",state="dead"} 0.0' in metrics
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    assert await states(tools) == [("done", 1)]
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    ("answer", "state"),
    [("451 try again", "waiting"), ("550 no such user", "dead"), ("554 spam", "dead")],
)
async def test_what_the_server_says_decides_about_trying_again(
    tools: Tools, smtp: tuple[Mailbox, int], answer: str, state: str
) -> None:
    mailbox, _ = smtp
    mailbox.answers = [answer]
    await send(tools)
    await Runner(tools, KINDS, Pace(), "here").run_once()
    assert await states(tools) == [(state, 1)]


async def test_a_payload_that_is_no_mail_is_buried_without_its_content(tools: Tools, smtp: tuple[Mailbox, int]) -> None:
    await send(tools, subject="x\r\nBcc: eve@example.org")
    await Runner(tools, KINDS, Pace(), "here").run_once()
    assert await states(tools) == [("dead", 1)]
    async with transaction(tools.databases.write, SYSTEM) as connection:
        failure = (await connection.execute(text("SELECT failure FROM jobs"))).scalar_one()
    assert failure == "the mail's fields are not valid: subject"
    assert smtp[0].mails == []


async def test_a_killed_workers_report_is_made_by_the_next_one_once(
    worker_environment: dict[str, str], tools: Tools, people: People, as_owner: str
) -> None:
    """The first worker dies while it reads: the table is locked, so it is in the middle when it is killed."""
    person = await people.make("staff")
    asked = Identity(person.user_id, None, frozenset({"members"}))
    async with transaction(tools.databases.write, asked) as connection:
        report = await reports.insert(connection, reports.Wanted("roster", "csv", {}))
        assert report is not None
        await enqueue(connection, "report", {"report_id": report["id"]})
    with psycopg.connect(as_owner) as owner:
        owner.execute("LOCK TABLE members IN ACCESS EXCLUSIVE MODE")
        with worker(worker_environment, "--lease", "2") as (process, _):
            eventually(lambda: _report_of(as_owner)[0] == "running")
            process.kill()
            process.wait()
    assert _report_of(as_owner) == ("running", 1, 0)
    with worker(worker_environment, "--lease", "2"):
        eventually(lambda: _report_of(as_owner)[0] == "done")
    assert _report_of(as_owner) == ("done", 2, 1)
    assert await states(tools) == [("done", 2)]


def _report_of(dsn: str) -> tuple[str, int, int]:
    """State and attempt of the only report, and how many files there are."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET ip2a.resources = '*'")
        row = connection.execute("SELECT state, attempt, (SELECT count(*) FROM report_chunks) FROM reports").fetchone()
    assert row is not None
    return row[0], row[1], row[2]
