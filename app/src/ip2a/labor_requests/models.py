"""The labor request record."""

from datetime import date, time
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum


class RequestStatus(StrEnum):
    """Where a request stands; OPEN and PARTIALLY_FILLED still want workers."""

    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


WANTING = (RequestStatus.OPEN, RequestStatus.PARTIALLY_FILLED)


class AgreementType(StrEnum):
    """Which agreement the job is under."""

    STANDARD = "standard"
    PLA = "pla"
    CWA = "cwa"
    TERO = "tero"


class NoCheckMarkReason(StrEnum):
    """Why not taking this job costs nobody a check mark."""

    SPECIALTY = "specialty"
    MOU_JOBSITE = "mou_jobsite"
    EARLY_START = "early_start"
    UNDER_SCALE = "under_scale"
    VARIOUS_LOCATION = "various_location"
    SHORT_CALL = "short_call"
    EMPLOYER_REJECTION = "employer_rejection"


class StatedReason(StrEnum):
    """The reasons of these that the office has to say; short calls and early starts are known by themselves."""

    SPECIALTY = "specialty"
    MOU_JOBSITE = "mou_jobsite"
    UNDER_SCALE = "under_scale"
    VARIOUS_LOCATION = "various_location"
    EMPLOYER_REJECTION = "employer_rejection"


class LaborRequest(Timestamped, Base):
    """How many workers an employer wants, from which book. `workers_dispatched` and the filled states are kept by
    a trigger on dispatches, so that more than were requested cannot be sent whatever the code does.
    """

    __tablename__ = "labor_requests"
    __table_args__ = (
        CheckConstraint("workers_requested BETWEEN 1 AND 500", name="requested"),
        CheckConstraint("workers_dispatched BETWEEN 0 AND workers_requested", name="dispatched"),
        CheckConstraint("is_short_call = (short_call_days IS NOT NULL)", name="short_call"),
        CheckConstraint("short_call_days BETWEEN 1 AND 10", name="short_call_days"),
        Index(
            "ix_labor_requests_wanting",
            "book_id",
            "id",
            postgresql_where=text("status IN ('open', 'partially_filled')"),
        ),
        Index(None, "employer_id"),
        Index(None, "status", "start_date"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    request_number: Mapped[str] = mapped_column(String(30), unique=True)
    employer_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    book_id: Mapped[int] = mapped_column(ForeignKey("referral_books.id"))
    status: Mapped[RequestStatus] = mapped_column(text_enum(RequestStatus, "status"), server_default="open")
    requested_at: Mapped[Timestamp]
    referral_day: Mapped[date]
    workers_requested: Mapped[int]
    workers_dispatched: Mapped[int] = mapped_column(server_default="0")
    start_date: Mapped[date]
    start_time: Mapped[time]
    wage_rate_cents: Mapped[int | None]
    worksite: Mapped[str | None] = mapped_column(String(200))
    city: Mapped[str | None] = mapped_column(String(100))
    requirements: Mapped[str | None] = mapped_column(String(1000))
    agreement_type: Mapped[AgreementType] = mapped_column(
        text_enum(AgreementType, "agreement_type"), server_default="standard"
    )
    is_short_call: Mapped[bool] = mapped_column(server_default=false())
    short_call_days: Mapped[int | None]
    foreperson_member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    no_check_mark_reason: Mapped[NoCheckMarkReason | None] = mapped_column(
        text_enum(NoCheckMarkReason, "no_check_mark_reason")
    )
    allows_online_bidding: Mapped[bool] = mapped_column(server_default=true())
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
