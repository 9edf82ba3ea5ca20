"""Grants as taken and as shown."""

from datetime import date

from pydantic import BaseModel, Field, computed_field

from ip2a.grants import rules
from ip2a.grants.models import EnrollmentStatus, ExpenseCategory, GrantOutcome, GrantStatus
from ip2a.records.schemas import MAXIMUM_CENTS, TEXT, RecordDay, Version, strict
from ip2a.web.keyset import Identifier


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
    enrolled: int
    completed: int
    gone: int
    placed: int

    @computed_field(description="Share of those who ever enrolled that did not withdraw or drop out.")  # type: ignore[prop-decorator]
    @property
    def retention(self) -> float | None:
        """Share of those who stayed."""
        return rules.retention(self.enrolled, self.gone)

    @computed_field(description="Share of the money that is spent.")  # type: ignore[prop-decorator]
    @property
    def utilisation(self) -> float | None:
        """Share of the money that is spent."""
        return rules.utilisation(self.spent_cents, self.total_cents)


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


class TakingPart(BaseModel):
    """What may become of a student in what a grant pays for."""

    completed_on: RecordDay | None = None
    outcome: GrantOutcome | None = None
    placed_on: RecordDay | None = None
    placement_employer: str | None = Field(default=None, max_length=200, pattern=TEXT)
    placement_job_title: str | None = Field(default=None, max_length=200, pattern=TEXT)


class GrantEnrollmentOrder(TakingPart):
    """A student who takes part in what a grant pays for."""

    model_config = strict({"student_id": 1, "enrolled_on": "2026-11-02"})

    student_id: Identifier
    enrolled_on: RecordDay
    status: EnrollmentStatus = EnrollmentStatus.ENROLLED


class GrantEnrollmentChange(TakingPart):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"status": "completed", "completed_on": "2026-11-27", "version": 1})

    version: Version
    status: EnrollmentStatus | None = None
    enrolled_on: RecordDay | None = None


class GrantEnrollmentItem(BaseModel):
    """A student in what a grant pays for"""

    id: int
    version: int
    grant_id: int
    student_id: int
    student_number: str
    first_name: str
    last_name: str
    enrolled_on: date
    status: EnrollmentStatus
    completed_on: date | None
    outcome: GrantOutcome | None
    placed_on: date | None
    placement_employer: str | None
    placement_job_title: str | None
