"""Bids as placed and as shown."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from ip2a.bids.models import BidStatus
from ip2a.web.keyset import Identifier


class BidRequest(BaseModel):
    """Which job."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"labor_request_id": 1}]})

    labor_request_id: Identifier


class BidItem(BaseModel):
    """A bid."""

    id: int
    labor_request_id: int
    request_number: str
    employer_name: str
    member_id: int
    registration_id: int
    status: BidStatus
    submitted_at: datetime
    processed_at: datetime | None
    rejected_by_member_at: datetime | None = Field(description="When the member turned down the job it had won.")
    rejection_reason: str | None


class BidOfRequest(BidItem):
    """A bid with who placed it."""

    member_number: str
    first_name: str
    last_name: str
    apn: Decimal
