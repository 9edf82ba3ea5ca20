"""Every route, driven by somebody who may: nothing blocks the event loop, nothing outside is called while a transaction
is open, the number of statements does not grow with the rows, and a failure anywhere leaves nothing half-written.
"""

from __future__ import annotations

import asyncio.selector_events
import socket
from collections.abc import AsyncIterator
from itertools import count

import pytest
from blockbuster import blockbuster_ctx
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.driving import Driver, State, driving, state
from tests.services.app.statement_counts import COUNTS
from tests.services.app.statements import CURRENT
from tests.services.app.test_route_matrix import ROWS, success
from tests.services.app.world import World, make_world

WRITES = [row for row in ROWS if not row.startswith("GET ")]
READS = [row for row in ROWS if row.startswith("GET ")]
MOST_STATEMENTS = 40


@pytest.fixture
async def driver(runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Driver]:
    async with driving(runtime, people, monkeypatch) as driver:
        yield driver


async def test_nothing_blocks_the_event_loop(driver: Driver) -> None:
    """A blocking call in a coroutine raises, so that the route would not succeed."""
    wrong = []
    for row in ROWS:
        world = await driver.set_up(row)
        with blockbuster_ctx("ip2a"):
            answer, _ = await driver.send(row, world, keyed=True)
        if answer.status_code not in success(row):
            wrong.append(f"{row}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


async def test_nothing_outside_is_called_while_a_transaction_is_open(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psycopg speaks through libpq, so whatever Python writes to a socket is Redis, mail, files or payments."""
    told: list[str] = []

    def note(what: str) -> None:
        trace = CURRENT.get()
        if trace is not None:
            told.append(what)
            if trace.in_transaction > 0:
                trace.calls_in_transaction.append(what)

    write = asyncio.selector_events._SelectorSocketTransport.write  # type: ignore[attr-defined]  # private, and what all streams use
    connect = socket.socket.connect

    def noted_write(self: object, data: bytes) -> object:
        note(f"writes {bytes(data[:40])!r}")
        return write(self, data)

    def noted_connect(self: socket.socket, address: object) -> object:
        note(f"connects to {address!r}")
        return connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio.selector_events._SelectorSocketTransport, "write", noted_write)  # type: ignore[attr-defined]
    monkeypatch.setattr(socket.socket, "connect", noted_connect)
    wrong = []
    for row in ROWS:
        world = await driver.set_up(row)
        _, trace = await driver.send(row, world, keyed=True)
        wrong += [f"{row} {call}" for call in trace.calls_in_transaction]
    assert told, "the test sees Redis"
    assert not wrong, "\n".join(wrong)


async def test_the_number_of_statements_is_pinned_and_does_not_grow(driver: Driver) -> None:
    counted: dict[str, int] = {}
    for row in ROWS:
        answer, trace = await driver.send(row, await driver.set_up(row))
        assert answer.status_code in success(row), f"{row} {answer.text}"
        counted[row] = len(trace.statements)
    differ = [f'    "{row}": {number},' for row, number in counted.items() if number != COUNTS.get(row)]
    assert not differ, "statement_counts would have to say:\n" + "\n".join(differ)
    await more_rows(driver)
    grown = {}
    for row in READS:
        world = await driver.set_up(row)
        await more_of_member(driver.runtime, world)
        _, trace = await driver.send(row, world)
        if len(trace.statements) > counted[row]:
            grown[row] = (counted[row], trace.statements)
    assert grown == {}


async def more_rows(driver: Driver) -> None:
    """Twenty of everything."""
    for _ in range(20):
        await make_world(driver.runtime, driver.people)


async def more_of_member(runtime: Runtime, world: World) -> None:
    """Twenty rows of each list of a member's own, and of a book, a class and a request."""
    statements = (
        "INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline, status)"
        " SELECT :member_id, :book_id, 100 + n, now(), now(), 'resigned' FROM generate_series(1, 20) n",
        "INSERT INTO dispatches (labor_request_id, member_id, registration_id, employer_id, method, dispatched_at,"
        " dispatched_by_id, start_date, check_in_deadline, status, ended_on)"
        " SELECT :named_request_id, :member_id, :sent, :employer_id, 'by_name', now(), :user, current_date, now(),"
        " 'completed', current_date FROM generate_series(1, 1) n",
        "INSERT INTO job_bids (labor_request_id, member_id, registration_id, submitted_at, status)"
        " SELECT :request_id, :member_id, :registration_id, now(), 'withdrawn' FROM generate_series(1, 20) n",
        "INSERT INTO member_employments (member_id, organization_id, start_date)"
        " SELECT :member_id, :employer_id, current_date - n FROM generate_series(1, 20) n",
        "INSERT INTO registration_activities (registration_id, member_id, action)"
        " SELECT :registration_id, :member_id, 're_sign' FROM generate_series(1, 20) n",
        "WITH s AS (INSERT INTO students (student_number, first_name, last_name, status)"
        " SELECT 'G' || :student_id || '-' || n, 'A', 'B', 'enrolled' FROM generate_series(1, 20) n RETURNING id)"
        " INSERT INTO enrollments (student_id, course_id, cohort) SELECT id, :course_id, 'x' FROM s",
    )
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        for statement in statements:
            await connection.execute(text(statement), {**world.ids, "user": world.person.user_id})


@pytest.mark.parametrize("part", range(4))
async def test_a_failure_anywhere_leaves_nothing_half_written(driver: Driver, part: int) -> None:
    """For each write and each of its statements and commits: that one fails, and either the answer says so and the
    database is as before, or (when what failed came behind the commit) the answer is that of success and all is done.
    """
    wrong = []
    for row in WRITES[part::4]:
        wrong += await failures_of(driver, row)
    assert not wrong, "\n".join(wrong)


async def failures_of(driver: Driver, row: str) -> list[str]:
    """What goes wrong with this row."""
    world = await driver.set_up(row)
    before = await state(driver.runtime)
    await driver.send(row, world, keyed=True)
    whole = changes(row, before, await state(driver.runtime))
    world, wrong = await driver.set_up(row), []
    before = await state(driver.runtime)
    for number in count():
        assert number < MOST_STATEMENTS, row
        answer, trace = await driver.send(row, world, break_at=number, keyed=True)
        if not trace.broken:
            if answer.status_code not in success(row):
                wrong.append(f"{row}: {answer.status_code} after failures that should have left no trace")
            return wrong
        now = await state(driver.runtime)
        after = changes(row, before, now)
        if after or row in FEW_A_PERSON:
            world = await driver.set_up(row)
            now = await state(driver.runtime)
        before = now
        if after not in ({}, whole, COUNTED_FIRST.get(row)):
            wrong.append(f"{row}: {trace.seen[number][:60]} failed and left {after}, not {whole}")
        if answer.status_code not in FAILED and after != whole:
            wrong.append(f"{row}: {trace.seen[number][:60]} failed, answered {answer.status_code}")
        if answer.status_code in FAILED and after not in ({}, COUNTED_FIRST.get(row)):
            wrong.append(f"{row}: {trace.seen[number][:60]} failed, refused what was done: {after}")
    return wrong


FAILED = {500, 503}

OF_EVERYBODY = {"POST /api/v1/dues/periods", "POST /api/v1/dues/mark-overdue", "POST /api/v1/dues/rates"}
"""Rows whose change is as large as the membership, or ends what was before: both differ from world to world."""

COUNTED_FIRST = {
    "POST /api/v1/auth/password": {"audit_logs": 1, "users": 0},
    "POST /account/password": {"audit_logs": 1, "users": 0},
}
"""An attempt at a password is counted and committed before the password is looked at, so that guesses count."""

FEW_A_PERSON = {"POST /api/v1/auth/email-verification"}
"""What one person may ask for only a few times, failed or not."""


def changes(row: str, before: State, after: State) -> dict[str, int]:
    """Tables that changed, and by how many rows."""
    changed = {name: after[name][0] - before[name][0] for name in after if after[name] != before[name]}
    if row in OF_EVERYBODY:
        return dict.fromkeys(changed.keys() - {"dues_periods"}, 1)
    return changed
