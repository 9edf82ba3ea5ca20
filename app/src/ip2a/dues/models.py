"""Rates by classification, monthly periods, and what each member owes for each period."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum
from ip2a.members.models import MemberClassification


class DuesStatus(StrEnum):
    """Where a dues row stands; PAID when the paid amount reaches the due amount."""

    PENDING = "pending"
    DUE = "due"
    PARTIAL = "partial"
    PAID = "paid"
    OVERDUE = "overdue"
    WAIVED = "waived"
    WRITTEN_OFF = "written_off"


OPEN_STATUSES = (DuesStatus.PENDING, DuesStatus.DUE, DuesStatus.PARTIAL, DuesStatus.OVERDUE)


class DuesRate(Timestamped, Base):
    """The monthly amount for a classification, in cents, from `effective_date` to `end_date` or for good."""

    __tablename__ = "dues_rates"
    __table_args__ = (
        UniqueConstraint("classification", "effective_date"),
        CheckConstraint("monthly_amount_cents >= 0", name="amount"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    classification: Mapped[MemberClassification] = mapped_column(
        text_enum(MemberClassification, "member_classification")
    )
    monthly_amount_cents: Mapped[int]
    effective_date: Mapped[date]
    end_date: Mapped[date | None]


class DuesPeriod(Timestamped, Base):
    """A calendar month for which dues are owed."""

    __tablename__ = "dues_periods"
    __table_args__ = (
        UniqueConstraint("period_year", "period_month"),
        CheckConstraint("period_month BETWEEN 1 AND 12", name="month"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    period_year: Mapped[int]
    period_month: Mapped[int]
    due_date: Mapped[date]
    grace_period_end: Mapped[date]
    is_closed: Mapped[bool] = mapped_column(server_default=false())
    closed_at: Mapped[Timestamp | None]


class DuesPayment(Timestamped, Base):
    """What one member owes and has paid for one period, in cents.

    What is paid is `carried_cents`, from before payments were kept one by one, and the payments less their refunds: the
    database refuses anything else.
    """

    __tablename__ = "dues_payments"
    __table_args__ = (
        UniqueConstraint("member_id", "period_id"),
        CheckConstraint("amount_due_cents >= 0", name="due"),
        CheckConstraint("amount_paid_cents BETWEEN 0 AND amount_due_cents", name="paid"),
        CheckConstraint("carried_cents >= 0", name="carried"),
        Index(None, "period_id"),
        Index(
            "ix_dues_payments_open",
            "status",
            "member_id",
            postgresql_where=text("status IN ('pending', 'due', 'partial', 'overdue')"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    period_id: Mapped[int] = mapped_column(ForeignKey("dues_periods.id"))
    amount_due_cents: Mapped[int]
    amount_paid_cents: Mapped[int] = mapped_column(server_default="0")
    carried_cents: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[DuesStatus] = mapped_column(text_enum(DuesStatus, "dues_status"))
