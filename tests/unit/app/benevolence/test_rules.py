"""Who must have said yes before help is given, by the amounts of the local's rules."""

import pytest

from ip2a.benevolence import rules
from ip2a.benevolence.models import ReviewDecision, ReviewLevel
from ip2a.benevolence.rules import Review

VP, ADMIN, MANAGER, PRESIDENT = ReviewLevel
YES, NO, ASKS = ReviewDecision.APPROVED, ReviewDecision.DENIED, ReviewDecision.NEEDS_INFO


@pytest.mark.parametrize(
    ("cents", "needed"),
    [(1, 1), (49_999, 1), (50_000, 2), (199_999, 2), (200_000, 3), (1_000_000_000, 3)],
)
def test_one_review_below_500_two_below_2000_else_three(cents: int, needed: int) -> None:
    assert rules.reviews_needed(cents) == needed


@pytest.mark.parametrize(
    ("reviews", "missing"),
    [
        ([], 3),
        ([(VP, 1, YES)], 2),
        ([(VP, 1, YES), (ADMIN, 2, YES), (MANAGER, 3, YES)], 0),
        ([(PRESIDENT, 1, YES), (VP, 2, YES), (MANAGER, 3, YES)], 0),
        ([(VP, 1, YES), (ADMIN, 2, YES), (MANAGER, 3, YES), (PRESIDENT, 4, YES)], 0),
        ([(VP, 1, YES), (ADMIN, 1, YES), (MANAGER, 1, YES)], 2),  # one person cannot be all levels
        ([(VP, 1, YES), (VP, 2, YES), (VP, 3, YES)], 2),  # nor one level everybody
        ([(VP, 1, YES), (ADMIN, 2, NO), (MANAGER, 3, YES)], 1),
        ([(VP, 1, ASKS), (VP, 1, YES), (ADMIN, 2, YES), (MANAGER, 3, YES)], 0),  # the last word counts
        ([(VP, 1, YES), (VP, 1, NO), (ADMIN, 2, YES), (MANAGER, 3, YES)], 1),
        ([(VP, 1, YES), (VP, 9, NO), (ADMIN, 2, YES), (MANAGER, 3, YES)], 1),  # whoever speaks for the level
    ],
)
def test_each_level_approves_by_somebody_else(
    reviews: list[tuple[ReviewLevel, int, ReviewDecision]], missing: int
) -> None:
    assert rules.reviews_missing(200_000, [Review(*review) for review in reviews]) == missing


def test_somebody_speaks_at_one_level() -> None:
    given = [Review(VP, 1, ASKS), Review(ADMIN, 2, YES)]
    assert [rules.level_of(person, given) for person in (1, 2, 3)] == [VP, ADMIN, None]
