"""The employment record; an open end date means the job is current."""

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Record


class MemberEmployment(Record):
    """One job of one member at one organization."""

    __tablename__ = "member_employments"
    __table_args__ = (
        CheckConstraint("end_date IS NULL OR end_date >= start_date", name="dates"),
        Index(
            "ix_member_employments_member_id_start_date_id",
            "member_id",
            text("start_date DESC"),
            text("id DESC"),
        ),
        Index(None, "organization_id"),
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    start_date: Mapped[date]
    end_date: Mapped[date | None]
    job_title: Mapped[str | None] = mapped_column(String(100))
    hourly_rate_cents: Mapped[int | None]
