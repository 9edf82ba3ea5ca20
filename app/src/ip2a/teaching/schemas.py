"""Locations, cohorts, instructors, hours and tools as taken and as shown. Amounts are integer cents."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, EmailStr, Field, computed_field

from ip2a.records.schemas import MAXIMUM_CENTS, TEXT, RecordDay, Version, strict
from ip2a.teaching.models import CohortStatus, LocationType, ReturnCondition
from ip2a.web.keyset import Identifier

CODE = r"^[A-Za-z0-9-]+$"
PHONE = r"^[0-9+(). -]{7,50}$"
Address = Annotated[
    EmailStr,
    Field(max_length=255, description="The account with this address is the instructor's own."),
    AfterValidator(str.lower),
]


class _LocationFields(BaseModel):
    address: str | None = Field(default=None, max_length=255, pattern=TEXT)
    city: str | None = Field(default=None, max_length=100, pattern=TEXT)
    state: str | None = Field(default=None, pattern="^[A-Z]{2}$")
    zip_code: str | None = Field(default=None, pattern=r"^\d{5}(-\d{4})?$")
    capacity: int | None = Field(default=None, strict=True, ge=1, le=10_000)
    contact_name: str | None = Field(default=None, max_length=100, pattern=TEXT)
    contact_phone: str | None = Field(default=None, max_length=50, pattern=PHONE)
    contact_email: EmailStr | None = Field(default=None, max_length=255)
    remarks: str | None = Field(default=None, max_length=1000, pattern=TEXT)


class LocationOrder(_LocationFields):
    """A new place where classes are held."""

    model_config = strict({"code": "KENT-1", "name": "Training center Kent", "location_type": "training_site"})

    code: str = Field(min_length=1, max_length=50, pattern=CODE)
    name: str = Field(min_length=1, max_length=255, pattern=TEXT)
    location_type: LocationType


class LocationChange(_LocationFields):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"capacity": 24, "version": 1})

    version: Version
    name: str | None = Field(default=None, min_length=1, max_length=255, pattern=TEXT)
    location_type: LocationType | None = None


class LocationItem(BaseModel):
    """A place where classes are held."""

    id: int
    version: int
    code: str
    name: str
    location_type: LocationType
    address: str | None
    city: str | None
    state: str | None
    zip_code: str | None
    capacity: int | None
    contact_name: str | None
    contact_phone: str | None
    contact_email: str | None
    remarks: str | None


class _CohortFields(BaseModel):
    description: str | None = Field(default=None, max_length=1000, pattern=TEXT)
    ends_on: RecordDay | None = None
    location_id: Identifier | None = None
    max_students: int | None = Field(default=None, strict=True, ge=1, le=1000)


class CohortOrder(_CohortFields):
    """A new cohort."""

    model_config = strict({"code": "2026-A", "name": "Autumn 2026", "starts_on": "2026-12-01"})

    code: str = Field(min_length=1, max_length=50, pattern=CODE)
    name: str = Field(min_length=1, max_length=100, pattern=TEXT)
    starts_on: RecordDay
    status: CohortStatus = CohortStatus.PLANNED


class CohortChange(_CohortFields):
    """Fields to change; absent ones stay, null empties. The code stays: classes and enrollments name it."""

    model_config = strict({"status": "active", "version": 1})

    version: Version
    name: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    starts_on: RecordDay | None = None
    status: CohortStatus | None = None


class CohortItem(BaseModel):
    """A cohort; `students` are those enrolled with it in any course."""

    id: int
    version: int
    code: str
    name: str
    description: str | None
    status: CohortStatus
    starts_on: date
    ends_on: date | None
    location_id: int | None
    location_name: str | None
    max_students: int | None
    students: int


class InstructorOrder(BaseModel):
    """Somebody who teaches."""

    model_config = strict({"first_name": "Ana", "last_name": "Diaz", "email": "ana.diaz@example.org"})

    first_name: str = Field(min_length=1, max_length=100, pattern=TEXT)
    last_name: str = Field(min_length=1, max_length=100, pattern=TEXT)
    email: Address
    phone: str | None = Field(default=None, max_length=50, pattern=PHONE)
    specialties: str | None = Field(default=None, max_length=1000, pattern=TEXT)
    certification: str | None = Field(default=None, max_length=255, pattern=TEXT)
    is_contractor: bool = False


class InstructorChange(BaseModel):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"phone": "(206) 555-0100", "version": 1})

    version: Version
    first_name: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    last_name: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    email: Address | None = None
    phone: str | None = Field(default=None, max_length=50, pattern=PHONE)
    specialties: str | None = Field(default=None, max_length=1000, pattern=TEXT)
    certification: str | None = Field(default=None, max_length=255, pattern=TEXT)
    is_contractor: bool | None = None
    is_active: bool | None = None


class InstructorItem(BaseModel):
    """Somebody who teaches."""

    id: int
    version: int
    first_name: str
    last_name: str
    email: str
    phone: str | None
    specialties: str | None
    certification: str | None
    is_contractor: bool
    is_active: bool


class AssignmentOrder(BaseModel):
    """An instructor for a cohort."""

    model_config = strict({"instructor_id": 1, "is_primary": True})

    instructor_id: Identifier
    is_primary: bool = False


class AssignmentItem(BaseModel):
    """An instructor of a cohort."""

    id: int
    cohort_id: int
    instructor_id: int
    first_name: str
    last_name: str
    is_primary: bool


class OwnHoursOrder(BaseModel):
    """What was worked on a day."""

    model_config = strict({"worked_on": "2026-11-20", "hours": 3, "prep_hours": "0.5"})

    worked_on: RecordDay
    hours: Decimal = Field(ge=0, le=24, max_digits=4, decimal_places=2)
    prep_hours: Decimal = Field(default=Decimal(0), ge=0, le=24, max_digits=4, decimal_places=2)
    cohort_id: Identifier | None = None
    location_id: Identifier | None = None
    remarks: str | None = Field(default=None, max_length=500, pattern=TEXT)


class HoursOrder(OwnHoursOrder):
    """What an instructor worked on a day, and what an hour is paid with."""

    model_config = strict({"worked_on": "2026-11-20", "hours": 3, "rate_cents": 4500})

    rate_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)


class HoursChange(BaseModel):
    """Fields to change; absent ones stay, null empties. With `paid_on` it is final."""

    model_config = strict({"paid_on": "2026-11-30", "version": 1})

    version: Version
    worked_on: RecordDay | None = None
    hours: Decimal | None = Field(default=None, ge=0, le=24, max_digits=4, decimal_places=2)
    prep_hours: Decimal | None = Field(default=None, ge=0, le=24, max_digits=4, decimal_places=2)
    cohort_id: Identifier | None = None
    location_id: Identifier | None = None
    remarks: str | None = Field(default=None, max_length=500, pattern=TEXT)
    rate_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)
    paid_on: RecordDay | None = None


class HoursItem(BaseModel):
    """What an instructor worked on a day."""

    id: int
    version: int
    instructor_id: int
    first_name: str
    last_name: str
    cohort_id: int | None
    cohort_code: str | None
    location_id: int | None
    location_name: str | None
    worked_on: date
    hours: Decimal
    prep_hours: Decimal
    rate_cents: int | None
    remarks: str | None
    paid_on: date | None

    @computed_field  # type: ignore[prop-decorator]  # pydantic's way
    @property
    def total_hours(self) -> Decimal:
        """Teaching and preparing."""
        return self.hours + self.prep_hours


class ToolOrder(BaseModel):
    """Tools that are lent to a student."""

    model_config = strict({"tool_name": "Conduit bender 1/2 in", "issued_on": "2026-11-20"})

    tool_name: str = Field(min_length=1, max_length=255, pattern=TEXT)
    category: str | None = Field(default=None, max_length=100, pattern=TEXT)
    serial_number: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    quantity: int = Field(default=1, strict=True, ge=1, le=1000)
    value_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)
    issued_on: RecordDay
    remarks: str | None = Field(default=None, max_length=500, pattern=TEXT)


class ToolChange(BaseModel):
    """Fields to change; absent ones stay, null empties. What came back says when and how."""

    model_config = strict({"returned_on": "2026-12-20", "return_condition": "good", "version": 1})

    version: Version
    tool_name: str | None = Field(default=None, min_length=1, max_length=255, pattern=TEXT)
    category: str | None = Field(default=None, max_length=100, pattern=TEXT)
    serial_number: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    quantity: int | None = Field(default=None, strict=True, ge=1, le=1000)
    value_cents: int | None = Field(default=None, strict=True, ge=0, le=MAXIMUM_CENTS)
    issued_on: RecordDay | None = None
    returned_on: RecordDay | None = None
    return_condition: ReturnCondition | None = None
    remarks: str | None = Field(default=None, max_length=500, pattern=TEXT)


class ToolItem(BaseModel):
    """Tools that are, or were, lent to a student."""

    id: int
    version: int
    student_id: int
    student_number: str
    first_name: str
    last_name: str
    tool_name: str
    category: str | None
    serial_number: str | None
    quantity: int
    value_cents: int | None
    issued_on: date
    returned_on: date | None
    return_condition: ReturnCondition | None
    remarks: str | None
