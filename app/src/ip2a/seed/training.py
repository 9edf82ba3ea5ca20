"""Students, courses and what happens in them; applications for training."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from ip2a.applications.models import ApplicationStatus
from ip2a.auth.models import RoleName
from ip2a.seed import people
from ip2a.seed.core import Core
from ip2a.seed.loading import Loader, Row
from ip2a.seed.profiles import Profile
from ip2a.training.models import AttendanceStatus, CertificationType, EnrollmentStatus, GradeType, StudentStatus

COURSES = (
    ("Basic Electricity", "core", 80),
    ("Conduit Bending", "core", 60),
    ("Blueprint Reading", "core", 40),
    ("Trade Mathematics", "remedial", 40),
    ("Motor Controls", "advanced", 80),
    ("Fire Alarm Systems", "elective", 60),
    ("Solar Installation", "elective", 40),
    ("OSHA 10 Safety", "certification", 10),
    ("OSHA 30 Safety", "certification", 30),
    ("First Aid and CPR", "certification", 8),
)
LOCATIONS = (
    ("KENT", "Training center Kent", "training_site", "Kent"),
    ("RENTON", "Renton hall", "school", "Renton"),
    ("BREM", "Bremerton hall", "school", "Bremerton"),
)
TOOLS = ("Conduit bender 1/2 in", "Multimeter", "Cordless drill", "Cable puller")
YEAR = timedelta(days=365)
COHORT_SIZE = 20
COURSES_A_COHORT = 3
GRADES = (GradeType.ASSIGNMENT, GradeType.QUIZ, GradeType.EXAM, GradeType.PROJECT)
LIFETIME = timedelta(days=3 * 365)  # of a certificate
UNDECIDED = (
    ApplicationStatus.SUBMITTED,
    ApplicationStatus.UNDER_REVIEW,
    ApplicationStatus.INTERVIEW_SCHEDULED,
    ApplicationStatus.INTERVIEWED,
    ApplicationStatus.WAITLISTED,
)
SCORED = frozenset({ApplicationStatus.INTERVIEWED, ApplicationStatus.WAITLISTED})
INVITED = SCORED | {ApplicationStatus.INTERVIEW_SCHEDULED}


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A student in a course with a cohort."""

    id: int
    student: int
    course: int
    cohort: str


def fill(loader: Loader, random: Random, profile: Profile, core: Core, today: date) -> None:
    """Everything of this module; the demo member is a student of the first cohort."""
    students = _students(loader, random, profile, core)
    courses = _courses(loader, profile)
    enrolled = _enrollments(loader, students, courses)
    teaching = _teaching(loader, random, core, sorted({each.cohort for each in enrolled}), today)
    _tools(loader, random, students, today)
    _classes(loader, random, profile, enrolled, teaching=teaching, today=today)
    _certifications(loader, random, students, today)
    _applications(loader, random, core, today)


def _cohort(number: int) -> str:
    return f"2026-{number // COHORT_SIZE + 1:02}"


