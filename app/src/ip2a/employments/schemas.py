"""A member's employments as they see them."""

from datetime import date

from pydantic import BaseModel, Field

from ip2a.records.schemas import MAXIMUM_CENTS, TEXT, RecordDay, Version, strict
from ip2a.web.keyset import Identifier


class EmploymentItem(BaseModel):
    """One job; an open end date means it is current."""

    id: int
    organization_id: int
    organization_name: str
    start_date: date
    end_date: date | None
    job_title: str | None
    hourly_rate_cents: int | None


class EmploymentPage(BaseModel):
    """Newest first; pass `next` as `after` for the page behind it."""

    items: list[EmploymentItem]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class EmploymentOrder(BaseModel):
    """A job a member has or had."""

    model_config = strict({"organization_id": 1, "start_date": "2026-11-02", "job_title": "Inside wireperson"})

    organization_id: Identifier
    start_date: RecordDay
    end_date: RecordDay | None = None
    job_title: str | None = Field(default=None, max_length=100, pattern=TEXT)
    hourly_rate_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)


class EmploymentChange(BaseModel):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"end_date": "2026-11-27", "version": 1})

    version: Version
    start_date: RecordDay | None = None
    end_date: RecordDay | None = None
    job_title: str | None = Field(default=None, max_length=100, pattern=TEXT)
    hourly_rate_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)


class EmploymentRecord(EmploymentItem):
    """A job, for the office."""

    member_id: int
    version: int


class EmployeeItem(BaseModel):
    """A member who works or worked at an organization; an open end date means it is current."""

    id: int
    member_id: int
    member_number: str
    first_name: str
    last_name: str
    start_date: date
    end_date: date | None
    job_title: str | None
