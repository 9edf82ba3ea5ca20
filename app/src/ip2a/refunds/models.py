"""The refund record."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from ip2a.database.base import Base, Timestamp, text_enum


class RefundStatus(StrEnum):
    """Where a refund stands; of card payments, `approved` is under way at the provider."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUNDED = "refunded"
    DENIED = "denied"
    FAILED = "failed"


class Refund(Base):
    """Money given back of one payment, in cents. Nobody asked for those that began at the provider."""

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount_cents > 0", name="amount"),
        CheckConstraint("decided_by_id IS NULL OR decided_by_id <> requested_by_id", name="four_eyes"),
        CheckConstraint("requested_by_id IS NULL OR (status = 'pending') = (decided_by_id IS NULL)", name="decided"),
        CheckConstraint("(status = 'refunded') = (refunded_at IS NOT NULL)", name="refunded"),
        Index(None, "payment_id"),
        Index(None, "dues_payment_id"),
        Index(None, "member_id", "id"),
        Index(None, "status", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    payment_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("payments.id"))
    dues_payment_id: Mapped[int] = mapped_column(ForeignKey("dues_payments.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    amount_cents: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500))
    status: Mapped[RefundStatus] = mapped_column(text_enum(RefundStatus, "status"), server_default="pending")
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    requested_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[Timestamp | None]
    refunded_at: Mapped[Timestamp | None]
    provider_id: Mapped[str | None] = mapped_column(String(255), unique=True)
