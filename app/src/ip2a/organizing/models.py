"""Organizing activities (SALTing)."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Removable, deleted_ones, text_enum


class ActivityType(StrEnum):
    """What was done."""

    OUTREACH = "outreach"
    SITE_VISIT = "site_visit"
    LEAFLETING = "leafleting"
    ONE_ON_ONE = "one_on_one"
    MEETING = "meeting"
    PETITION_DRIVE = "petition_drive"
    CARD_SIGNING = "card_signing"
    INFORMATION_SESSION = "information_session"
    OTHER = "other"


class ActivityOutcome(StrEnum):
    """How it went."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"
    NO_CONTACT = "no_contact"


class SaltingActivity(Removable):
    """Organizing activity of a member at an employer"""

    __tablename__ = "salting_activities"
    __table_args__ = (
        deleted_ones("salting_activities"),
        CheckConstraint("workers_contacted >= 0 AND cards_signed BETWEEN 0 AND workers_contacted", name="counts"),
        Index(None, "organization_id", "id"),
        Index(None, "member_id", "id"),
        Index(None, "activity_type", "id"),
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    activity_type: Mapped[ActivityType] = mapped_column(text_enum(ActivityType, "activity_type"))
    happened_on: Mapped[date]
    outcome: Mapped[ActivityOutcome | None] = mapped_column(text_enum(ActivityOutcome, "outcome"))
    location: Mapped[str | None] = mapped_column(String(255))
    workers_contacted: Mapped[int] = mapped_column(server_default="0")
    cards_signed: Mapped[int] = mapped_column(server_default="0")
    description: Mapped[str | None] = mapped_column(String(4000))
