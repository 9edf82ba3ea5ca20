"""Help for members in need, and its reviews."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Record, Removable, deleted_ones, text_enum


class BenevolenceReason(StrEnum):
    """Why a member asks for help."""

    MEDICAL = "medical"
    DEATH_IN_FAMILY = "death_in_family"
    HARDSHIP = "hardship"
    DISASTER = "disaster"
    OTHER = "other"


class BenevolenceStatus(StrEnum):
    """Where an application for help stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    APPROVED = "approved"
    DENIED = "denied"
    PAID = "paid"
    WITHDRAWN = "withdrawn"


class ReviewLevel(StrEnum):
    """Who reviews."""

    VP = "vp"
    ADMIN = "admin"
    MANAGER = "manager"
    PRESIDENT = "president"


class ReviewDecision(StrEnum):
    """What a reviewer says."""

    APPROVED = "approved"
    DENIED = "denied"
    NEEDS_INFO = "needs_info"
    DEFERRED = "deferred"


class BenevolenceApplication(Removable):
    """Application of a member for help"""

    __tablename__ = "benevolence_applications"
    __table_args__ = (
        deleted_ones("benevolence_applications"),
        CheckConstraint("amount_requested_cents > 0", name="requested"),
        CheckConstraint("approved_cents BETWEEN 0 AND amount_requested_cents", name="approved"),
        CheckConstraint("(status = 'paid') = (paid_on IS NOT NULL)", name="paid"),
        CheckConstraint("status NOT IN ('approved', 'paid') OR approved_cents IS NOT NULL", name="decided"),
        Index(None, "member_id", "id"),
        Index(None, "status", "id"),
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    applied_on: Mapped[date]
    reason: Mapped[BenevolenceReason] = mapped_column(text_enum(BenevolenceReason, "reason"))
    description: Mapped[str] = mapped_column(String(4000))
    amount_requested_cents: Mapped[int]
    status: Mapped[BenevolenceStatus] = mapped_column(
        text_enum(BenevolenceStatus, "status"), server_default="submitted"
    )
    approved_cents: Mapped[int | None]
    paid_on: Mapped[date | None]
    payment_method: Mapped[str | None] = mapped_column(String(50))


class BenevolenceReview(Record):
    """Review of an application for help"""

    __tablename__ = "benevolence_reviews"
    __table_args__ = (Index(None, "application_id", "id"),)

    application_id: Mapped[int] = mapped_column(ForeignKey("benevolence_applications.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    level: Mapped[ReviewLevel] = mapped_column(text_enum(ReviewLevel, "level"))
    decision: Mapped[ReviewDecision] = mapped_column(text_enum(ReviewDecision, "decision"))
    reviewed_on: Mapped[date]
    comments: Mapped[str | None] = mapped_column(String(2000))
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
