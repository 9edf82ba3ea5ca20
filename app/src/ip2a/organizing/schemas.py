"""Organizing activities as taken and as shown."""

from datetime import date

from pydantic import BaseModel, Field

from ip2a.organizing.models import ActivityOutcome, ActivityType
from ip2a.records.schemas import TEXT, RecordDay, Version, strict
from ip2a.web.keyset import Identifier


class ActivityOrder(BaseModel):
    """What is given for a new organizing activity of a member at an employer."""

    model_config = strict(
        {"member_id": 1, "organization_id": 1, "activity_type": "site_visit", "happened_on": "2026-11-02"}
    )

    member_id: Identifier
    organization_id: Identifier
    activity_type: ActivityType
    happened_on: RecordDay
    outcome: ActivityOutcome | None = None
    location: str | None = Field(default=None, max_length=255, pattern=TEXT)
    workers_contacted: int = Field(default=0, ge=0, le=100_000)
    cards_signed: int = Field(default=0, ge=0, le=100_000)
    description: str | None = Field(default=None, max_length=4000, pattern=TEXT)


class ActivityChange(BaseModel):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"organization_id": 1, "version": 1})

    version: Version
    organization_id: Identifier | None = None
    activity_type: ActivityType | None = None
    happened_on: RecordDay | None = None
    outcome: ActivityOutcome | None = None
    location: str | None = Field(default=None, max_length=255, pattern=TEXT)
    workers_contacted: int | None = Field(default=None, ge=0, le=100_000)
    cards_signed: int | None = Field(default=None, ge=0, le=100_000)
    description: str | None = Field(default=None, max_length=4000, pattern=TEXT)


class ActivityItem(BaseModel):
    """Organizing activity of a member at an employer"""

    id: int
    version: int
    member_id: int
    organization_id: int
    activity_type: ActivityType
    happened_on: date
    outcome: ActivityOutcome | None
    location: str | None
    workers_contacted: int
    cards_signed: int
    description: str | None
    first_name: str
    last_name: str
    organization_name: str
