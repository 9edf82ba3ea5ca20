"""Organizations, members, employments, dues with payments, and accounts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from ip2a.auth.models import RoleName
from ip2a.dues.models import DuesStatus
from ip2a.members.models import MemberClassification, MemberStatus
from ip2a.payments.models import PaymentMethod
from ip2a.seed import people
from ip2a.seed.loading import Loader, Row
from ip2a.seed.profiles import Profile

FIRST_NUMBER = 4_600_001
OFFICERS = 3  # beside the demo log-in: help of some size needs three of them
OPEN_MONTHS = 3  # of the demo member's own dues
RATES_FROM = date(2020, 1, 1)
PAYMENT_METHODS = {
    PaymentMethod.CREDIT_CARD: 40,
    PaymentMethod.CHECK: 30,
    PaymentMethod.ACH_TRANSFER: 20,
    PaymentMethod.CASH: 10,
}
NAMES = {
    RoleName.ADMIN: ("Ada", "Admin"),
    RoleName.OFFICER: ("Omar", "Officer"),
    RoleName.STAFF: ("Stella", "Staff"),
    RoleName.ORGANIZER: ("Oscar", "Organizer"),
    RoleName.INSTRUCTOR: ("Ines", "Instructor"),
    RoleName.MEMBER: ("Maria", "Member"),
    RoleName.APPLICANT: ("Alex", "Applicant"),
}
DOMAIN = "local46.example"
MEMBER_COLUMNS = (
    "id member_number first_name last_name address city state zip_code phone email date_of_birth hire_date status"
    " classification"
)
DUES_COLUMNS = "id member_id period_id amount_due_cents amount_paid_cents status carried_cents"
PAYMENT_COLUMNS = "id dues_payment_id member_id amount_cents method receipt_number recorded_by_id recorded_at"


@dataclass(frozen=True, slots=True)
class Account:
    """An account that was made."""

    id: int
    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class Core:
    """What the other parts refer to; ids, in the order of the made-up numbers. `members` are the active ones'."""

    organizations: Sequence[int]
    members: Sequence[int]
    accounts: dict[RoleName, Sequence[Account]]
    dues: Sequence[tuple[int, int]]  # (dues row, member) of open months

    def staff(self, number: int) -> int:
        """The account of one of the staff."""
        accounts = self.accounts[RoleName.STAFF]
        return accounts[number % len(accounts)].id


def fill(loader: Loader, random: Random, profile: Profile, password_hash: str, today: date) -> Core:
    """Everything of this module, in an order that satisfies the foreign keys."""
    _rates(loader)
    organizations = _organizations(loader, profile)
    ids = loader.numbers("members", profile.members)
    members = [_member(random, number, today) for number in range(profile.members)]
    _members(loader, random, ids, members)
    loader.fill(
        "member_employments",
        "member_id organization_id start_date end_date job_title hourly_rate_cents",
        _employments(random, profile, ids, organizations, today),
    )
    accounts = _accounts(loader, random, profile, password_hash=password_hash, member_ids=ids, members=members)
    active = [
        (identifier, member)
        for identifier, member in zip(ids, members, strict=True)
        if member.status is MemberStatus.ACTIVE
    ]
    staff = [account.id for account in accounts[RoleName.STAFF]]
    dues = _dues(loader, random, profile, members=active, staff=staff, today=today)
    return Core(organizations, [identifier for identifier, _ in active], accounts, dues)


def _rates(loader: Loader) -> None:
    if loader.value("SELECT true FROM dues_rates LIMIT 1"):
        return
    loader.fill(
        "dues_rates",
        "classification monthly_amount_cents effective_date",
        [(classification.value, cents, RATES_FROM) for classification, cents in people.MONTHLY_CENTS.items()],
    )


