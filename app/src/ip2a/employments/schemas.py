"""A member's employments as they see them."""

from datetime import date

from pydantic import BaseModel, Field


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
