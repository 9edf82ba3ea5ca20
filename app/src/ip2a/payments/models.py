"""Payments received and the idempotency keys they were recorded under."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, SmallInteger, String, func, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from ip2a.database.base import Base, Timestamp, text_enum


class PaymentMethod(StrEnum):
    """How the money came."""

    PAYROLL_DEDUCTION = "payroll_deduction"
    CHECK = "check"
    CASH = "cash"
    MONEY_ORDER = "money_order"
    CREDIT_CARD = "credit_card"
    ACH_TRANSFER = "ach_transfer"
    ONLINE = "online"
    STRIPE_CARD = "stripe_card"
    STRIPE_ACH = "stripe_ach"
    STRIPE_OTHER = "stripe_other"
    OTHER = "other"


OF_THE_PROVIDER = frozenset({PaymentMethod.STRIPE_CARD, PaymentMethod.STRIPE_ACH, PaymentMethod.STRIPE_OTHER})
"""Only the payment provider's own messages bring these."""


class Payment(Base):
    """Money received for one dues row, in cents; never changed afterwards."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("amount_cents > 0", name="amount"),
        Index("ix_payments_member_id_recorded_at_id", "member_id", text("recorded_at DESC"), text("id DESC")),
        Index(None, "dues_payment_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    dues_payment_id: Mapped[int] = mapped_column(ForeignKey("dues_payments.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    amount_cents: Mapped[int]
    method: Mapped[PaymentMethod] = mapped_column(text_enum(PaymentMethod, "payment_method"))
    receipt_number: Mapped[str] = mapped_column(String(50), unique=True)
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    recorded_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    checkout_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("checkouts.id"), unique=True)


class IdempotencyKey(Base):
    """A client's key for one write, and the answer; the same key with another request is refused."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "created_at"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    request_digest: Mapped[bytes] = mapped_column(LargeBinary)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    media_type: Mapped[str | None] = mapped_column(String(100))
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
