"""The application record and its states."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum


class ApplicationStatus(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    INTERVIEW_SCHEDULED = "interview_scheduled"
    INTERVIEWED = "interviewed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WAITLISTED = "waitlisted"
    WITHDRAWN = "withdrawn"


class Application(Timestamped, Base):
    """An application of an account; one live one at a time."""

    __tablename__ = "applications"
    __table_args__ = (
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        CheckConstraint("(status = 'draft') = (submitted_at IS NULL) OR status = 'withdrawn'", name="submitted"),
        Index(
            "uq_applications_live",
            "user_id",
            unique=True,
            postgresql_where=text("status NOT IN ('rejected', 'withdrawn')"),
        ),
        Index(None, "status", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    status: Mapped[ApplicationStatus] = mapped_column(text_enum(ApplicationStatus, "status"), server_default="draft")
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    phone: Mapped[str | None] = mapped_column(String(50))
    city: Mapped[str | None] = mapped_column(String(100))
    education: Mapped[str | None] = mapped_column(String(1000))
    experience: Mapped[str | None] = mapped_column(String(2000))
    submitted_at: Mapped[Timestamp | None]
    interview_on: Mapped[date | None]
    score: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    decided_at: Mapped[Timestamp | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
