"""Plain records: contacts, grievances, help, organizing, grants and notes; adjustments that wait for a decision."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

from ip2a.auth.models import RoleName
from ip2a.benevolence.models import BenevolenceReason, BenevolenceStatus, ReviewDecision, ReviewLevel
from ip2a.benevolence.rules import reviews_needed
from ip2a.grants.models import EnrollmentStatus
from ip2a.grievances.models import GrievanceStatus, GrievanceStepName, StepOutcome
from ip2a.notes.models import NoteCategory, NoteVisibility
from ip2a.organizing.models import ActivityOutcome, ActivityType
from ip2a.seed import people
from ip2a.seed.core import Core
from ip2a.seed.loading import Loader, Row
from ip2a.seed.profiles import Profile

CONTACTS = 3  # an organization
ARTICLES = ("4.2", "6.1", "9.3", "12.1")
VIOLATIONS = ("Overtime was not paid.", "Unsafe scaffolding.", "Discharge without a steward present.", "Wrong scale.")
UNSETTLED = tuple(status for status in GrievanceStatus if status is not GrievanceStatus.SETTLED)
UNDECIDED = (BenevolenceStatus.SUBMITTED, BenevolenceStatus.UNDER_REVIEW)
STEPS = tuple(GrievanceStepName)
GRANTS = ("Pre-apprenticeship", "Safety equipment", "Rural outreach", "Veterans in the trade")
MEMOS = ("Called about the re-sign.", "Prefers to be reached by e-mail.", "Asked for the insurance form.")
ADJUSTMENTS = 8


def fill(loader: Loader, random: Random, profile: Profile, core: Core, today: date) -> None:
    """Everything of this module."""
    _contacts(loader, random, core.organizations)
    _grievances(loader, random, profile.records, core, today)
    _benevolence(loader, random, profile.records, core, today)
    _organizing(loader, random, profile.records, core, today)
    _grants(loader, random, today)
    _notes(loader, random, profile.records * 4, core)
    _adjustments(loader, random, core)


def _contacts(loader: Loader, random: Random, organizations: Sequence[int]) -> None:
    loader.fill(
        "organization_contacts",
        "organization_id first_name last_name title phone is_primary",
        [
            (
                organization,
                random.choice(people.FIRST_NAMES),
                random.choice(people.LAST_NAMES),
                "Superintendent" if number == 0 else "Office",
                f"(206) 555-{random.randrange(10_000):04}",
                number == 0,
            )
            for organization in organizations
            for number in range(CONTACTS)
        ],
    )


def _grievances(loader: Loader, random: Random, count: int, core: Core, today: date) -> None:
    """One in three is settled, by an amount; each has a meeting for every step before the one it is at."""
    ids = loader.numbers("grievances", count)
    rows: list[Row] = []
    meetings: list[Row] = []
    for identifier in ids:
        number = loader.value("SELECT nextval('grievance_numbers')")
        filed = today - timedelta(days=random.randrange(60, 300))
        member = random.choice(core.members)
        step = random.randrange(len(STEPS))
        settled = random.random() < 1 / 3
        rows.append(
            (
                identifier,
                f"G-{filed.year}-{number:05}",
                member,
                random.choice(core.organizations),
                filed,
                filed - timedelta(days=random.randrange(14)),
                random.choice(ARTICLES),
                random.choice(VIOLATIONS),
                STEPS[step].value,
                GrievanceStatus.SETTLED.value if settled else random.choice(UNSETTLED).value,
                filed + timedelta(days=50) if settled else None,
                random.randrange(50_000, 500_001, 5_000) if settled else None,
            )
        )
        meetings += [
            (identifier, member, held + 1, filed + timedelta(days=14 * (held + 1)), StepOutcome.ADVANCED.value)
            for held in range(step)
        ]
    columns = (
        "id grievance_number member_id employer_id filed_on incident_on contract_article violation current_step status"
        " resolved_on settlement_cents"
    )
    loader.fill("grievances", columns, rows)
    loader.fill("grievance_steps", "grievance_id member_id step_number met_on outcome", meetings)


def _benevolence(loader: Loader, random: Random, number: int, core: Core, today: date) -> None:
    """What is under review has reviews, each by another officer: the more, the more is asked for, or one more."""
    officers = [account.id for account in core.accounts[RoleName.OFFICER]]
    rows: list[Row] = []
    reviews: list[Row] = []
    for identifier in loader.numbers("benevolence_applications", number):
        member = random.choice(core.members)
        applied = today - timedelta(days=random.randrange(10, 120))
        cents = random.randrange(20_000, 300_000, 500)
        status = random.choice(UNDECIDED)
        rows.append(
            (
                identifier,
                member,
                applied,
                random.choice(tuple(BenevolenceReason)).value,
                "Several weeks without work.",
                cents,
                status.value,
            )
        )
        if status is BenevolenceStatus.UNDER_REVIEW:
            count = random.randrange(reviews_needed(cents), reviews_needed(cents) + 2)
            levels = zip(tuple(ReviewLevel)[:count], officers, strict=False)
            reviews += [
                (identifier, member, level.value, random.choice(tuple(ReviewDecision)).value, applied, officer)
                for level, officer in levels
            ]
    columns = "id member_id applied_on reason description amount_requested_cents status"
    loader.fill("benevolence_applications", columns, rows)
    loader.fill("benevolence_reviews", "application_id member_id level decision reviewed_on reviewer_id", reviews)


def _organizing(loader: Loader, random: Random, count: int, core: Core, today: date) -> None:
    rows: list[Row] = []
    for _ in range(count):
        met = random.randrange(1, 40)
        rows.append(
            (
                random.choice(core.members),
                random.choice(core.organizations),
                random.choice(tuple(ActivityType)).value,
                today - timedelta(days=random.randrange(200)),
                random.choice(tuple(ActivityOutcome)).value,
                met,
                random.randrange(met),
            )
        )
    columns = "member_id organization_id activity_type happened_on outcome workers_contacted cards_signed"
    loader.fill("salting_activities", columns, rows)


def _grants(loader: Loader, random: Random, today: date) -> None:
    """Each with expenses and with students who take part."""
    ids = loader.numbers("grants", len(GRANTS))
    start = date(today.year - 1, 7, 1)
    loader.fill(
        "grants",
        "id grant_number name funding_source total_cents starts_on ends_on status target_enrollment",
        [
            (
                number,
                f"WA-{start.year}-{number:03}",
                name,
                "State workforce board",
                25_000_000,
                start,
                None,
                "active",
                40,
            )
            for number, name in zip(ids, GRANTS, strict=True)
        ],
    )
    loader.fill(
        "grant_expenses",
        "grant_id description category amount_cents vendor spent_on",
        [
            (
                grant,
                f"Hand tools, lot {lot + 1}",
                "tools",
                125_000 + 1_000 * lot,
                "Tool supplier",
                start + timedelta(days=30 * lot),
            )
            for grant in ids
            for lot in range(6)
        ],
    )
    students = [identifier for (identifier,) in loader.rows("SELECT id FROM students ORDER BY id LIMIT 120")]
    loader.fill(
        "grant_enrollments",
        "grant_id student_id enrolled_on status placed_on placement_employer",
        [
            (grant, student, start + timedelta(days=30), *_became(random, start))
            for grant in ids
            for student in random.sample(students, min(30, len(students)))
        ],
    )


def _became(random: Random, start: date) -> Row:
    """(status, placed on, placed with) of somebody who took part."""
    status = random.choices(tuple(EnrollmentStatus), weights=(20, 30, 35, 10, 5))[0]
    if status is not EnrollmentStatus.COMPLETED or random.random() < 0.3:
        return status.value, None, None
    return status.value, start + timedelta(days=250), "Cascade Electric"


def _notes(loader: Loader, random: Random, count: int, core: Core) -> None:
    loader.fill(
        "member_notes",
        "member_id author_id body visibility category",
        [
            (
                random.choice(core.members),
                core.staff(number),
                random.choice(MEMOS),
                random.choice(tuple(NoteVisibility)).value,
                random.choice(tuple(NoteCategory)).value,
            )
            for number in range(count)
        ],
    )


def _adjustments(loader: Loader, random: Random, core: Core) -> None:
    """Asked for by staff, so that the demo officer may decide."""
    asked_by = core.accounts[RoleName.STAFF][0].id
    others = [(dues, member) for dues, member in core.dues if member != core.members[0]]
    loader.fill(
        "dues_adjustments",
        "dues_payment_id member_id adjustment_type amount_cents reason requested_by_id request_key",
        [
            (dues, member, "hardship", -1_000, "Laid off in the spring", asked_by, f"seed-{dues}")
            for dues, member in random.sample(others, min(ADJUSTMENTS, len(others)))
        ],
    )
