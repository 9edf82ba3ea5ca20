"""Books, employers and requests for the tests of the referral."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ip2a.database.identity import SYSTEM, transaction
from ip2a.referrals import enforcement
from ip2a.referrals.enforcement import EnforcementResult
from ip2a.runtime import Runtime, create_runtime
from ip2a.settings import load_settings
from tests.services.app.conftest import People, Person, browser, log_in

MORNING = datetime(2026, 11, 23, 16, 45, tzinfo=UTC)  # Monday 08:45 in Seattle
EVENING = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Sunday 18:00 in Seattle
START = date(2026, 11, 24)


def at(runtime: Runtime, moment: datetime) -> Runtime:
    """The same process at another time."""
    return replace(runtime, now=lambda: moment)


@asynccontextmanager
async def visit(runtime: Runtime, moment: datetime, person: Person) -> AsyncIterator[httpx.AsyncClient]:
    """A client of this person at a time. The session begins by the wall clock, which tokens are verified by."""
    async with browser(runtime) as entrance, browser(at(runtime, moment)) as client:
        await log_in(entrance, person)
        client.cookies.update(entrance.cookies)
        client.headers.update({"X-CSRF-Token": entrance.headers["X-CSRF-Token"]})
        yield client


async def enforce(engine: AsyncEngine, now: datetime) -> EnforcementResult:
    """The night's work at a time."""
    return await enforcement.enforce(engine, now, "https://portal.example")


class Hall:
    """Makes what a referral needs."""

    def __init__(self, runtime: Runtime, people: People) -> None:
        self._runtime = runtime
        self._people = people

    async def _insert(self, statement: str, **values: object) -> int:
        async with transaction(self._runtime.databases.write, SYSTEM) as connection:
            identifier: int = (await connection.execute(text(statement), values)).scalar_one()
        return identifier

    async def book(self, region: str = "seattle") -> int:
        """A new book, called at 08:30."""
        return await self._insert(
            "INSERT INTO referral_books (code, name, classification, book_number, region, referral_start_time)"
            " VALUES (:code, 'Wire', 'inside_wireperson', 1, :region, '08:30') RETURNING id",
            code=secrets.token_hex(6),
            region=region,
        )

    async def employer(self) -> int:
        """A new employer."""
        return await self._insert(
            "INSERT INTO organizations (name, org_type) VALUES (:name, 'employer') RETURNING id",
            name=secrets.token_hex(6),
        )

    async def request(
        self, book: int, workers: int = 1, *, employer: int | None = None, short: int | None = None
    ) -> int:
        """A request that is called on MORNING."""
        return await self._insert(
            "INSERT INTO labor_requests (request_number, employer_id, book_id, requested_at, referral_day,"
            " workers_requested, start_date, start_time, is_short_call, short_call_days)"
            " VALUES (:number, :employer, :book, '2026-11-20T18:00Z', '2026-11-23', :workers, '2026-11-24', '07:00',"
            " cast(:short AS integer) IS NOT NULL, :short) RETURNING id",
            number=secrets.token_hex(6),
            employer=employer or await self.employer(),
            book=book,
            workers=workers,
            short=short,
        )

    async def waiting(self, book: int, count: int, *, when: datetime = MORNING) -> list[int]:
        """Members on the book, in this order; returns their ids."""
        members = []
        for _ in range(count):
            name = secrets.token_hex(6)
            member = await self._insert(
                "INSERT INTO members (member_number, first_name, last_name, status, classification)"
                " VALUES (:number, 'Test', :number, 'active', 'journeyman') RETURNING id",
                number=name,
            )
            members.append(member)
            await self.register(book, member, when=when)
        return members

    async def register(self, book: int, member: int, *, when: datetime = MORNING) -> int:
        """A place on the book."""
        return await self._insert(
            "WITH n AS (UPDATE referral_books SET last_apn = last_apn + 1 WHERE id = :book RETURNING last_apn)"
            " INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline)"
            " SELECT :member, :book, last_apn, :now, cast(:now AS timestamptz) + interval '30 days' FROM n"
            " RETURNING id",
            book=book,
            member=member,
            now=when,
        )

    async def person(self) -> Person:
        """A member with an account."""
        return await self._people.make(months=0)

    async def person_waiting(self, book: int) -> tuple[Person, int]:
        """A member with an account, on the book: (person, registration id)."""
        person = await self.person()
        assert person.member_id is not None
        return person, await self.register(book, person.member_id)

    async def execute(self, statement: str, **values: object) -> None:
        """Change what is stored."""
        async with transaction(self._runtime.databases.write, SYSTEM) as connection:
            await connection.execute(text(statement), values)

    async def rows(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        """What is really stored."""
        async with transaction(self._runtime.databases.write, SYSTEM) as connection:
            return [tuple(row) for row in await connection.execute(text(statement), values)]


@pytest.fixture
def hall(runtime: Runtime, people: People) -> Hall:
    return Hall(runtime, people)


@pytest.fixture
async def morning(runtime: Runtime, people: People) -> AsyncIterator[httpx.AsyncClient]:
    """A clerk on a Monday at 08:45."""
    async with visit(runtime, MORNING, await people.make("staff")) as client:
        yield client


@pytest.fixture
async def second(environment: dict[str, str]) -> AsyncIterator[Runtime]:
    """Another process's shared parts: engines of its own to the same pooler."""
    runtime = create_runtime(load_settings())
    yield runtime
    await runtime.close()