def _organizations(loader: Loader, profile: Profile) -> list[int]:
    ids = loader.numbers("organizations", profile.organizations)
    employers = people.employers(profile.organizations)
    loader.fill(
        "organizations",
        "id name org_type city state phone email",
        [
            (
                identifier,
                name,
                "employer",
                city,
                "WA",
                f"(206) 555-{number % 10_000:04}",
                f"office@employer{number}.example",
            )
            for number, (identifier, (name, city)) in enumerate(zip(ids, employers, strict=True))
        ],
    )
    return ids


def _member(random: Random, number: int, today: date) -> people.SeedMember:
    member = people.member(random, FIRST_NUMBER + number, today)
    if number > 0:
        return member
    first, last = NAMES[RoleName.MEMBER]
    return replace(
        member,
        first_name=first,
        last_name=last,
        email=email(RoleName.MEMBER),
        status=MemberStatus.ACTIVE,
        classification=MemberClassification.JOURNEYMAN,
    )


def _members(loader: Loader, random: Random, ids: Sequence[int], members: Sequence[people.SeedMember]) -> None:
    loader.fill(
        "members",
        MEMBER_COLUMNS,
        [
            (
                identifier,
                member.member_number,
                member.first_name,
                member.last_name,
                member.address,
                member.city,
                "WA",
                member.zip_code,
                member.phone,
                member.email,
                date(1955, 1, 1) + timedelta(days=random.randrange(18_000)) if random.random() < 0.75 else None,
                member.hire_date,
                member.status.value,
                member.classification.value,
            )
            for identifier, member in zip(ids, members, strict=True)
        ],
    )


def _employments(
    random: Random, profile: Profile, members: Sequence[int], organizations: Sequence[int], today: date
) -> Iterator[Row]:
    for member in members:
        count = round(random.triangular(1, profile.employments_most, profile.employments))
        for job in people.employments(random, count, len(organizations), today):
            organization = organizations[job.employer]
            yield member, organization, job.start_date, job.end_date, job.job_title, job.hourly_rate_cents


def _dues(
    loader: Loader,
    random: Random,
    profile: Profile,
    *,
    members: Sequence[tuple[int, people.SeedMember]],
    staff: Sequence[int],
    today: date,
) -> list[tuple[int, int]]:
    periods = [(_period(loader, today, age), age) for age in range(profile.months - 1, -1, -1)]
    ids = iter(loader.numbers("dues_payments", len(members) * len(periods)))
    rows: list[Row] = []
    payments: list[Row] = []
    opened: list[tuple[int, int]] = []
    for position, (member_id, member) in enumerate(members):
        cents = people.MONTHLY_CENTS[member.classification]
        for (period, due_on), age in periods:
            made = people.dues(random, cents, age)
            if position == 0:
                made = _own_dues(cents, age)
            identifier = next(ids)
            carried = made.amount_paid_cents if age >= profile.months_paid else 0
            amounts = (made.amount_due_cents, made.amount_paid_cents)
            rows.append((identifier, member_id, period, *amounts, made.status.value, carried))
            if made.amount_paid_cents + people.SMALLEST_OPEN_CENTS <= made.amount_due_cents:
                opened.append((identifier, member_id))
            if made.amount_paid_cents and age < profile.months_paid:
                paid_on = min(due_on + timedelta(days=random.randrange(15)), today)
                payments.append(
                    _payment(random, identifier, member_id, cents=made.amount_paid_cents, staff=staff, paid_on=paid_on)
                )
    loader.fill("dues_payments", DUES_COLUMNS, rows)
    numbers = loader.numbers("payments", len(payments))
    loader.fill("payments", PAYMENT_COLUMNS, _numbered(numbers, payments))
    return opened


def _own_dues(cents: int, age: int) -> people.SeedDues:
    """The demo member paid everything but the newest months."""
    if age >= OPEN_MONTHS:
        return people.SeedDues(cents, cents, DuesStatus.PAID)
    return people.SeedDues(cents, 0, DuesStatus.DUE if age == 0 else DuesStatus.OVERDUE)


