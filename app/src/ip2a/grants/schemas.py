"""Grants as taken and as shown."""

from datetime import date

from pydantic import BaseModel, Field

from ip2a.grants.models import ExpenseCategory, GrantStatus
from ip2a.records.schemas import MAXIMUM_CENTS, TEXT, RecordDay, Version, strict


class GrantOrder(BaseModel):
    """What is given for a new grant for the training."""

    model_config = strict(
        {"grant_number": "WA-2026-17", "name": "Pre-apprenticeship", "total_cents": 25000000, "starts_on": "2026-07-01"}
    )

    grant_number: str = Field(min_length=1, max_length=100, pattern=TEXT)
    name: str = Field(min_length=1, max_length=255, pattern=TEXT)
    funding_source: str | None = Field(default=None, max_length=255, pattern=TEXT)
    total_cents: int = Field(strict=True, ge=0, le=MAXIMUM_CENTS)
    starts_on: RecordDay
    ends_on: RecordDay | None = None
    status: GrantStatus = GrantStatus.PENDING
    target_enrollment: int | None = Field(default=None, ge=0, le=100_000)
    target_completion: int | None = Field(default=None, ge=0, le=100_000)
    target_placement: int | None = Field(default=None, ge=0, le=100_000)
    next_report_due: RecordDay | None = None


class GrantChange(BaseModel):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"name": "Pre-apprenticeship", "version": 1})

    version: Version
    name: str | None = Field(default=None, min_length=1, max_length=255, pattern=TEXT)
    funding_source: str | None = Field(default=None, max_length=255, pattern=TEXT)
    total_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)
    starts_on: RecordDay | None = None
    ends_on: RecordDay | None = None
    status: GrantStatus | None = None
    target_enrollment: int | None = Field(default=None, ge=0, le=100_000)
    target_completion: int | None = Field(default=None, ge=0, le=100_000)
    target_placement: int | None = Field(default=None, ge=0, le=100_000)
    next_report_due: RecordDay | None = None


class GrantItem(BaseModel):
    """Grant for the training"""

    id: int
    version: int
    grant_number: str
    name: str
    funding_source: str | None
    total_cents: int
    starts_on: date
    ends_on: date | None
    status: GrantStatus
    target_enrollment: int | None
    target_completion: int | None
    target_placement: int | None
    next_report_due: date | None
    spent_cents: int


class ExpenseOrder(BaseModel):
    """What is given for a new expense paid out of a grant."""

    model_config = strict(
        {"description": "Hand tools", "category": "tools", "amount_cents": 129900, "spent_on": "2026-11-02"}
    )

    description: str = Field(min_length=1, max_length=255, pattern=TEXT)
    category: ExpenseCategory
    amount_cents: int = Field(strict=True, ge=0, le=MAXIMUM_CENTS)
    vendor: str | None = Field(default=None, max_length=255, pattern=TEXT)
    spent_on: RecordDay


class ExpenseItem(BaseModel):
    """Expense paid out of a grant"""

    id: int
    version: int
    grant_id: int
    description: str
    category: ExpenseCategory
    amount_cents: int
    vendor: str | None
    spent_on: date
