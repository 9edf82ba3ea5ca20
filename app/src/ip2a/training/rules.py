"""Grades and attendance as numbers, and what a certificate is worth on a day. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from ip2a.training.models import AttendanceStatus, StudentStatus

THERE = frozenset({AttendanceStatus.PRESENT, AttendanceStatus.LATE, AttendanceStatus.LEFT_EARLY})
LETTERS = ((Decimal(90), "A"), (Decimal(80), "B"), (Decimal(70), "C"), (Decimal(60), "D"))
HUNDREDTH = Decimal("0.01")
FOLLOWING: dict[StudentStatus, frozenset[StudentStatus]] = {
    StudentStatus.APPLICANT: frozenset({StudentStatus.ENROLLED, StudentStatus.DROPPED}),
    StudentStatus.ENROLLED: frozenset(
        {StudentStatus.ON_LEAVE, StudentStatus.COMPLETED, StudentStatus.DROPPED, StudentStatus.DISMISSED}
    ),
    StudentStatus.ON_LEAVE: frozenset({StudentStatus.ENROLLED, StudentStatus.DROPPED, StudentStatus.DISMISSED}),
    StudentStatus.DROPPED: frozenset({StudentStatus.ENROLLED}),
    StudentStatus.COMPLETED: frozenset(),
    StudentStatus.DISMISSED: frozenset(),
}
"""What may become of a student; who dropped out may come back."""
EXPIRING = timedelta(days=30)  # before it expires, a certificate should be renewed


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


class CertificateState(StrEnum):
    """What a certificate is worth."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    RENEWED = "renewed"
    REVOKED = "revoked"


def state_of(expires_on: date | None, revoked_on: date | None, *, renewed: bool, today: date) -> CertificateState:
    """Revoked and renewed ones are over whatever their dates; the last day of a certificate still counts."""
    if revoked_on is not None:
        return CertificateState.REVOKED
    if renewed:
        return CertificateState.RENEWED
    if expires_on is None or expires_on > today + EXPIRING:
        return CertificateState.ACTIVE
    return CertificateState.EXPIRED if expires_on < today else CertificateState.EXPIRING


def may_become(current: StudentStatus, wanted: StudentStatus) -> bool:
    """Whether a student may change from one standing to the other; staying is no change."""
    return wanted is current or wanted in FOLLOWING[current]
