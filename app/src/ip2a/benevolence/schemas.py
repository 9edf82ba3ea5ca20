"""Applications for help as taken and as shown."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from ip2a.benevolence.models import BenevolenceReason, BenevolenceStatus, ReviewDecision, ReviewLevel
from ip2a.records.schemas import MAXIMUM_CENTS, TEXT, RecordDay, Version, strict
from ip2a.web.keyset import Identifier


class BenevolenceOrder(BaseModel):
    """What is given for a new application of a member for help."""

    model_config = strict(
        {
            "member_id": 1,
            "applied_on": "2026-11-02",
            "reason": "medical",
            "description": "Surgery, six weeks without work.",
            "amount_requested_cents": 50000,
        }
    )

    member_id: Identifier
    applied_on: RecordDay
    reason: BenevolenceReason
    description: str = Field(min_length=1, max_length=4000, pattern=TEXT)
    amount_requested_cents: int = Field(strict=True, ge=0, le=MAXIMUM_CENTS)
    status: BenevolenceStatus = BenevolenceStatus.SUBMITTED
    approved_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)
    paid_on: RecordDay | None = None
    payment_method: str | None = Field(default=None, max_length=50, pattern=TEXT)


class BenevolenceChange(BaseModel):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"reason": "medical", "version": 1})

    version: Version
    reason: BenevolenceReason | None = None
    description: str | None = Field(default=None, min_length=1, max_length=4000, pattern=TEXT)
    amount_requested_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)
    status: BenevolenceStatus | None = None
    approved_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)
    paid_on: RecordDay | None = None
    payment_method: str | None = Field(default=None, max_length=50, pattern=TEXT)


OwnStatus = Literal[BenevolenceStatus.DRAFT, BenevolenceStatus.SUBMITTED]


class OwnBenevolenceOrder(BaseModel):
    """What a member gives to ask for help; a draft is not handed in yet."""

    model_config = strict(
        {"reason": "medical", "description": "Surgery, six weeks without work.", "amount_requested_cents": 50000}
    )

    reason: BenevolenceReason
    description: str = Field(min_length=1, max_length=4000, pattern=TEXT)
    amount_requested_cents: int = Field(strict=True, ge=1, le=MAXIMUM_CENTS)
    status: OwnStatus = BenevolenceStatus.SUBMITTED


class OwnBenevolenceChange(BaseModel):
    """Fields of a draft to change; absent ones stay. Status `submitted` hands it in."""

    model_config = strict({"status": "submitted", "version": 1})

    version: Version
    reason: BenevolenceReason | None = None
    description: str | None = Field(default=None, min_length=1, max_length=4000, pattern=TEXT)
    amount_requested_cents: int | None = Field(default=None, strict=True, ge=1, le=MAXIMUM_CENTS)
    status: OwnStatus | None = None


class BenevolenceItem(BaseModel):
    """Application of a member for help"""

    id: int
    version: int
    member_id: int
    applied_on: date
    reason: BenevolenceReason
    description: str
    amount_requested_cents: int
    status: BenevolenceStatus
    approved_cents: int | None
    paid_on: date | None
    payment_method: str | None
    first_name: str
    last_name: str


class ReviewOrder(BaseModel):
    """What is given for a new review of an application for help."""

    model_config = strict({"level": "vp", "decision": "approved", "reviewed_on": "2026-11-09"})

    level: ReviewLevel
    decision: ReviewDecision
    reviewed_on: RecordDay
    comments: str | None = Field(default=None, max_length=2000, pattern=TEXT)


class ReviewItem(BaseModel):
    """Review of an application for help"""

    id: int
    version: int
    application_id: int
    member_id: int
    level: ReviewLevel
    decision: ReviewDecision
    reviewed_on: date
    comments: str | None
    reviewer_id: int
