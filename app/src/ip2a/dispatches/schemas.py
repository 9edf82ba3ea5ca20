"""Dispatches as shown, and what may be asked of them."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ip2a.dispatches.models import DispatchMethod, DispatchStatus, ReRegistration, TermReason
from ip2a.web.keyset import Identifier
from ip2a.web.times import Day


class DispatchItem(BaseModel):
    """A dispatch."""

    id: int
    labor_request_id: int
    request_number: str
    member_id: int
    registration_id: int
    bid_id: int | None
    employer_id: int
    employer_name: str
    method: DispatchMethod
    status: DispatchStatus
    is_short_call: bool
    dispatched_at: datetime
    start_date: date
    check_in_deadline: datetime
    checked_in_at: datetime | None
    ended_on: date | None
    days_worked: int | None
    term_reason: TermReason | None
    restricted_until: date | None
    re_register_by: date | None = Field(
        description="Last day to register again after this job; who does not loses every place. Null: need not."
    )
    re_registration: ReRegistration | None


class DispatchOfMember(DispatchItem):
    """A dispatch with who was sent."""

    member_number: str
    first_name: str
    last_name: str


class ByNameOrder(BaseModel):
    """Whom the employer asks for by name; the clerk attests that nothing was arranged."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"member_id": 1, "anti_collusion_attested": True}]}
    )

    member_id: Identifier
    anti_collusion_attested: Literal[True]


class TerminationOrder(BaseModel):
    """How a job ended."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "rif", "ended_on": "2026-12-04", "days_worked": 4}]},
    )

    reason: TermReason
    ended_on: Day
    days_worked: int = Field(strict=True, ge=0, le=20_000, description="Business days.")


class RejectionOrder(BaseModel):
    """Why a member turns a job down."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "no transport"}]})

    reason: str | None = Field(default=None, max_length=200)
