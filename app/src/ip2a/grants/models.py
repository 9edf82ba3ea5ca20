"""Grants and what is spent of them."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Record, text_enum


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


class Grant(Record):
    """Grant for the training"""

    __tablename__ = "grants"
    __table_args__ = (
        CheckConstraint("total_cents >= 0", name="total"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="dates"),
        UniqueConstraint("grant_number"),
        Index(None, "status", "id"),
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
