from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ip2a.training.models import AttendanceStatus, StudentStatus
from ip2a.training.rules import Points, attendance_rate, letter, may_become, percent, state_of

POINTS = st.builds(
    lambda earned, extra, weight: Points(Decimal(earned), Decimal(earned + extra), Decimal(weight)),
    st.integers(0, 100),
    st.integers(1, 100),
    st.integers(1, 10),
)


@pytest.mark.parametrize(
    ("value", "grade"),
    [("100", "A"), ("90", "A"), ("89.99", "B"), ("80", "B"), ("79.99", "C"), ("70", "C"), ("60", "D"), ("59.99", "F")],
)
def test_letters(value: str, grade: str) -> None:
    assert letter(Decimal(value)) == grade


def test_percent_is_weighted_and_rounds_half_up() -> None:
    def work(earned: int, possible: int, weight: str) -> Points:
        return Points(Decimal(earned), Decimal(possible), Decimal(weight))

    assert percent([]) is None
    assert percent([work(8, 10, "1")]) == Decimal("80.00")
    assert percent([work(8, 10, "1"), work(1, 2, "3")]) == Decimal("57.50")
    assert percent([work(1, 3, "1")]) == Decimal("33.33")
    assert percent([work(2, 3, "1")]) == Decimal("66.67")


@given(st.lists(POINTS, min_size=1, max_size=20))
def test_percent_lies_between_the_worst_and_the_best(work: list[Points]) -> None:
    shares = [100 * piece.earned / piece.possible for piece in work]
    value = percent(work)
    assert value is not None
    assert min(shares) - Decimal("0.01") <= value <= max(shares) + Decimal("0.01")


def test_late_and_left_early_count_as_there() -> None:
    assert attendance_rate([]) is None
    assert attendance_rate(list(AttendanceStatus)) == 3 / 5


TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("expires_on", "revoked_on", "renewed", "state"),
    [
        (None, None, False, "active"),
        (date(2026, 12, 28), None, False, "active"),
        (date(2026, 12, 27), None, False, "expiring"),
        (TODAY, None, False, "expiring"),
        (date(2026, 11, 26), None, False, "expired"),
        (date(2026, 11, 26), None, True, "renewed"),
        (None, TODAY, True, "revoked"),
    ],
)
def test_a_certificate_expires_after_its_last_day_and_says_so_30_days_before(
    expires_on: date | None, revoked_on: date | None, renewed: bool, state: str
) -> None:
    assert state_of(expires_on, revoked_on, renewed=renewed, today=TODAY) == state


@pytest.mark.parametrize(
    ("current", "ways"),
    [
        ("applicant", "applicant enrolled dropped"),
        ("enrolled", "enrolled on_leave completed dropped dismissed"),
        ("on_leave", "on_leave enrolled dropped dismissed"),
        ("completed", "completed"),
        ("dropped", "dropped enrolled"),
        ("dismissed", "dismissed"),
    ],
)
def test_what_may_become_of_a_student(current: str, ways: str) -> None:
    found = {wanted.value for wanted in StudentStatus if may_become(StudentStatus(current), wanted)}
    assert found == set(ways.split())
