"""The demo data set: a login for each role, a few hundred members, two years of dues.

Idempotent: everything has a natural key and is inserted only where it is missing; nothing that exists is
changed.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.auth.models import RoleName
from ip2a.database.engines import create_databases
from ip2a.database.identity import SYSTEM, transaction
from ip2a.dues.models import DuesStatus
from ip2a.members.models import MemberClassification, MemberStatus
from ip2a.security.passwords import PasswordHasher
from ip2a.seed import people
from ip2a.settings import PREFIX, Settings

MEMBERS = 300
EMPLOYERS = 40
MONTHS = 24
OPEN_MONTHS = 3  # of the demo member's own dues
SEED = 46
LOCK = 0x1B2A_5EED
LOCAL_TIME = ZoneInfo("America/Los_Angeles")
MINIMUM_PASSWORD = 8
RATES_FROM = date(2020, 1, 1)
DEMO_MEMBER = 1  # the first member is the demo login's
NAMES = {
    RoleName.ADMIN: ("Ada", "Admin"),
    RoleName.OFFICER: ("Omar", "Officer"),
    RoleName.STAFF: ("Stella", "Staff"),
    RoleName.ORGANIZER: ("Oscar", "Organizer"),
    RoleName.INSTRUCTOR: ("Ines", "Instructor"),
    RoleName.MEMBER: ("Maria", "Member"),
    RoleName.APPLICANT: ("Alex", "Applicant"),
}

Rows = Sequence[Mapping[str, object]]


class SeedError(Exception):
    """The data set cannot be made; the message says what to set."""


async def seed(settings: Settings, now: datetime) -> str:
    """Insert what is missing and return a summary. `now` decides which month is the newest.

    Raises SeedError without a demo password.
    """
    password = settings.demo_password.get_secret_value()
    if len(password) < MINIMUM_PASSWORD:
        raise SeedError(
            f"{PREFIX}DEMO_PASSWORD must be set, with {MINIMUM_PASSWORD} characters or more: all demo logins get it"
        )
    hasher = PasswordHasher()
    databases = create_databases(settings)
    try:
        password_hash = await hasher.hash(password)
        async with transaction(databases.write, SYSTEM) as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            return await _insert(connection, password_hash, now.astimezone(LOCAL_TIME).date())
    finally:
        await databases.close()
        hasher.close()


async def _insert(connection: AsyncConnection, password_hash: str, today: date) -> str:
    random = Random(SEED)  # noqa: S311 (made-up people need no secrecy, but repeatability)
    await _rates(connection)
    organizations = await _organizations(connection)
    members = [people.member(random, number, today) for number in range(1, MEMBERS + 1)]
    jobs = [people.employments(random, random.randint(1, 12), EMPLOYERS, today) for _ in members]
    first, last = NAMES[RoleName.MEMBER]
    inserted = await _members(connection, members, first, last)
    await _employments(connection, inserted, jobs, organizations)
    periods = await _periods(connection, today)
    await _dues(connection, random, periods)
    await _logins(connection, password_hash)
    return f"{len(members)} members, {len(periods)} months of dues, {len(RoleName)} logins (ROLE@local46.example)"


async def _rates(connection: AsyncConnection) -> None:
    await _many(
        connection,
        text(
            "INSERT INTO dues_rates (classification, monthly_amount_cents, effective_date)"
            " VALUES (:classification, :amount, :day) ON CONFLICT DO NOTHING"
        ),
        [
            {"classification": classification.value, "amount": cents, "day": RATES_FROM}
            for classification, cents in people.MONTHLY_CENTS.items()
        ],
    )


async def _organizations(connection: AsyncConnection) -> list[int]:
    employers = people.employers(EMPLOYERS)
    await _many(
        connection,
        text(
            "INSERT INTO organizations (name, org_type, city, state)"
            " SELECT cast(:name AS varchar), 'employer', :city, 'WA'"
            " WHERE NOT EXISTS (SELECT FROM organizations WHERE name = cast(:name AS varchar))"
        ),
        [{"name": name, "city": city} for name, city in employers],
    )
    rows = await connection.execute(
        text("SELECT name, min(id) AS id FROM organizations WHERE name = ANY(:names) GROUP BY name"),
        {"names": [name for name, _ in employers]},
    )
    ids: dict[str, int] = {row.name: row.id for row in rows}
    return [ids[name] for name, _ in employers]


async def _members(
    connection: AsyncConnection, members: Sequence[people.SeedMember], first_name: str, last_name: str
) -> dict[int, int]:
    """Insert the missing ones; returns number → id of those just inserted."""
    inserted: dict[int, int] = {}
    for number, member in enumerate(members, start=1):
        own = number == DEMO_MEMBER
        identifier = await connection.scalar(
            text(
                """
                INSERT INTO members (member_number, first_name, last_name, address, city, state, zip_code,
                    phone,
                    email, hire_date, status, classification)
                VALUES (:member_number, :first_name, :last_name, :address, :city, 'WA', :zip_code, :phone,
                    :email, :hire_date, :status, :classification)
                ON CONFLICT DO NOTHING RETURNING id
                """
            ),
            {
                "member_number": member.member_number,
                "first_name": first_name if own else member.first_name,
                "last_name": last_name if own else member.last_name,
                "address": member.address,
                "city": member.city,
                "zip_code": member.zip_code,
                "phone": member.phone,
                "email": _email(RoleName.MEMBER) if own else member.email,
                "hire_date": member.hire_date,
                "status": MemberStatus.ACTIVE if own else member.status.value,
                "classification": MemberClassification.JOURNEYMAN if own else member.classification.value,
            },
        )
        if identifier is not None:
            inserted[number] = identifier
    return inserted


async def _employments(
    connection: AsyncConnection,
    inserted: Mapping[int, int],
    jobs: Sequence[Sequence[people.SeedEmployment]],
    organizations: Sequence[int],
) -> None:
    await _many(
        connection,
        text(
            "INSERT INTO member_employments (member_id, organization_id, start_date, end_date, job_title,"
            " hourly_rate_cents) VALUES (:member, :organization, :start, :end, :title, :rate)"
        ),
        [
            {
                "member": member_id,
                "organization": organizations[job.employer],
                "start": job.start_date,
                "end": job.end_date,
                "title": job.job_title,
                "rate": job.hourly_rate_cents,
            }
            for number, member_id in inserted.items()
            for job in jobs[number - 1]
        ],
    )


async def _periods(connection: AsyncConnection, today: date) -> list[tuple[int, int]]:
    """The months up to today's as (id, age in months), oldest first."""
    periods = []
    for age in range(MONTHS - 1, -1, -1):
        index = today.year * 12 + today.month - 1 - age
        year, month = index // 12, index % 12 + 1
        parameters = {
            "year": year,
            "month": month,
            "due": date(year, month, 1),
            "grace": date(year, month, 15),
        }
        await connection.execute(
            text(
                "INSERT INTO dues_periods (period_year, period_month, due_date, grace_period_end)"
                " VALUES (:year, :month, :due, :grace) ON CONFLICT DO NOTHING"
            ),
            parameters,
        )
        identifier = await connection.scalar(
            text("SELECT id FROM dues_periods WHERE period_year = :year AND period_month = :month"),
            parameters,
        )
        if identifier is not None:
            periods.append((identifier, age))
    return periods