def _students(loader: Loader, random: Random, profile: Profile, core: Core) -> list[int]:
    ids = loader.numbers("students", profile.students)
    members = dict(
        (identifier, (first, last))
        for identifier, first, last in loader.rows(
            "SELECT id, first_name, last_name FROM members WHERE id = ANY(%s)",
            [core.members[0], *random.sample(core.members[1:], profile.students // 2)],
        )
    )
    numbers = loader.rows("SELECT nextval('student_numbers') FROM generate_series(1, %s)", profile.students)
    owners: list[int | None] = [*members, *[None] * profile.students][: profile.students]
    rows: list[Row] = []
    for identifier, owner, (number,) in zip(ids, owners, numbers, strict=True):
        stranger = (random.choice(people.FIRST_NAMES), random.choice(people.LAST_NAMES))
        first, last = stranger if owner is None else members[owner]
        status = StudentStatus.ENROLLED if random.random() < 0.9 else StudentStatus.ON_LEAVE
        rows.append((identifier, f"S{number:06}", owner, first, last, status.value, _cohort(len(rows))))
    loader.fill("students", "id student_number member_id first_name last_name status cohort", rows)
    return ids


def _courses(loader: Loader, profile: Profile) -> list[int]:
    ids = loader.numbers("courses", profile.courses)
    rows: list[Row] = []
    for number, identifier in enumerate(ids):
        name, kind, hours = COURSES[number % len(COURSES)]
        level = number // len(COURSES) + 1
        rows.append((identifier, f"EL{100 * level + number % len(COURSES)}", f"{name} {level}", kind, hours))
    loader.fill("courses", "id code name course_type hours", rows)
    return ids


def _enrollments(loader: Loader, students: Sequence[int], courses: Sequence[int]) -> list[Enrolled]:
    ids = iter(loader.numbers("enrollments", len(students) * COURSES_A_COHORT))
    enrolled = [
        Enrolled(next(ids), student, courses[(number // COHORT_SIZE + course) % len(courses)], _cohort(number))
        for number, student in enumerate(students)
        for course in range(COURSES_A_COHORT)
    ]
    loader.fill(
        "enrollments",
        "id student_id course_id cohort status",
        [(each.id, each.student, each.course, each.cohort, EnrollmentStatus.ENROLLED.value) for each in enrolled],
    )
    return enrolled


@dataclass(frozen=True, slots=True)
class Teaching:
    """Who teaches where."""

    locations: Sequence[int]
    instructors: Sequence[int]


def _teaching(loader: Loader, random: Random, core: Core, cohorts: Sequence[str], today: date) -> Teaching:
    """A record for each account that teaches, the demo one's first; cohorts with who teaches them; a month of hours."""
    locations = loader.numbers("locations", len(LOCATIONS))
    loader.fill(
        "locations",
        "id code name location_type city state capacity",
        [(identifier, *place, "WA", 24) for identifier, place in zip(locations, LOCATIONS, strict=True)],
    )
    accounts = core.accounts[RoleName.INSTRUCTOR]
    addresses = dict(
        loader.rows("SELECT id, email FROM users WHERE id = ANY(%s)", [account.id for account in accounts])
    )
    instructors = loader.numbers("instructors", len(accounts))
    loader.fill(
        "instructors",
        "id first_name last_name email phone certification is_contractor",
        [
            (
                identifier,
                account.first_name,
                account.last_name,
                addresses[account.id],
                f"(206) 555-{random.randrange(10_000):04}",
                "Journey-level electrician",
                number % 3 == 2,
            )
            for number, (identifier, account) in enumerate(zip(instructors, accounts, strict=True))
        ],
    )
    ids = loader.numbers("cohorts", len(cohorts))
    starts = today - timedelta(days=60)
    loader.fill(
        "cohorts",
        "id code name status starts_on ends_on location_id max_students",
        [
            (
                identifier,
                code,
                f"Cohort {code}",
                "active",
                starts,
                starts + YEAR,
                locations[number % 3],
                COHORT_SIZE + 4,
            )
            for number, (identifier, code) in enumerate(zip(ids, cohorts, strict=True))
        ],
    )
    loader.fill(
        "cohort_instructors",
        "cohort_id instructor_id is_primary",
        [(identifier, instructors[number % len(instructors)], True) for number, identifier in enumerate(ids)],
    )
    loader.fill(
        "instructor_hours",
        "instructor_id cohort_id location_id worked_on hours prep_hours paid_on",
        [
            (
                instructors[number % len(instructors)],
                identifier,
                locations[number % 3],
                day,
                Decimal(random.choice((3, 4))),
                Decimal(random.choice((0, 1))),
                today if week > 2 else None,
            )
            for number, identifier in enumerate(ids)
            for week in range(1, 5)
            for day in (today - timedelta(days=7 * week),)
        ],
    )
    return Teaching(locations, instructors)


def _tools(loader: Loader, random: Random, students: Sequence[int], today: date) -> None:
    """One for every second student; some are back."""
    rows: list[Row] = []
    for number, student in enumerate(students[::2]):
        issued = today - timedelta(days=random.randrange(20, 90))
        back = number % 4 == 3
        condition = random.choice(("good", "good", "worn", "damaged")) if back else None
        rows.append(
            (student, TOOLS[number % len(TOOLS)], f"T-{student:05}", 4500, issued, today if back else None, condition)
        )
    loader.fill(
        "tool_loans",
        "student_id tool_name serial_number value_cents issued_on returned_on return_condition",
        rows,
    )


def _classes(
    loader: Loader,
    random: Random,
    profile: Profile,
    enrolled: Sequence[Enrolled],
    *,
    teaching: Teaching,
    today: date,
) -> None:
    """Meetings around today, some of them still to come; attendance and grades of those that were."""
    groups: dict[tuple[int, str], list[Enrolled]] = {}
    for each in enrolled:
        groups.setdefault((each.course, each.cohort), []).append(each)
    keys = list(groups)
    sessions: list[Row] = []
    attendances: list[Row] = []
    for number, identifier in enumerate(loader.numbers("class_sessions", profile.class_sessions)):
        course, cohort = keys[number % len(keys)]
        day = today + timedelta(days=7 * (1 - number // len(keys)) + number % 5 - 2)
        start = time(17) if number % 2 else time(8)
        end = time(20) if number % 2 else time(12)
        topic, room = f"Unit {number // len(keys) + 1}", f"Room {number % 6 + 1}"
        teacher, place = (each[number % len(each)] for each in (teaching.instructors, teaching.locations))
        sessions.append((identifier, course, cohort, day, start, end, topic, room, teacher, place))
        if day < today:
            statuses = random.choices(tuple(AttendanceStatus), weights=(85, 5, 4, 4, 2), k=len(groups[course, cohort]))
            attendances += [
                (identifier, each.student, status.value)
                for each, status in zip(groups[course, cohort], statuses, strict=True)
            ]
    loader.fill(
        "class_sessions",
        "id course_id cohort session_date start_time end_time topic room instructor_id location_id",
        sessions,
    )
    loader.fill("attendances", "class_session_id student_id status", attendances)
    loader.fill(
        "grades",
        "enrollment_id grade_type name points_earned points_possible weight",
        [
            (each.id, kind.value, f"{kind.value.capitalize()} 1", Decimal(random.randrange(55, 101)), 100, 1)
            for each in enrolled
            for kind in GRADES[: random.randrange(len(GRADES) + 1)]
        ],
    )


def _certifications(loader: Loader, random: Random, students: Sequence[int], today: date) -> None:
    """Two a student, some of them about to expire."""
    kinds = [kind for kind in CertificationType if kind is not CertificationType.OTHER]
    rows: list[Row] = []
    for student in students:
        for kind in random.sample(kinds, 2):
            issued = today - timedelta(days=random.randrange(10, LIFETIME.days + 30))
            expires = None if kind is CertificationType.OSHA_10 else issued + LIFETIME
            rows.append((student, kind.value, f"C-{student:05}-{kind.value[:3].upper()}", issued, expires))
    loader.fill("certifications", "student_id certification_type certificate_number issued_on expires_on", rows)


def _applications(loader: Loader, random: Random, core: Core, today: date) -> None:
    """One an applicant; the demo applicant's is a draft."""
    rows: list[Row] = []
    for number, account in enumerate(core.accounts[RoleName.APPLICANT]):
        status = ApplicationStatus.DRAFT if number == 0 else UNDECIDED[number % len(UNDECIDED)]
        submitted = datetime.combine(today - timedelta(days=random.randrange(3, 60)), time(18), UTC)
        rows.append(
            (
                account.id,
                status.value,
                account.first_name,
                account.last_name,
                f"(206) 555-{random.randrange(10_000):04}",
                random.choice(people.CITIES)[0],
                "High school diploma, one year of algebra",
                "Two summers as a material handler",
                None if number == 0 else submitted,
                today + timedelta(days=random.randrange(-5, 20)) if status in INVITED else None,
                Decimal(random.randrange(550, 980)) / 10 if status in SCORED else None,
            )
        )
    loader.fill(
        "applications",
        "user_id status first_name last_name phone city education experience submitted_at interview_on score",
        rows,
    )
