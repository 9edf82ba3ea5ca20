"""Plain records: contacts, grievances, help, organizing, grants and notes; adjustments that wait for a decision."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

from ip2a.auth.models import RoleName
from ip2a.benevolence.models import BenevolenceReason, BenevolenceStatus
from ip2a.grievances.models import GrievanceStatus, GrievanceStepName
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
GRANTS = ("Pre-apprenticeship", "Safety equipment", "Rural outreach", "Veterans in the trade")
MEMOS = ("Called about the re-sign.", "Prefers to be reached by e-mail.", "Asked for the insurance form.")
ADJUSTMENTS = 8


def fill(loader: Loader, random: Random, profile: Profile, core: Core, today: date) -> None:
    """Everything of this module."""
    _contacts(loader, random, core.organizations)
    _grievances(loader, random, profile.records, core, today)
    _benevolence(loader, random, profile.records, core, today)
    _organizing(loader, random, profile.records, core, today)
    _grants(loader, today)
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
    rows: list[Row] = []
    for _ in range(count):
        number = loader.value("SELECT nextval('grievance_numbers')")
        filed = today - timedelta(days=random.randrange(1, 300))
        rows.append(
            (
                f"G-{filed.year}-{number:05}",
                random.choice(core.members),
                random.choice(core.organizations),
                filed,
                filed - timedelta(days=random.randrange(14)),
                random.choice(ARTICLES),
                random.choice(VIOLATIONS),
                random.choice(tuple(GrievanceStepName)).value,
                random.choice(UNSETTLED).value,
            )
        )
    columns = (
        "grievance_number member_id employer_id filed_on incident_on contract_article violation current_step status"
    )
    loader.fill("grievances", columns, rows)


def _benevolence(loader: Loader, random: Random, count: int, core: Core, today: date) -> None:
    loader.fill(
        "benevolence_applications",
        "member_id applied_on reason description amount_requested_cents status",
        [
            (
                random.choice(core.members),
                today - timedelta(days=random.randrange(120)),
                random.choice(tuple(BenevolenceReason)).value,
                "Several weeks without work.",
                random.randrange(20_000, 300_000, 500),
                random.choice(UNDECIDED).value,
            )
            for _ in range(count)
        ],
    )


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


def _grants(loader: Loader, today: date) -> None:
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
