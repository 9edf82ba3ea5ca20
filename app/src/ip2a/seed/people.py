"""Makes up members, employers and their history: pure, from a random generator and a date.

The same generator state and date give the same people.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from ip2a.dues.models import DuesStatus
from ip2a.members.models import MemberClassification, MemberStatus

FIRST_NAMES = (
    "Alice",
    "Ben",
    "Carla",
    "Diego",
    "Elena",
    "Frank",
    "Grace",
    "Hector",
    "Irene",
    "Jamal",
    "Karen",
    "Luis",
    "Maya",
    "Noah",
    "Olga",
    "Pedro",
    "Quinn",
    "Rosa",
    "Sam",
    "Tanya",
    "Umar",
    "Vera",
    "Will",
    "Ximena",
    "Yusuf",
    "Zoe",
    "Amir",
    "Bianca",
    "Cole",
    "Dana",
    "Eli",
    "Fatima",
    "Gus",
    "Hana",
    "Ivan",
    "Joy",
    "Kofi",
    "Lena",
    "Marco",
    "Nina",
)
LAST_NAMES = (
    "Adams",
    "Baker",
    "Castillo",
    "Dawson",
    "Evans",
    "Fischer",
    "Garcia",
    "Hughes",
    "Ibrahim",
    "Jensen",
    "Kowalski",
    "Larsen",
    "Morales",
    "Nguyen",
    "Olsen",
    "Peterson",
    "Quist",
    "Ramirez",
    "Schmidt",
    "Torres",
    "Ueda",
    "Vance",
    "Walker",
    "Xiong",
    "Young",
    "Zimmer",
    "Brooks",
    "Carver",
    "Duarte",
    "Ellis",
    "Foster",
    "Grant",
    "Holt",
    "Irwin",
    "Jacobs",
    "Keller",
    "Lindgren",
    "Mercer",
    "Novak",
    "Ortega",
)
STREETS = (
    "Alder",
    "Birch",
    "Cedar",
    "Dogwood",
    "Elm",
    "Fir",
    "Hawthorn",
    "Juniper",
    "Madrona",
    "Pine",
    "Spruce",
    "Willow",
)
CITIES = (
    ("Kent", "98032"),
    ("Seattle", "98108"),
    ("Renton", "98057"),
    ("Bremerton", "98310"),
    ("Tacoma", "98402"),
    ("Port Angeles", "98362"),
)
EMPLOYER_WORDS = (
    "Cascade",
    "Evergreen",
    "Harbor",
    "Olympic",
    "Puget",
    "Rainier",
    "Sound",
    "Summit",
    "Tidewater",
    "Union",
)
EMPLOYER_TRADES = ("Electric", "Power Systems", "Controls", "Wiring", "Lighting")
JOB_TITLES = ("Inside wireperson", "Foreperson", "Apprentice", "Technician", "Sound installer")

CLASSIFICATION_WEIGHTS = {
    MemberClassification.APPRENTICE_1: 10,
    MemberClassification.APPRENTICE_2: 10,
    MemberClassification.APPRENTICE_3: 8,
    MemberClassification.APPRENTICE_4: 7,
    MemberClassification.APPRENTICE_5: 5,
    MemberClassification.JOURNEYMAN: 40,
    MemberClassification.FOREMAN: 12,
    MemberClassification.RETIREE: 5,
    MemberClassification.HONORARY: 3,
}
MONTHLY_CENTS = {
    MemberClassification.APPRENTICE_1: 3500,
    MemberClassification.APPRENTICE_2: 4000,
    MemberClassification.APPRENTICE_3: 4500,
    MemberClassification.APPRENTICE_4: 5000,
    MemberClassification.APPRENTICE_5: 5500,
    MemberClassification.JOURNEYMAN: 7500,
    MemberClassification.FOREMAN: 8500,
    MemberClassification.RETIREE: 2500,
    MemberClassification.HONORARY: 0,
}


SMALLEST_OPEN_CENTS = 1_200  # what an adjustment may still take off
LONGEST_JOB, SHORTEST_JOB, WORKING_DAYS = 700, 30, 20 * 365  # days


@dataclass(frozen=True, slots=True)
class SeedMember:
    """A made-up member."""

    member_number: str
    first_name: str
    last_name: str
    address: str
    city: str
    zip_code: str
    phone: str | None
    email: str | None
    hire_date: date
    status: MemberStatus
    classification: MemberClassification


@dataclass(frozen=True, slots=True)
class SeedEmployment:
    """A made-up job; the employer is an index into the employers."""

    employer: int
    start_date: date
    end_date: date | None
    job_title: str
    hourly_rate_cents: int | None


@dataclass(frozen=True, slots=True)
class SeedDues:
    """What a made-up member owes and paid for one month, in cents."""

    amount_due_cents: int
    amount_paid_cents: int
    status: DuesStatus


def employers(count: int) -> list[tuple[str, str]]:
    """(name, city) of made-up employers."""
    names = [f"{word} {trade}" for trade in EMPLOYER_TRADES for word in EMPLOYER_WORDS]
    return [
        (
            names[index % len(names)] + (f" {index // len(names) + 1}" if index >= len(names) else ""),
            CITIES[index % len(CITIES)][0],
        )
        for index in range(count)
    ]


def member(random: Random, number: int, today: date) -> SeedMember:
    """The member with this number."""
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    city, zip_code = random.choice(CITIES)
    classification = random.choices(tuple(CLASSIFICATION_WEIGHTS), weights=tuple(CLASSIFICATION_WEIGHTS.values()))[0]
    active = random.random() < 0.88
    inactive = MemberStatus.RETIRED if classification is MemberClassification.RETIREE else MemberStatus.INACTIVE
    return SeedMember(
        member_number=f"{number}",
        first_name=first,
        last_name=last,
        address=f"{random.randint(100, 9999)} {random.choice(STREETS)} St",
        city=city,
        zip_code=zip_code,
        phone=f"(206) 555-{random.randint(0, 9999):04}" if random.random() < 0.85 else None,
        email=f"{first}.{last}.{number}@mail.example".lower() if random.random() < 0.65 else None,
        hire_date=today - timedelta(days=random.randint(30, 9000)),
        status=MemberStatus.ACTIVE if active else inactive,
        classification=classification,
    )


def employments(random: Random, count: int, employer_count: int, today: date) -> list[SeedEmployment]:
    """Jobs one after the other, newest first, in twenty years or so; two of three members have a current one."""
    jobs: list[SeedEmployment] = []
    longest = min(LONGEST_JOB, max(SHORTEST_JOB + 1, 2 * WORKING_DAYS // max(count, 1)))
    end: date | None = None if random.random() < 0.65 else today - timedelta(days=random.randint(1, 60))
    for _ in range(count):
        start = (end or today) - timedelta(days=random.randint(SHORTEST_JOB, longest))
        jobs.append(
            SeedEmployment(
                employer=random.randrange(employer_count),
                start_date=start,
                end_date=end,
                job_title=random.choice(JOB_TITLES),
                hourly_rate_cents=random.randint(1800, 7599) if random.random() < 0.75 else None,
            )
        )
        end = start - timedelta(days=random.randint(1, 40))
    return jobs


def dues(random: Random, amount_cents: int, age_months: int) -> SeedDues:
    """Dues that fell due `age_months` months ago: old ones mostly paid, those of this month mostly open."""
    if amount_cents == 0:
        return SeedDues(0, 0, DuesStatus.WAIVED)
    chance = random.random()
    if age_months == 0:
        return _paid(amount_cents) if chance < 0.4 else SeedDues(amount_cents, 0, DuesStatus.DUE)
    if chance < 0.9:
        return _paid(amount_cents)
    if chance < 0.95:
        return SeedDues(amount_cents, amount_cents // 2, DuesStatus.PARTIAL)
    return SeedDues(amount_cents, 0, DuesStatus.OVERDUE)


def _paid(amount_cents: int) -> SeedDues:
    return SeedDues(amount_cents, amount_cents, DuesStatus.PAID)
