"""Every write, driven by somebody who may, failing at each of its statements and commits: nothing is half-written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import chain, count

import pytest

from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.driving import Driver, State, driving, state
from tests.services.app.statements import COMMIT
from tests.services.app.test_route_matrix import ROWS, success

WRITES = [row for row in ROWS if not row.startswith("GET ")]
MOST_STATEMENTS = 40


@pytest.fixture
async def driver(runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Driver]:
    async with driving(runtime, people, monkeypatch) as driver:
        yield driver


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize(
    "everywhere", [False, pytest.param(True, marks=pytest.mark.full)], ids=["commits", "statements"]
)
async def test_a_failure_anywhere_leaves_nothing_half_written(driver: Driver, part: int, everywhere: bool) -> None:
    """For each write and each of its commits (in `make test-full`: and statements): that one fails, and either the
    answer says so and the database is as before, or (when what failed came behind the commit) the answer is that of
    success and all is done.
    """
    wrong = []
    for row in WRITES[part::4]:
        wrong += await failures_of(driver, row, everywhere=everywhere)
    assert not wrong, "\n".join(wrong)


async def failures_of(driver: Driver, row: str, *, everywhere: bool) -> list[str]:
    """What goes wrong with this row."""
    world = await driver.set_up(row)
    before = await state(driver.runtime)
    _, unbroken = await driver.send(row, world, keyed=True)
    whole = changes(row, before, await state(driver.runtime))
    world, wrong = await driver.set_up(row), []
    before = await state(driver.runtime)
    commits = (number for number, what in enumerate(unbroken.seen) if what == COMMIT)
    for number in count() if everywhere else chain(commits, [MOST_STATEMENTS - 1]):
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
    raise AssertionError(f"{row}: over {MOST_STATEMENTS} statements")


FAILED = {500, 503}

OF_EVERYBODY = {
    "POST /api/v1/dues/periods",
    "POST /api/v1/dues/mark-overdue",
    "POST /api/v1/dues/rates",
    "POST /office/dues",
}
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