def _period(loader: Loader, today: date, age: int) -> tuple[int, date]:
    """(id, day due) of the month that was `age` months ago; made if it is not there."""
    index = today.year * 12 + today.month - 1 - age
    year, month = index // 12, index % 12 + 1
    query = "SELECT id FROM dues_periods WHERE period_year = %s AND period_month = %s"
    identifier = loader.value(query, year, month)
    if identifier is None:
        identifier = loader.value(
            "INSERT INTO dues_periods (period_year, period_month, due_date, grace_period_end, is_closed, closed_at)"
            " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
            year,
            month,
            date(year, month, 1),
            date(year, month, 15),
            age > OPEN_MONTHS,
            datetime.combine(date(year, month, 28), time(20), UTC) if age > OPEN_MONTHS else None,
        )
    return identifier, date(year, month, 1)


def _payment(random: Random, dues: int, member: int, *, cents: int, staff: Sequence[int], paid_on: date) -> Row:
    method = random.choices(tuple(PAYMENT_METHODS), weights=tuple(PAYMENT_METHODS.values()))[0]
    moment = datetime.combine(paid_on, time(17), UTC) + timedelta(seconds=random.randrange(25_000))
    return dues, member, cents, method.value, staff[dues % len(staff)], moment


def _numbered(ids: Sequence[int], payments: Sequence[Row]) -> Iterator[Row]:
    """With ids, and receipts numbered by them as the platform does: it draws the next ids from the same sequence, and
    would stumble over any other number that it comes to.
    """
    for identifier, (dues, member, cents, method, recorded_by, moment) in zip(ids, payments, strict=True):
        receipt = f"RCP-{moment:%Y%m}-{identifier:08x}"
        yield identifier, dues, member, cents, method, receipt, recorded_by, moment


def _accounts(
    loader: Loader,
    random: Random,
    profile: Profile,
    *,
    password_hash: str,
    member_ids: Sequence[int],
    members: Sequence[people.SeedMember],
) -> dict[RoleName, Sequence[Account]]:
    """One account for each role, one for each member, and some more; all with the same password."""
    made: list[tuple[RoleName, str, str, str, int | None]] = [
        (role, email(role), first, last, member_ids[0] if role is RoleName.MEMBER else None)
        for role, (first, last) in NAMES.items()
    ]
    made += [
        (RoleName.MEMBER, f"{member.member_number}@{DOMAIN}", member.first_name, member.last_name, identifier)
        for identifier, member in zip(member_ids[1:], members[1:], strict=True)
    ]
    more = (
        (RoleName.OFFICER, OFFICERS),
        (RoleName.STAFF, profile.staff),
        (RoleName.INSTRUCTOR, profile.instructors),
        (RoleName.APPLICANT, profile.applicants),
    )
    for role, count in more:
        for number in range(2, count + 2):
            first, last = random.choice(people.FIRST_NAMES), random.choice(people.LAST_NAMES)
            made.append((role, f"{role.value}{number}@{DOMAIN}", first, last, None))
    ids = loader.numbers("users", len(made))
    loader.fill(
        "users",
        "id email password_hash first_name last_name is_verified member_id",
        [
            (identifier, address, password_hash, first, last, True, member)
            for identifier, (_, address, first, last, member) in zip(ids, made, strict=True)
        ],
    )
    roles = dict(loader.rows("SELECT name, id FROM roles"))
    loader.fill(
        "user_roles",
        "user_id role_id",
        [(identifier, roles[role.value]) for identifier, (role, *_) in zip(ids, made, strict=True)],
    )
    accounts: dict[RoleName, list[Account]] = {role: [] for role in RoleName}
    for identifier, (role, _, first, last, _) in zip(ids, made, strict=True):
        accounts[role].append(Account(identifier, first, last))
    return dict(accounts)


def email(role: RoleName) -> str:
    """The address of a role's demo log-in."""
    return f"{role.value}@{DOMAIN}"
