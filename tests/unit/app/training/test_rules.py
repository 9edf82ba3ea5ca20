from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ip2a.training.models import AttendanceStatus
from ip2a.training.rules import Points, attendance_rate, letter, percent

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
