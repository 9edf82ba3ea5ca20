"""Grievances as taken and as shown."""

from datetime import date

from pydantic import BaseModel, Field

from ip2a.grievances.models import GrievanceStatus, GrievanceStepName, StepOutcome
from ip2a.records.schemas import MAXIMUM_CENTS, TEXT, RecordDay, Version, strict
from ip2a.web.keyset import Identifier


class GrievanceOrder(BaseModel):
    """What is given for a new grievance of a member against an employer."""

    model_config = strict(
        {"member_id": 1, "employer_id": 1, "filed_on": "2026-11-02", "violation": "Overtime was not paid."}
    )

    member_id: Identifier
    employer_id: Identifier
    filed_on: RecordDay
    incident_on: RecordDay | None = None
    contract_article: str | None = Field(default=None, max_length=50, pattern=TEXT)
    violation: str = Field(min_length=1, max_length=4000, pattern=TEXT)
    remedy_sought: str | None = Field(default=None, max_length=2000, pattern=TEXT)
    current_step: GrievanceStepName = GrievanceStepName.STEP_1
    status: GrievanceStatus = GrievanceStatus.OPEN
    assigned_to: str | None = Field(default=None, max_length=100, pattern=TEXT)
    resolution: str | None = Field(default=None, max_length=2000, pattern=TEXT)
    resolved_on: RecordDay | None = None
    settlement_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)


class GrievanceChange(BaseModel):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"employer_id": 1, "version": 1})

    version: Version
    employer_id: Identifier | None = None
    incident_on: RecordDay | None = None
    contract_article: str | None = Field(default=None, max_length=50, pattern=TEXT)
    violation: str | None = Field(default=None, min_length=1, max_length=4000, pattern=TEXT)
    remedy_sought: str | None = Field(default=None, max_length=2000, pattern=TEXT)
    current_step: GrievanceStepName | None = None
    status: GrievanceStatus | None = None
    assigned_to: str | None = Field(default=None, max_length=100, pattern=TEXT)
    resolution: str | None = Field(default=None, max_length=2000, pattern=TEXT)
    resolved_on: RecordDay | None = None
    settlement_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)


class GrievanceItem(BaseModel):
    """Grievance of a member against an employer"""

    id: int
    version: int
    grievance_number: str
    member_id: int
    employer_id: int
    filed_on: date
    incident_on: date | None
    contract_article: str | None
    violation: str
    remedy_sought: str | None
    current_step: GrievanceStepName
    status: GrievanceStatus
    assigned_to: str | None
    resolution: str | None
    resolved_on: date | None
    settlement_cents: int | None
    first_name: str
    last_name: str
    employer_name: str


class GrievanceStepOrder(BaseModel):
    """What is given for a new meeting about a grievance."""

    model_config = strict({"step_number": 1, "met_on": "2026-11-09", "outcome": "advanced"})

    step_number: int = Field(ge=0, le=100_000)
    met_on: RecordDay
    union_attendees: str | None = Field(default=None, max_length=500, pattern=TEXT)
    employer_attendees: str | None = Field(default=None, max_length=500, pattern=TEXT)
    outcome: StepOutcome
    remarks: str | None = Field(default=None, max_length=2000, pattern=TEXT)


class GrievanceStepItem(BaseModel):
    """Meeting about a grievance"""

    id: int
    version: int
    grievance_id: int
    member_id: int
    step_number: int
    met_on: date
    union_attendees: str | None
    employer_attendees: str | None
    outcome: StepOutcome
    remarks: str | None
