"""The adjustment record."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp, text_enum


class AdjustmentType(StrEnum):
    """Why an amount due changes."""

    WAIVER = "waiver"
    HARDSHIP = "hardship"
    CREDIT = "credit"
    CORRECTION = "correction"
    LATE_FEE = "late_fee"
    REINSTATEMENT = "reinstatement"
    WRITE_OFF = "write_off"
    OTHER = "other"


class AdjustmentStatus(StrEnum):
    """Where an adjustment stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


class DuesAdjustment(Base):
    """A change of what is due for one month, in cents: negative is a credit. Whoever asks does not decide."""

    __tablename__ = "dues_adjustments"
    __table_args__ = (
        CheckConstraint("amount_cents <> 0", name="amount"),
        CheckConstraint("decided_by_id IS NULL OR decided_by_id <> requested_by_id", name="four_eyes"),
        CheckConstraint("(status = 'pending') = (decided_by_id IS NULL)", name="decided"),
        UniqueConstraint("requested_by_id", "request_key"),
        Index("ix_dues_adjustments_pending", "id", postgresql_where=text("status = 'pending'")),
        Index(None, "member_id", "id"),
        Index(None, "dues_payment_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    dues_payment_id: Mapped[int] = mapped_column(ForeignKey("dues_payments.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    adjustment_type: Mapped[AdjustmentType] = mapped_column(text_enum(AdjustmentType, "type"))
    amount_cents: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500))
    status: Mapped[AdjustmentStatus] = mapped_column(text_enum(AdjustmentStatus, "status"), server_default="pending")
    requested_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    requested_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    request_key: Mapped[str] = mapped_column(String(100))
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[Timestamp | None]
