"""Grades and attendance as numbers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from ip2a.training.models import AttendanceStatus

THERE = frozenset({AttendanceStatus.PRESENT, AttendanceStatus.LATE, AttendanceStatus.LEFT_EARLY})
LETTERS = ((Decimal(90), "A"), (Decimal(80), "B"), (Decimal(70), "C"), (Decimal(60), "D"))
HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Points:
    """One graded piece of work: points earned of those possible, and how much it counts."""

    earned: Decimal
    possible: Decimal
    weight: Decimal


def percent(work: Sequence[Points]) -> Decimal | None:
    """The weighted mean of earned over possible, in percent with two digits; None without any work."""
    total = sum((piece.weight for piece in work), Decimal(0))
    if total == 0:
        return None
    earned = sum((piece.weight * piece.earned / piece.possible for piece in work), Decimal(0))
    return (100 * earned / total).quantize(HUNDREDTH, ROUND_HALF_UP)


def letter(value: Decimal) -> str:
    """A from 90, B from 80, C from 70, D from 60, F below."""
    return next((name for least, name in LETTERS if value >= least), "F")


def attendance_rate(statuses: Sequence[AttendanceStatus]) -> float | None:
    """Share of meetings the student was at: present, late or left early over all; None without any."""
    if not statuses:
        return None
    return sum(status in THERE for status in statuses) / len(statuses)
