"""The local's rules of helping members in need, with their numbers. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from ip2a.benevolence.models import BenevolenceStatus, ReviewDecision, ReviewLevel

REVIEWS_BELOW = ((50_000, 1), (200_000, 2))
MOST_REVIEWS = 3
"""Levels that approve before help is given: below so many cents how many; the most for whatever is more."""

OPEN_TO_MEMBER = frozenset({BenevolenceStatus.DRAFT, BenevolenceStatus.SUBMITTED})
"""Until the office looks at an application, its member may take it back."""


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody said of an application at one of the levels."""

    level: ReviewLevel
    reviewer_id: int
    decision: ReviewDecision


def reviews_needed(cents: int) -> int:
    """How many levels must approve help of this amount: one below $500, two below $2,000, else three."""
    return next((number for below, number in REVIEWS_BELOW if cents < below), MOST_REVIEWS)


def approvals(reviews: Iterable[Review]) -> int:
    """Levels that approve, each by somebody else; `reviews` in the order they were made: of a level the last counts."""
    last = {review.level: review for review in reviews}
    return len({review.reviewer_id for review in last.values() if review.decision is ReviewDecision.APPROVED})


def reviews_missing(cents: int, reviews: Iterable[Review]) -> int:
    """How many levels have yet to approve."""
    return max(0, reviews_needed(cents) - approvals(reviews))


def level_of(reviewer_id: int, reviews: Iterable[Review]) -> ReviewLevel | None:
    """The level at which this person speaks about an application already: they speak at no other."""
    return next((review.level for review in reviews if review.reviewer_id == reviewer_id), None)
