"""Checkouts begun, and the provider's events that were taken in."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum


class CheckoutStatus(StrEnum):
    """Where a checkout stands; `unapplied` was paid when nothing was due any more: the office refunds it at the
    provider, and it is `refunded`.
    """

    CREATING = "creating"
    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    UNAPPLIED = "unapplied"
    EXPIRED = "expired"
    FAILED = "failed"
    REFUNDED = "refunded"


class Checkout(Timestamped, Base):
    """A payment of one month's dues at the provider, in cents."""

    __tablename__ = "checkouts"
    __table_args__ = (
        CheckConstraint("amount_cents > 0", name="amount"),
        UniqueConstraint("user_id", "request_key"),
        Index(None, "member_id", "id"),
        Index(None, "dues_payment_id"),
        Index("ix_checkouts_unsettled", "id", postgresql_where=text("status IN ('creating', 'open', 'processing')")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    dues_payment_id: Mapped[int] = mapped_column(ForeignKey("dues_payments.id"))
    amount_cents: Mapped[int]
    request_key: Mapped[str] = mapped_column(String(100))
    status: Mapped[CheckoutStatus] = mapped_column(text_enum(CheckoutStatus, "status"), server_default="creating")
    provider_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    payment_intent: Mapped[str | None] = mapped_column(String(255), unique=True)
    url: Mapped[str | None] = mapped_column(String(2000))
    expires_at: Mapped[Timestamp]


class ProviderEvent(Base):
    """An event that was taken in, by the provider's id: a second delivery changes nothing."""

    __tablename__ = "provider_events"
    __table_args__ = (Index(None, "received_at"),)

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    event_type: Mapped[str] = mapped_column(String(100))
    checkout_id: Mapped[int | None] = mapped_column(BigInteger)
    received_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
