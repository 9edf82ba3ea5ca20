"""Books, registrations on them, and the append-only history of each registration."""

from datetime import date, time
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    String,
    UniqueConstraint,
    func,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum


class BookClassification(StrEnum):
    """The work a book is for."""

    INSIDE_WIREPERSON = "inside_wireperson"
    TRADESHOW = "tradeshow"
    SEATTLE_SCHOOL = "seattle_school"
    SOUND_COMM = "sound_comm"
    MARINE = "marine"
    STOCKPERSON = "stockperson"
    LIGHT_FIXTURE = "light_fixture"
    RESIDENTIAL = "residential"
    TECHNICIAN = "technician"
    UTILITY_WORKER = "utility_worker"
    TERO_APPRENTICE = "tero_apprentice"


class BookRegion(StrEnum):
    """Where the jobs of a book are."""

    SEATTLE = "seattle"
    BREMERTON = "bremerton"
    PORT_ANGELES = "port_angeles"


class RegistrationStatus(StrEnum):
    """Where a registration stands; REGISTERED and EXEMPT hold a place on the book."""

    REGISTERED = "registered"
    DISPATCHED = "dispatched"
    ROLLED_OFF = "rolled_off"
    RESIGNED = "resigned"
    EXEMPT = "exempt"


class RollOffReason(StrEnum):
    """Why a member lost the place; EXPIRED: the time to register again after a job ran out."""

    CHECK_MARKS = "check_marks"
    QUIT = "quit"
    DISCHARGED = "discharged"
    FAILED_RE_SIGN = "failed_re_sign"
    NINETY_DAY_RULE = "90_day_rule"
    BID_REJECT_QUIT = "bid_reject_quit"
    EXPIRED = "expired"
    MANUAL = "manual"


class ExemptReason(StrEnum):
    """Why a member keeps the place without re-signing."""

    MILITARY = "military"
    UNION_BUSINESS = "union_business"
    SALTING = "salting"
    MEDICAL = "medical"
    JURY_DUTY = "jury_duty"
    UNDER_SCALE = "under_scale"
    TRAVELING = "traveling"
    OTHER = "other"


class RegistrationAction(StrEnum):
    """What happened to a registration."""

    REGISTER = "register"
    RE_SIGN = "re_sign"
    CHECK_MARK = "check_mark"
    ROLL_OFF = "roll_off"
    DISPATCH = "dispatch"
    RESIGN = "resign"
    RESTORE = "restore"
    EXEMPT_START = "exempt_start"
    EXEMPT_END = "exempt_end"


class ReferralBook(Timestamped, Base):
    """An out-of-work book. `last_apn` is the newest number given; it only grows, under the row's lock."""

    __tablename__ = "referral_books"
    __table_args__ = (
        CheckConstraint("book_number BETWEEN 1 AND 3", name="book_number"),
        CheckConstraint("re_sign_days > 0 AND grace_days >= 0 AND max_check_marks >= 0", name="limits"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(30), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    classification: Mapped[BookClassification] = mapped_column(text_enum(BookClassification, "classification"))
    book_number: Mapped[int]
    region: Mapped[BookRegion] = mapped_column(text_enum(BookRegion, "region"))
    referral_start_time: Mapped[time]
    re_sign_days: Mapped[int] = mapped_column(server_default="30")
    grace_days: Mapped[int] = mapped_column(server_default="3")
    max_check_marks: Mapped[int] = mapped_column(server_default="2")
    internet_bidding_enabled: Mapped[bool] = mapped_column(server_default=true())
    is_active: Mapped[bool] = mapped_column(server_default=true())
    last_apn: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default="0")


class BookRegistration(Timestamped, Base):
    """A member's place on a book; the lowest APN has waited longest. Only active members have one: triggers guard it,
    and take the places of whoever is no longer active. `re_sign_reminded_for`: the deadline the member was reminded of.
    """

    __tablename__ = "book_registrations"
    __table_args__ = (
        UniqueConstraint("book_id", "apn"),
        CheckConstraint("check_marks >= 0 AND short_call_restorations >= 0", name="counts"),
        CheckConstraint("(status = 'exempt') = (exempt_until IS NOT NULL)", name="exempt"),
        CheckConstraint("(status = 'rolled_off') = (roll_off_reason IS NOT NULL)", name="rolled_off"),
        Index(
            "uq_book_registrations_place",
            "member_id",
            "book_id",
            unique=True,
            postgresql_where=text("status IN ('registered', 'exempt')"),
        ),
        Index("ix_book_registrations_queue", "book_id", "apn", postgresql_where=text("status = 'registered'")),
        Index("ix_book_registrations_re_sign", "re_sign_deadline", postgresql_where=text("status = 'registered'")),
        Index(None, "member_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    book_id: Mapped[int] = mapped_column(ForeignKey("referral_books.id"))
    apn: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    status: Mapped[RegistrationStatus] = mapped_column(
        text_enum(RegistrationStatus, "status"), server_default="registered"
    )
    registered_at: Mapped[Timestamp]
    re_sign_deadline: Mapped[Timestamp]
    re_sign_reminded_for: Mapped[Timestamp | None]
    check_marks: Mapped[int] = mapped_column(server_default="0")
    last_check_mark_on: Mapped[date | None]
    short_call_restorations: Mapped[int] = mapped_column(server_default="0")
    exempt_reason: Mapped[ExemptReason | None] = mapped_column(text_enum(ExemptReason, "exempt_reason"))
    exempt_until: Mapped[date | None]
    roll_off_reason: Mapped[RollOffReason | None] = mapped_column(text_enum(RollOffReason, "roll_off_reason"))


class RegistrationActivity(Base):
    """What happened to a registration, when and by whom (nobody: the nightly job); never changed."""

    __tablename__ = "registration_activities"
    __table_args__ = (Index(None, "registration_id", "id"), Index(None, "member_id", "id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("book_registrations.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    action: Mapped[RegistrationAction] = mapped_column(text_enum(RegistrationAction, "action"))
    reason: Mapped[str | None] = mapped_column(String(200))
    performed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    occurred_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
