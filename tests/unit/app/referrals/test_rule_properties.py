"""Laws of the referral's rules, for whatever time it is and whatever happened."""

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from ip2a.dispatches.models import TermReason
from ip2a.referrals import rules

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
DAYS = st.dates(date(2024, 1, 1), date(2030, 1, 1))


@given(MOMENTS)
def test_a_request_is_called_on_a_later_business_day(moment: datetime) -> None:
    day = rules.referral_day(moment)
    assert day > rules.local(moment).date()
    assert day.weekday() < rules.SATURDAY
    assert day - rules.local(moment).date() <= timedelta(days=4)


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_who_asks_later_is_not_called_earlier(moment: datetime, later: timedelta) -> None:
    """On working days; who asks at a week-end is taken for Monday, before those of Friday night."""
    assume(all(rules.local(when).weekday() < rules.SATURDAY for when in (moment, moment + later)))
    assert rules.referral_day(moment) <= rules.referral_day(moment + later)


@given(MOMENTS)
def test_bidding_is_open_through_the_night_alone(moment: datetime) -> None:
    clock = rules.local(moment).time()
    assert rules.bidding_is_open(moment) == (not time(7, 0) <= clock < time(17, 30))
    if not rules.bidding_is_open(moment):
        assert rules.bidding_is_open(rules.bidding_opens_next(moment))


@given(DAYS, MOMENTS)
def test_nobody_is_late_before_they_were_sent(start: date, sent: datetime) -> None:
    deadline = rules.local(rules.check_in_deadline(start, sent))
    assert deadline.time() == rules.CHECK_IN_BY
    assert deadline.date() >= max(start, rules.local(sent).date())


@given(st.lists(MOMENTS, max_size=6), MOMENTS)
def test_one_refusal_never_suspends_and_suspensions_end_within_a_year(refusals: list[datetime], now: datetime) -> None:
    before = [moment for moment in refusals if moment <= now]
    until = rules.bidding_suspended_until(before, now)
    if len(before) < 2:
        assert until is None
    if until is not None:
        assert now < until <= now + rules.BIDDING_SUSPENSION
    assert rules.bidding_suspended_until(list(reversed(before)), now) == until


@given(st.sampled_from(TermReason), st.booleans(), st.integers(0, 300), st.integers(0, 3), DAYS)
def test_a_place_is_given_back_or_taken_away_never_both(
    reason: TermReason, is_short_call: bool, days: int, restorations: int, ended: date
) -> None:
    result = rules.ending(
        reason, is_short_call=is_short_call, days_worked=days, restorations=restorations, ended_on=ended
    )
    assert not (result.restore and result.roll_off)
    assert result.restore or not result.counts
    if result.restore:
        assert is_short_call
        assert days <= rules.SHORT_CALL_DAYS
    if reason in {TermReason.QUIT, TermReason.FIRED}:
        assert result.roll_off is not None
        assert result.restricted_until == ended + rules.EMPLOYER_RESTRICTION
