"""The bid record."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum


class BidStatus(StrEnum):
    """Where a bid stands; PENDING and ACCEPTED are live."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class JobBid(Timestamped, Base):
    """A member's bid for one request, by one registration. `rejected_by_member_at`: the member turned down the job
    after the bid had won.
    """

    __tablename__ = "job_bids"
    __table_args__ = (
        Index(
            "uq_job_bids_live",
            "labor_request_id",
            "member_id",
            unique=True,
            postgresql_where=text("status IN ('pending', 'accepted')"),
        ),
        Index(None, "member_id", "id"),
        Index(None, "labor_request_id", "id"),
        Index("ix_job_bids_pending", "labor_request_id", postgresql_where=text("status = 'pending'")),
        Index(
            "ix_job_bids_rejected_by_member",
            "member_id",
            "rejected_by_member_at",
            postgresql_where=text("rejected_by_member_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    labor_request_id: Mapped[int] = mapped_column(ForeignKey("labor_requests.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    registration_id: Mapped[int] = mapped_column(ForeignKey("book_registrations.id"))
    status: Mapped[BidStatus] = mapped_column(text_enum(BidStatus, "status"), server_default="pending")
    submitted_at: Mapped[Timestamp]
    processed_at: Mapped[Timestamp | None]
    processed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    rejected_by_member_at: Mapped[Timestamp | None]
    rejection_reason: Mapped[str | None] = mapped_column(String(200))
