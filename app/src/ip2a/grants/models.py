"""Grants and what is spent of them."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Record, Removable, deleted_ones, text_enum


class GrantStatus(StrEnum):
    """Where a grant stands."""

    PENDING = "pending"
    ACTIVE = "active"
    COMPLETED = "completed"
    CLOSED = "closed"
    SUSPENDED = "suspended"


class ExpenseCategory(StrEnum):
    """What was paid for."""

    TOOLS = "tools"
    MATERIALS = "materials"
    INSTRUCTION = "instruction"
    TRAVEL = "travel"
    RENT = "rent"
    OTHER = "other"


class EnrollmentStatus(StrEnum):
    """Where somebody stands in what a grant pays for."""

    ENROLLED = "enrolled"
    ACTIVE = "active"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    DROPPED = "dropped"


class GrantOutcome(StrEnum):
    """What came of it."""

    COMPLETED_PROGRAM = "completed_program"
    OBTAINED_CREDENTIAL = "obtained_credential"
    ENTERED_APPRENTICESHIP = "entered_apprenticeship"
    OBTAINED_EMPLOYMENT = "obtained_employment"
    CONTINUED_EDUCATION = "continued_education"
    WITHDRAWN = "withdrawn"
    OTHER = "other"


class Grant(Removable):
    """Grant for the training; `words` is what a search compares"""

    __tablename__ = "grants"
    __table_args__ = (
        deleted_ones("grants"),
        CheckConstraint("total_cents >= 0", name="total"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="dates"),
        UniqueConstraint("grant_number"),
        Index(None, "status", "id"),
        Index(None, "words", postgresql_using="gin"),
    )

    grant_number: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(255))
    funding_source: Mapped[str | None] = mapped_column(String(255))
    total_cents: Mapped[int]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    status: Mapped[GrantStatus] = mapped_column(text_enum(GrantStatus, "status"), server_default="pending")
    target_enrollment: Mapped[int | None]
    target_completion: Mapped[int | None]
    target_placement: Mapped[int | None]
    next_report_due: Mapped[date | None]
    words: Mapped[object] = mapped_column(
        TSVECTOR,
        Computed(
            "to_tsvector('simple'::regconfig, translate("
            "grant_number || ' ' || name || ' ' || COALESCE(funding_source, ''), '-/._', '    '))",
            persisted=True,
        ),
        nullable=False,
    )


class GrantExpense(Record):
    """Expense paid out of a grant"""

    __tablename__ = "grant_expenses"
    __table_args__ = (
        CheckConstraint("amount_cents > 0", name="amount"),
        Index(None, "grant_id", "id"),
    )

    grant_id: Mapped[int] = mapped_column(ForeignKey("grants.id"))
    description: Mapped[str] = mapped_column(String(255))
    category: Mapped[ExpenseCategory] = mapped_column(text_enum(ExpenseCategory, "category"))
    amount_cents: Mapped[int]
    vendor: Mapped[str | None] = mapped_column(String(255))
    spent_on: Mapped[date]


class GrantEnrollment(Record):
    """A student in what a grant pays for"""

    __tablename__ = "grant_enrollments"
    __table_args__ = (
        UniqueConstraint("grant_id", "student_id"),
        CheckConstraint("completed_on IS NULL OR completed_on >= enrolled_on", name="completed"),
        CheckConstraint("placed_on IS NULL OR placed_on >= enrolled_on", name="placed"),
        Index(None, "grant_id", "id"),
        Index(None, "student_id"),
    )

    grant_id: Mapped[int] = mapped_column(ForeignKey("grants.id"))
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    enrolled_on: Mapped[date]
    status: Mapped[EnrollmentStatus] = mapped_column(text_enum(EnrollmentStatus, "status"), server_default="enrolled")
    completed_on: Mapped[date | None]
    outcome: Mapped[GrantOutcome | None] = mapped_column(text_enum(GrantOutcome, "outcome"))
    placed_on: Mapped[date | None]
    placement_employer: Mapped[str | None] = mapped_column(String(200))
    placement_job_title: Mapped[str | None] = mapped_column(String(200))
