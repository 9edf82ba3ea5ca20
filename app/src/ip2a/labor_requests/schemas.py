"""Labor requests as taken and as shown; wages are integer cents an hour."""

from datetime import date, datetime, time

from pydantic import BaseModel, ConfigDict, Field

from ip2a.labor_requests.models import AgreementType, NoCheckMarkReason, RequestStatus, StatedReason
from ip2a.referrals.models import BookRegion
from ip2a.web.keyset import Identifier
from ip2a.web.times import Day, LocalTime


class LaborRequestOrder(BaseModel):
    """What an employer asks for."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [
                {
                    "employer_id": 1,
                    "book_id": 1,
                    "workers_requested": 2,
                    "start_date": "2026-12-01",
                    "start_time": "07:00",
                }
            ]
        },
    )

    employer_id: Identifier
    book_id: Identifier
    workers_requested: int = Field(strict=True, ge=1, le=500)
    start_date: Day
    start_time: LocalTime = time(7, 0)
    wage_rate_cents: int | None = Field(default=None, strict=True, ge=0, le=100_000)
    worksite: str | None = Field(default=None, max_length=200)
    city: str | None = Field(default=None, max_length=100)
    requirements: str | None = Field(default=None, max_length=1000)
    agreement_type: AgreementType = AgreementType.STANDARD
    short_call_days: int | None = Field(default=None, strict=True, ge=1, le=10, description="Business days.")
    foreperson_member_id: Identifier | None = None
    no_check_mark_reason: StatedReason | None = Field(
        default=None,
        description="Why not taking the job costs no check mark. Short calls and starts before 06:00 cost none anyway.",
    )
    allows_online_bidding: bool = True


class LaborRequestItem(BaseModel):
    """A labor request."""

    id: int
    request_number: str
    employer_id: int
    employer_name: str
    book_id: int
    book_code: str
    status: RequestStatus
    requested_at: datetime
    referral_day: date = Field(description="The morning it is called for the first time.")
    workers_requested: int
    workers_dispatched: int
    start_date: date
    start_time: LocalTime
    wage_rate_cents: int | None
    worksite: str | None
    city: str | None
    requirements: str | None
    agreement_type: AgreementType
    is_short_call: bool
    short_call_days: int | None
    foreperson_member_id: int | None
    no_check_mark_reason: NoCheckMarkReason | None
    allows_online_bidding: bool


class NoCheckMarkOrder(BaseModel):
    """Why not taking the job costs no check mark; null: it does cost one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "employer_rejection"}]})

    reason: StatedReason | None


class CheckMarksResult(BaseModel):
    """How many were marked, and how many of them rolled off."""

    marked: int
    rolled_off: int


class BookCheckMarks(CheckMarksResult):
    """The check marks of a morning on one book, which is of one region."""

    book_id: int
    book_code: str
    book_name: str
    region: BookRegion
