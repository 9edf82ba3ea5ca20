"""Every route, driven by somebody who may: nothing blocks the event loop, nothing outside is called while a transaction
is open, and the number of statements does not grow with the rows.
"""

from __future__ import annotations

import asyncio.selector_events
import socket
from collections.abc import AsyncIterator

import pytest
from blockbuster import blockbuster_ctx
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.driving import Driver, driving
from tests.services.app.statement_counts import COUNTS
from tests.services.app.statements import CURRENT
from tests.services.app.test_route_matrix import ROWS, success
from tests.services.app.world import World, make_world

READS = [row for row in ROWS if row.startswith("GET ")]


@pytest.fixture
async def driver(runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Driver]:
    async with driving(runtime, people, monkeypatch) as driver:
        yield driver


async def test_nothing_blocks_and_nothing_outside_is_called_while_a_transaction_is_open(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blocking call in a coroutine raises, so that the route would not succeed. psycopg speaks through libpq, so
    whatever Python writes to a socket is Redis, mail, files or payments.
    """
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
        world = await driver.set_up(row, fresh=False)
        with blockbuster_ctx("ip2a"):
            answer, trace = await driver.send(row, world, keyed=True)
        if answer.status_code not in success(row):
            wrong.append(f"{row}: {answer.status_code} {answer.text[:200]}")
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
