"""The local's rules of referral, with their numbers (effective October 2024). Pure: facts and a time in, decisions out.

Times of day are Pacific time whatever the season; instants are UTC-aware.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from ip2a.dispatches.models import TermReason
from ip2a.labor_requests.models import NoCheckMarkReason
from ip2a.referrals.models import RegistrationStatus, RollOffReason

LOCAL_TIME = ZoneInfo("America/Los_Angeles")

BIDDING_OPENS = time(17, 30)
BIDDING_CLOSES = time(7, 0)
CHECK_IN_BY = time(15, 0)
REQUEST_CUT_OFF = time(15, 0)
EARLY_START = time(6, 0)

REMIND_BEFORE = timedelta(days=7)
RECENT = timedelta(days=30)  # dispatches that say how fast a book moves
EXEMPTION = timedelta(days=180)
GRACE_AFTER_EXEMPTION = timedelta(days=7)
SHORT_CALL_DAYS = 10  # business days at most
UNCOUNTED_SHORT_CALL_DAYS = 3
SHORT_CALL_RESTORATIONS = 2  # per registration
REJECTIONS_WINDOW = timedelta(days=365)
BIDDING_SUSPENSION = timedelta(days=365)
EMPLOYER_RESTRICTION = timedelta(days=14)
WEEKS_PER_MONTH = 4.3
SATURDAY = 5
RE_REGISTER_AFTER = frozenset(
    {TermReason.SHORT_CALL_END, TermReason.UNDER_SCALE, TermReason.NINETY_DAY_RULE, TermReason.TURNAROUND}
)


def local(moment: datetime) -> datetime:
    """The instant on the local's clock."""
    return moment.astimezone(LOCAL_TIME)


def bidding_is_open(now: datetime) -> bool:
    """Bids are taken from 17:30 to 07:00."""
    clock = local(now).time()
    return clock >= BIDDING_OPENS or clock < BIDDING_CLOSES


def bidding_opens_next(now: datetime) -> datetime:
    """When bidding opens the next time; only asked while it is closed."""
    return datetime.combine(local(now).date(), BIDDING_OPENS, LOCAL_TIME)


def next_business_day(day: date) -> date:
    """The next Monday to Friday after `day`."""
    following = day + timedelta(days=1)
    while following.weekday() >= SATURDAY:
        following += timedelta(days=1)
    return following


def referral_day(requested_at: datetime) -> date:
    """The morning a request is called: the next business day when it came by 15:00 of one, else the one after."""
    moment = local(requested_at)
    first = next_business_day(moment.date())
    too_late = moment.time() > REQUEST_CUT_OFF and moment.weekday() < SATURDAY
    return next_business_day(first) if too_late else first


def check_in_deadline(start: date, dispatched_at: datetime) -> datetime:
    """15:00 of the day of dispatch, or of the first day of work when that is later."""
    return datetime.combine(max(start, local(dispatched_at).date()), CHECK_IN_BY, LOCAL_TIME)


def no_check_mark_reason(
    stated: NoCheckMarkReason | None, start: time, *, is_short_call: bool
) -> NoCheckMarkReason | None:
    """Why not taking the job costs no check mark, or None when it does: what the job is by itself, then what is
    `stated` of it. Text that describes the job decides nothing.
    """
    if is_short_call:
        return NoCheckMarkReason.SHORT_CALL
    return NoCheckMarkReason.EARLY_START if start < EARLY_START else stated


def bidding_suspended_until(rejections: Sequence[datetime], now: datetime) -> datetime | None:
    """The end of a suspension: a second job turned down within 365 days of another suspends for a year."""
    ordered = sorted(rejections)
    pairs = pairwise(ordered)
    ends = [later + BIDDING_SUSPENSION for earlier, later in pairs if later - earlier <= REJECTIONS_WINDOW]
    return ends[-1] if ends and ends[-1] > now else None


@dataclass(frozen=True, slots=True)
class Ending:
    """What the end of a job does to the member's place: `restore` it (and whether that `counts` against the two),
    or roll off every book, with or without a restriction towards the employer.
    """

    restore: bool = False
    counts: bool = False
    roll_off: RollOffReason | None = None
    restricted_until: date | None = None


def ending(reason: TermReason, *, is_short_call: bool, days_worked: int, restorations: int, ended_on: date) -> Ending:
    """The consequence of a job that ended.

    A short call of up to ten business days gives the place back, twice; up to three days do not count.
    """
    if reason in {TermReason.QUIT, TermReason.FIRED}:
        why = RollOffReason.QUIT if reason is TermReason.QUIT else RollOffReason.DISCHARGED
        return Ending(roll_off=why, restricted_until=ended_on + EMPLOYER_RESTRICTION)
    if not is_short_call or days_worked > SHORT_CALL_DAYS:
        return Ending()
    if days_worked <= UNCOUNTED_SHORT_CALL_DAYS:
        return Ending(restore=True)
    return Ending(restore=restorations < SHORT_CALL_RESTORATIONS, counts=restorations < SHORT_CALL_RESTORATIONS)


def re_register_by(reason: TermReason, *, is_short_call: bool, ended_on: date, today: date) -> date | None:
    """The last day to register again, or None where the member need not: after a short call, under scale, the 90-day
    rule and a turnaround it is the working day after the job, or after `today` when the office hears of it later.

    A quit or discharge takes the places away by itself.
    """
    if reason in {TermReason.QUIT, TermReason.FIRED} or not (is_short_call or reason in RE_REGISTER_AFTER):
        return None
    return next_business_day(max(ended_on, today))


class Confidence(StrEnum):
    """How much a wait estimate is worth."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class WaitEstimate:
    """Weeks until the position is called; None when nothing was dispatched lately."""

    weeks: float | None
    confidence: Confidence


def wait_estimate(position: int, dispatches_in_30_days: int) -> WaitEstimate:
    """Position over dispatches a week of the last 30 days."""
    confidence = Confidence.LOW
    if dispatches_in_30_days >= 5:
        confidence = Confidence.MEDIUM
    if dispatches_in_30_days >= 20:
        confidence = Confidence.HIGH
    if dispatches_in_30_days == 0:
        return WaitEstimate(None, confidence)
    return WaitEstimate(round(position / (dispatches_in_30_days / WEEKS_PER_MONTH), 1), confidence)


class Enforcement(StrEnum):
    """What the nightly job does to a registration."""

    ROLL_OFF = "roll_off"
    END_EXEMPTION = "end_exemption"
    REMIND = "remind"


@dataclass(frozen=True, slots=True)
class Standing:
    """What enforcement needs to know of a registration."""

    registration_id: int
    status: RegistrationStatus
    re_sign_deadline: datetime
    grace_days: int
    exempt_until: date | None
    reminded: bool = False  # of this deadline


def enforcement(standing: Standing, now: datetime) -> Enforcement | None:
    """Roll off three days after a missed re-sign, end exemptions that ran out, remind once seven days ahead."""
    if standing.status is RegistrationStatus.EXEMPT:
        over = standing.exempt_until is not None and standing.exempt_until < local(now).date()
        return Enforcement.END_EXEMPTION if over else None
    if standing.status is not RegistrationStatus.REGISTERED:
        return None
    if now > standing.re_sign_deadline + timedelta(days=standing.grace_days):
        return Enforcement.ROLL_OFF
    due = now >= standing.re_sign_deadline - REMIND_BEFORE and not standing.reminded
    return Enforcement.REMIND if due else None
