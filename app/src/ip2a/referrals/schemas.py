"""Books and registrations as shown, and what may be asked of them."""

from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from ip2a.referrals.models import (
    BookClassification,
    BookRegion,
    ExemptReason,
    RegistrationAction,
    RegistrationStatus,
    RollOffReason,
)
from ip2a.referrals.rules import Confidence
from ip2a.web.keyset import Identifier
from ip2a.web.times import Day, LocalTime


class BookItem(BaseModel):
    """An out-of-work book and how many wait on it."""

    id: int
    code: str
    name: str
    classification: BookClassification
    book_number: int
    region: BookRegion
    referral_start_time: LocalTime
    re_sign_days: int
    grace_days: int
    max_check_marks: int
    internet_bidding_enabled: bool
    is_active: bool
    registered: int


class RegistrationItem(BaseModel):
    """A place on a book."""

    id: int
    member_id: int
    book_id: int
    book_code: str
    book_name: str
    apn: Decimal
    status: RegistrationStatus
    registered_at: datetime
    re_sign_deadline: datetime
    check_marks: int = Field(
        description="On this book, which is of one region; one more than `max_check_marks` ends it."
    )
    max_check_marks: int
    region: BookRegion
    short_call_restorations: int
    exempt_reason: ExemptReason | None
    exempt_until: date | None
    roll_off_reason: RollOffReason | None


class OwnRegistration(RegistrationItem):
    """A member's own place, with how long it may take; null where the registration does not wait."""

    position: int | None
    weeks_to_wait: float | None
    confidence: Confidence | None


class QueueItem(RegistrationItem):
    """A place on a book, with who holds it."""

    member_number: str
    first_name: str
    last_name: str


class ActivityItem(BaseModel):
    """One thing that happened to a registration."""

    id: int
    action: RegistrationAction
    reason: str | None
    performed_by_id: int | None
    occurred_at: datetime


class EnforcementPreview(BaseModel):
    """What the night's enforcement would do if it ran now: how many of each."""

    model_config = ConfigDict(from_attributes=True)

    rolled_off: int = Field(description="Places whose re-sign was missed, grace included.")
    exemptions_ended: int
    to_remind: int = Field(description="Places to be signed again within 7 days of which nobody was reminded yet.")
    not_re_registered: int = Field(description="Jobs after which the member had to register again and did not.")
    requests_expired: int
    bids_expired: int
    no_shows: int = Field(description="Members who did not check in by the deadline: a quit.")


class OwnRegistrationRequest(BaseModel):
    """Which book the caller wants a place on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"book_id": 1}]})

    book_id: Identifier


class RegistrationRequest(BaseModel):
    """Whom to register."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"member_id": 1}]})

    member_id: Identifier


class ExemptionRequest(BaseModel):
    """Why, and until when (180 days from today unless told)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "medical"}]})

    reason: ExemptReason
    until: Day | None = Field(default=None, description="Last day of the exemption.")


class RollOffRequest(BaseModel):
    """Why the place is taken away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "manual"}]})

    reason: RollOffReason = RollOffReason.MANUAL