async def _dues(connection: AsyncConnection, random: Random, periods: Sequence[tuple[int, int]]) -> None:
    rows = await connection.execute(
        text(
            "SELECT id, member_number, classification FROM members WHERE status = 'active'"
            " AND member_number BETWEEN :first AND :last ORDER BY member_number"
        ),
        {"first": "4600001", "last": f"{4_600_000 + MEMBERS}"},
    )
    members = list(rows.mappings())
    await _many(
        connection,
        text(
            "INSERT INTO dues_payments (member_id, period_id, amount_due_cents, amount_paid_cents, status)"
            " VALUES (:member, :period, :due, :paid, :status) ON CONFLICT DO NOTHING"
        ),
        [_dues_row(random, member, period, age) for member in members for period, age in periods],
    )


def _dues_row(random: Random, member: RowMapping, period_id: int, age: int) -> dict[str, object]:
    cents = people.MONTHLY_CENTS[MemberClassification(member["classification"])]
    made = people.dues(random, cents, age)
    if member["member_number"] == f"{4_600_000 + DEMO_MEMBER}":
        made = people.SeedDues(cents, cents, DuesStatus.PAID)
        if age < OPEN_MONTHS:
            made = people.SeedDues(cents, 0, DuesStatus.DUE if age == 0 else DuesStatus.OVERDUE)
    return {
        "member": member["id"],
        "period": period_id,
        "due": made.amount_due_cents,
        "paid": made.amount_paid_cents,
        "status": made.status.value,
    }


async def _logins(connection: AsyncConnection, password_hash: str) -> None:
    for role, (first, last) in NAMES.items():
        user_id = await connection.scalar(
            text(
                """
                INSERT INTO users (email, password_hash, first_name, last_name, is_verified, member_id)
                VALUES (:email, :hash, :first, :last, true,
                    (SELECT id FROM members
                     WHERE cast(:role AS varchar) = 'member' AND member_number = :number))
                ON CONFLICT DO NOTHING RETURNING id
                """
            ),
            {
                "email": _email(role),
                "hash": password_hash,
                "first": first,
                "last": last,
                "role": role.value,
                "number": f"{4_600_000 + DEMO_MEMBER}",
            },
        )
        if user_id is not None:
            await connection.execute(
                text("INSERT INTO user_roles (user_id, role_id) SELECT :user, id FROM roles WHERE name = :role"),
                {"user": user_id, "role": role.value},
            )


def _email(role: RoleName) -> str:
    return f"{role.value}@local46.example"


async def _many(connection: AsyncConnection, statement: TextClause, rows: Rows) -> None:
    if rows:
        await connection.execute(statement, rows)
