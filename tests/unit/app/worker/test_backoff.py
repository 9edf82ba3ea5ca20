"""When a failed job is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from ip2a.worker.backoff import FIRST_WAIT, LONGEST_WAIT, wait_after


def test_waits_double_up_to_an_hour() -> None:
    assert [wait_after(attempt, 1.0) for attempt in (1, 2, 3, 4)] == [5.0, 10.0, 20.0, 40.0]
    assert wait_after(11, 1.0) == LONGEST_WAIT
    assert wait_after(5000, 1.0) == LONGEST_WAIT


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_chance_spreads_by_half(attempt: int, chance: float) -> None:
    longest = wait_after(attempt, 1.0)
    assert FIRST_WAIT / 2 <= longest / 2 <= wait_after(attempt, chance) <= longest
