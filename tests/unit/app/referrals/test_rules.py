"""The referral rules of the local, case by case; times are written in Pacific time."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ip2a.dispatches.models import TermReason
from ip2a.labor_requests.models import NoCheckMarkReason, StatedReason
from ip2a.referrals import rules
from ip2a.referrals.models import RegistrationStatus, RollOffReason
from ip2a.referrals.rules import Confidence, Ending, Enforcement, Standing, WaitEstimate


def pacific(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=rules.LOCAL_TIME).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-01-15 17:29:59", False),
        ("2026-01-15 17:30:00", True),
        ("2026-01-15 23:59:59", True),
        ("2026-01-16 06:59:59", True),
        ("2026-01-16 07:00:00", False),
        ("2026-07-15 17:29:59", False),
        ("2026-07-15 17:30:00", True),
        ("2026-07-16 07:00:00", False),
        ("2026-03-08 03:30:00", True),
        ("2026-07-16 12:00:00", False),
    ],
)
def test_bidding_from_half_past_five_to_seven_local_time(moment: str, is_open: bool) -> None:
    assert rules.bidding_is_open(pacific(moment)) is is_open


def test_bidding_is_not_decided_by_utc() -> None:
    assert not rules.bidding_is_open(datetime(2026, 1, 15, 17, 30, tzinfo=UTC))  # 09:30 in Seattle
    assert rules.bidding_opens_next(pacific("2026-07-16 12:00:00")) == pacific("2026-07-16 17:30:00")


@pytest.mark.parametrize(
    ("requested", "day"),
    [
        ("2026-11-18 08:00:00", "2026-11-19"),  # Wednesday
        ("2026-11-18 15:00:00", "2026-11-19"),
        ("2026-11-18 15:00:01", "2026-11-20"),
        ("2026-11-19 16:00:00", "2026-11-23"),  # Thursday past the cut-off: Monday
        ("2026-11-20 14:00:00", "2026-11-23"),  # Friday in time
        ("2026-11-20 16:00:00", "2026-11-24"),  # Friday too late
        ("2026-11-21 16:00:00", "2026-11-23"),  # Saturday
        ("2026-11-22 23:00:00", "2026-11-23"),  # Sunday
    ],
)
def test_requests_by_three_are_called_the_next_business_morning(requested: str, day: str) -> None:
    assert rules.referral_day(pacific(requested)) == date.fromisoformat(day)


def test_check_in_by_three_of_the_first_day() -> None:
    dispatched = pacific("2026-11-23 08:45:00")
    assert rules.check_in_deadline(date(2026, 11, 23), dispatched) == pacific("2026-11-23 15:00:00")
    assert rules.check_in_deadline(date(2026, 11, 25), dispatched) == pacific("2026-11-25 15:00:00")
    assert rules.check_in_deadline(date(2026, 11, 20), dispatched) == pacific("2026-11-23 15:00:00")


@pytest.mark.parametrize(
    ("stated", "start", "short", "reason"),
    [
        (None, time(7), False, None),
        (None, time(6, 0), False, None),
        (None, time(5, 59), False, NoCheckMarkReason.EARLY_START),
        (None, time(7), True, NoCheckMarkReason.SHORT_CALL),
        (None, time(5), True, NoCheckMarkReason.SHORT_CALL),
        (NoCheckMarkReason.SPECIALTY, time(7), False, NoCheckMarkReason.SPECIALTY),
        (NoCheckMarkReason.MOU_JOBSITE, time(7), False, NoCheckMarkReason.MOU_JOBSITE),
        (NoCheckMarkReason.UNDER_SCALE, time(7), False, NoCheckMarkReason.UNDER_SCALE),
        (NoCheckMarkReason.VARIOUS_LOCATION, time(7), False, NoCheckMarkReason.VARIOUS_LOCATION),
        (NoCheckMarkReason.EMPLOYER_REJECTION, time(7), False, NoCheckMarkReason.EMPLOYER_REJECTION),
        (NoCheckMarkReason.SPECIALTY, time(5), False, NoCheckMarkReason.EARLY_START),
        (NoCheckMarkReason.SPECIALTY, time(7), True, NoCheckMarkReason.SHORT_CALL),
    ],
)
def test_jobs_that_cost_no_check_mark(
    stated: NoCheckMarkReason | None, start: time, short: bool, reason: NoCheckMarkReason | None
) -> None:
    assert rules.no_check_mark_reason(stated, start, is_short_call=short) == reason


def test_the_office_may_state_every_reason_that_is_not_known_by_itself() -> None:
    known = {NoCheckMarkReason.SHORT_CALL, NoCheckMarkReason.EARLY_START}
    assert {reason.value for reason in StatedReason} == {reason.value for reason in NoCheckMarkReason} - known


NOON = pacific("2026-11-22 12:00:00")


@pytest.mark.parametrize(
    ("days_ago", "suspended_for_days"),
    [
        ([], None),
        ([10], None),
        ([400, 10], None),
        ([375, 10], 355),
        ([376, 10], None),
        ([100, 10], 355),
        ([700, 400], None),
        ([500, 364], 1),
        ([500, 365], None),
        ([600, 350, 5], 360),
    ],
)
def test_the_second_job_turned_down_within_a_year_suspends(days_ago: list[int], suspended_for_days: int | None) -> None:
    until = rules.bidding_suspended_until([NOON - timedelta(days=days) for days in days_ago], NOON)
    assert until == (None if suspended_for_days is None else NOON + timedelta(days=suspended_for_days))


FRIDAY = date(2026, 11, 20)
TWO_WEEKS = date(2026, 12, 4)


@pytest.mark.parametrize(
    ("reason", "short", "days", "restorations", "expected"),
    [
        (TermReason.QUIT, False, 30, 0, Ending(roll_off=RollOffReason.QUIT, restricted_until=TWO_WEEKS)),
        (TermReason.QUIT, True, 2, 0, Ending(roll_off=RollOffReason.QUIT, restricted_until=TWO_WEEKS)),
        (TermReason.FIRED, False, 1, 0, Ending(roll_off=RollOffReason.DISCHARGED, restricted_until=TWO_WEEKS)),
        (TermReason.RIF, False, 30, 0, Ending()),
        (TermReason.SHORT_CALL_END, True, 3, 2, Ending(restore=True)),
        (TermReason.SHORT_CALL_END, True, 4, 0, Ending(restore=True, counts=True)),
        (TermReason.SHORT_CALL_END, True, 10, 1, Ending(restore=True, counts=True)),
        (TermReason.SHORT_CALL_END, True, 10, 2, Ending()),
        (TermReason.SHORT_CALL_END, True, 11, 0, Ending()),
        (TermReason.LAID_OFF, True, 5, 0, Ending(restore=True, counts=True)),
    ],
)
def test_what_the_end_of_a_job_does(
    reason: TermReason, short: bool, days: int, restorations: int, expected: Ending
) -> None:
    given_ending = rules.ending(
        reason, is_short_call=short, days_worked=days, restorations=restorations, ended_on=FRIDAY
    )
    assert given_ending == expected


@pytest.mark.parametrize(
    ("reason", "short", "ended", "today", "by"),
    [
        (TermReason.SHORT_CALL_END, True, "2026-11-17", "2026-11-17", "2026-11-18"),  # Tuesday
        (TermReason.LAID_OFF, True, "2026-11-17", "2026-11-17", "2026-11-18"),  # from a short call, whatever the reason
        (TermReason.UNDER_SCALE, False, "2026-11-19", "2026-11-19", "2026-11-20"),  # Thursday
        (TermReason.NINETY_DAY_RULE, False, "2026-11-20", "2026-11-20", "2026-11-23"),  # Friday: Monday
        (TermReason.TURNAROUND, False, "2026-11-21", "2026-11-20", "2026-11-23"),  # Saturday
        (TermReason.TURNAROUND, False, "2026-11-22", "2026-11-22", "2026-11-23"),  # Sunday
        (TermReason.TURNAROUND, False, "2026-11-10", "2026-11-20", "2026-11-23"),  # the office hears of it late
        (TermReason.TURNAROUND, False, "2026-11-25", "2026-11-20", "2026-11-26"),  # announced
        (TermReason.RIF, False, "2026-11-17", "2026-11-17", None),
        (TermReason.LAID_OFF, False, "2026-11-17", "2026-11-17", None),
        (TermReason.CONTRACT_END, False, "2026-11-17", "2026-11-17", None),
        (TermReason.QUIT, True, "2026-11-17", "2026-11-17", None),
        (TermReason.FIRED, False, "2026-11-17", "2026-11-17", None),
    ],
)
def test_who_has_to_register_again_and_until_when(
    reason: TermReason, short: bool, ended: str, today: str, by: str | None
) -> None:
    last = rules.re_register_by(
        reason, is_short_call=short, ended_on=date.fromisoformat(ended), today=date.fromisoformat(today)
    )
    assert last == (None if by is None else date.fromisoformat(by))


@pytest.mark.parametrize(
    ("position", "dispatches", "expected"),
    [
        (1, 0, WaitEstimate(None, Confidence.LOW)),
        (10, 4, WaitEstimate(10.8, Confidence.LOW)),
        (10, 5, WaitEstimate(8.6, Confidence.MEDIUM)),
        (100, 20, WaitEstimate(21.5, Confidence.HIGH)),
        (1, 43, WaitEstimate(0.1, Confidence.HIGH)),
    ],
)
def test_waiting_weeks(position: int, dispatches: int, expected: WaitEstimate) -> None:
    assert rules.wait_estimate(position, dispatches) == expected


def standing(status: RegistrationStatus, days_left: float, exempt_until: date | None = None) -> Standing:
    return Standing(1, status, NOON + timedelta(days=days_left), 3, exempt_until)


REGISTERED, EXEMPT = RegistrationStatus.REGISTERED, RegistrationStatus.EXEMPT


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (standing(REGISTERED, 7.01), None),
        (standing(REGISTERED, 7), Enforcement.REMIND),
        (replace(standing(REGISTERED, 7), reminded=True), None),
        (replace(standing(REGISTERED, -3.001), reminded=True), Enforcement.ROLL_OFF),
        (standing(REGISTERED, 0), Enforcement.REMIND),
        (standing(REGISTERED, -3), Enforcement.REMIND),
        (standing(REGISTERED, -3.001), Enforcement.ROLL_OFF),
        (standing(EXEMPT, -100, date(2026, 11, 22)), None),
        (standing(EXEMPT, -100, date(2026, 11, 21)), Enforcement.END_EXEMPTION),
        (standing(RegistrationStatus.DISPATCHED, -100), None),
        (standing(RegistrationStatus.RESIGNED, -100), None),
        (standing(RegistrationStatus.ROLLED_OFF, -100), None),
    ],
)
def test_the_night(case: Standing, expected: Enforcement | None) -> None:
    assert rules.enforcement(case, NOON) == expected


@given(moment=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC)))
def test_referral_days_are_business_days_ahead(moment: datetime) -> None:
    day = rules.referral_day(moment)
    assert day.weekday() < rules.SATURDAY
    assert 1 <= (day - rules.local(moment).date()).days <= 5


@given(
    weeks=st.lists(st.integers(0, 200), max_size=6),
    now=st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_nobody_is_suspended_longer_than_a_year_or_for_one_rejection(weeks: list[int], now: datetime) -> None:
    rejections = [now - timedelta(weeks=week) for week in weeks]
    until = rules.bidding_suspended_until(rejections, now)
    if until is not None:
        assert len(rejections) >= 2
        assert now < until <= now + rules.BIDDING_SUSPENSION
