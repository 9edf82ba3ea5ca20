"""The dispatch record."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum


class DispatchStatus(StrEnum):
    """Where a dispatch stands; the first three are live. WITHDRAWN: taken back before the job began, at no cost to the
    member.
    """

    DISPATCHED = "dispatched"
    CHECKED_IN = "checked_in"
    WORKING = "working"
    COMPLETED = "completed"
    TERMINATED = "terminated"
    REJECTED = "rejected"
    NO_SHOW = "no_show"
    WITHDRAWN = "withdrawn"


LIVE = (DispatchStatus.DISPATCHED, DispatchStatus.CHECKED_IN, DispatchStatus.WORKING)


class DispatchMethod(StrEnum):
    """How the member was chosen."""

    MORNING_REFERRAL = "morning_referral"
    INTERNET_BID = "internet_bid"
    BY_NAME = "by_name"


class TermReason(StrEnum):
    """Why the job ended."""

    RIF = "rif"
    QUIT = "quit"
    FIRED = "fired"
    LAID_OFF = "laid_off"
    SHORT_CALL_END = "short_call_end"
    CONTRACT_END = "contract_end"
    NINETY_DAY_RULE = "90_day_rule"
    TURNAROUND = "turnaround"
    UNDER_SCALE = "under_scale"


class ReRegistration(StrEnum):
    """Whether a member who has to register again after a job did so, up to its last day `re_register_by`. MET is set by
    a trigger on the history of places: whoever registers, signs again or is sent to a job has met it.
    """

    AWAITED = "awaited"
    MET = "met"
    MISSED = "missed"


class Dispatch(Timestamped, Base):
    """One member sent to one request. `restricted_until`: no dispatch to this employer up to that day, after a quit
    or discharge.
    """

    __tablename__ = "dispatches"
    __table_args__ = (
        CheckConstraint("ended_on IS NULL OR ended_on >= start_date", name="dates"),
        CheckConstraint("(re_register_by IS NULL) = (re_registration IS NULL)", name="re_register_by"),
        CheckConstraint("re_register_by IS NULL OR ended_on IS NOT NULL", name="re_register_ended"),
        Index(
            "uq_dispatches_live_member",
            "member_id",
            unique=True,
            postgresql_where=text("status IN ('dispatched', 'checked_in', 'working')"),
        ),
        Index(
            "uq_dispatches_bid",
            "bid_id",
            unique=True,
            postgresql_where=text("bid_id IS NOT NULL"),
        ),
        Index(None, "member_id", "id"),
        Index(None, "status", "id"),
        Index(None, "dispatched_at", "id"),
        Index(None, "labor_request_id"),
        Index(None, "employer_id", "member_id"),
        Index(
            "ix_dispatches_awaiting_check_in",
            "check_in_deadline",
            postgresql_where=text("status = 'dispatched'"),
        ),
        Index(
            "ix_dispatches_re_registration",
            "re_registration",
            "id",
            postgresql_where=text("re_registration IS NOT NULL"),
        ),
        Index(
            "ix_dispatches_awaiting_re_registration",
            "member_id",
            postgresql_where=text("re_registration = 'awaited'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    labor_request_id: Mapped[int] = mapped_column(ForeignKey("labor_requests.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    registration_id: Mapped[int] = mapped_column(ForeignKey("book_registrations.id"))
    bid_id: Mapped[int | None] = mapped_column(ForeignKey("job_bids.id"))
    employer_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    method: Mapped[DispatchMethod] = mapped_column(text_enum(DispatchMethod, "method"))
    status: Mapped[DispatchStatus] = mapped_column(text_enum(DispatchStatus, "status"), server_default="dispatched")
    is_short_call: Mapped[bool] = mapped_column(server_default=false())
    dispatched_at: Mapped[Timestamp]
    dispatched_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    start_date: Mapped[date]
    check_in_deadline: Mapped[Timestamp]
    checked_in_at: Mapped[Timestamp | None]
    ended_on: Mapped[date | None]
    days_worked: Mapped[int | None]
    term_reason: Mapped[TermReason | None] = mapped_column(text_enum(TermReason, "term_reason"))
    restricted_until: Mapped[date | None]
    re_register_by: Mapped[date | None]
    re_registration: Mapped[ReRegistration | None] = mapped_column(text_enum(ReRegistration, "re_registration"))
