"""How much is made up for each profile of `ip2a-app seed`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """Sizes of a data set: rows, except where it says otherwise.

    `employments` is the most likely number a member, between 1 and `employments_most`. `trail` asks for that many
    records in the audit trail and for loading past its triggers, which only the tables' owner may.
    """

    name: str
    members: int
    organizations: int
    employments: float
    employments_most: int
    months: int  # of dues
    months_paid: int  # of them, newest, with their payments and receipts
    staff: int  # accounts beside the seven demo log-ins
    instructors: int
    applicants: int
    registrations: int
    activities: int  # a registration, on average
    labor_requests: int
    bids: int
    dispatches: int
    days: int  # of referral history
    students: int
    courses: int
    class_sessions: int
    records: int  # of grievances; the other plain records follow
    trail: int = 0


DEMO = Profile(
    name="demo",
    members=300,
    organizations=40,
    employments=5,
    employments_most=12,
    months=24,
    months_paid=24,
    staff=3,
    instructors=2,
    applicants=12,
    registrations=140,
    activities=3,
    labor_requests=60,
    bids=120,
    dispatches=150,
    days=90,
    students=60,
    courses=8,
    class_sessions=48,
    records=24,
)
LOCAL = Profile(
    name="local",
    members=4_000,
    organizations=843,
    employments=6,
    employments_most=20,
    months=12,
    months_paid=12,
    staff=40,
    instructors=10,
    applicants=100,
    registrations=4_000,
    activities=4,
    labor_requests=600,
    bids=2_000,
    dispatches=1_500,
    days=180,
    students=300,
    courses=20,
    class_sessions=200,
    records=120,
)
LARGE = Profile(
    name="large",
    members=10_000,
    organizations=750,
    employments=29.2,
    employments_most=100,
    months=36,
    months_paid=12,
    staff=40,
    instructors=10,
    applicants=100,
    registrations=4_000,
    activities=5,
    labor_requests=3_000,
    bids=40_000,
    dispatches=24_000,
    days=1_095,
    students=1_000,
    courses=20,
    class_sessions=1_200,
    records=200,
    trail=1_000_000,
)
PROFILES = {profile.name: profile for profile in (DEMO, LOCAL, LARGE)}
