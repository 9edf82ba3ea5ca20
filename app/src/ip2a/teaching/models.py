"""Locations, cohorts, instructors with their hours, and tools lent to students."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String, UniqueConstraint, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Record, Removable, deleted_ones, text_enum


class LocationType(StrEnum):
    """What a place is."""

    TRAINING_SITE = "training_site"
    SCHOOL = "school"
    OFFICE = "office"
    JOBSITE = "jobsite"
    VENDOR = "vendor"
    OTHER = "other"


class CohortStatus(StrEnum):
    """Where a cohort stands."""

    PLANNED = "planned"
    ENROLLING = "enrolling"
    ACTIVE = "active"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class ReturnCondition(StrEnum):
    """How a tool came back; a lost one did not."""

    GOOD = "good"
    WORN = "worn"
    DAMAGED = "damaged"
    LOST = "lost"


class Location(Removable):
    """A place where classes are held"""

    __tablename__ = "locations"
    __table_args__ = (
        deleted_ones("locations"),
        CheckConstraint("capacity > 0", name="capacity"),
    )

    code: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    location_type: Mapped[LocationType] = mapped_column(text_enum(LocationType, "type"))
    address: Mapped[str | None] = mapped_column(String(255))
    city: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str | None] = mapped_column(String(2))
    zip_code: Mapped[str | None] = mapped_column(String(20))
    capacity: Mapped[int | None]
    contact_name: Mapped[str | None] = mapped_column(String(100))
    contact_phone: Mapped[str | None] = mapped_column(String(50))
    contact_email: Mapped[str | None] = mapped_column(String(255))
    remarks: Mapped[str | None] = mapped_column(String(1000))


class Cohort(Removable):
    """Students who are trained together; classes, enrollments and students name it by `code`"""

    __tablename__ = "cohorts"
    __table_args__ = (
        deleted_ones("cohorts"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="dates"),
        CheckConstraint("max_students > 0", name="max_students"),
        Index(None, "status", "id"),
        Index(None, "location_id"),
    )

    code: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(String(1000))
    status: Mapped[CohortStatus] = mapped_column(text_enum(CohortStatus, "status"), server_default="planned")
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    max_students: Mapped[int | None]


class Instructor(Removable):
    """Somebody who teaches; the account with the same address is their own"""

    __tablename__ = "instructors"
    __table_args__ = (
        deleted_ones("instructors"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        Index(None, "last_name", "first_name", "id"),
    )

    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(255), unique=True)
    phone: Mapped[str | None] = mapped_column(String(50))
    specialties: Mapped[str | None] = mapped_column(String(1000))
    certification: Mapped[str | None] = mapped_column(String(255))
    is_contractor: Mapped[bool] = mapped_column(server_default=false())
    is_active: Mapped[bool] = mapped_column(server_default=true())


class CohortInstructor(Record):
    """An instructor of a cohort; one of them at most is the primary one"""

    __tablename__ = "cohort_instructors"
    __table_args__ = (
        UniqueConstraint("cohort_id", "instructor_id"),
        Index("uq_cohort_instructors_primary", "cohort_id", unique=True, postgresql_where=text("is_primary")),
        Index(None, "instructor_id"),
    )

    cohort_id: Mapped[int] = mapped_column(ForeignKey("cohorts.id"))
    instructor_id: Mapped[int] = mapped_column(ForeignKey("instructors.id"))
    is_primary: Mapped[bool] = mapped_column(server_default=false())


class InstructorHours(Record):
    """What an instructor worked on a day, teaching and preparing; final once it is paid"""

    __tablename__ = "instructor_hours"
    __table_args__ = (
        CheckConstraint(
            "hours >= 0 AND prep_hours >= 0 AND hours + prep_hours > 0 AND hours + prep_hours <= 24", name="hours"
        ),
        CheckConstraint("rate_cents >= 0", name="rate"),
        CheckConstraint("paid_on IS NULL OR paid_on >= worked_on", name="paid"),
        Index(None, "instructor_id", "id"),
        Index("ix_instructor_hours_unpaid", "id", postgresql_where=text("paid_on IS NULL")),
        Index(None, "cohort_id"),
    )

    instructor_id: Mapped[int] = mapped_column(ForeignKey("instructors.id"))
    cohort_id: Mapped[int | None] = mapped_column(ForeignKey("cohorts.id"))
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    worked_on: Mapped[date]
    hours: Mapped[Decimal] = mapped_column(Numeric(4, 2))
    prep_hours: Mapped[Decimal] = mapped_column(Numeric(4, 2), server_default="0")
    rate_cents: Mapped[int | None]
    remarks: Mapped[str | None] = mapped_column(String(500))
    paid_on: Mapped[date | None]


class ToolLoan(Record):
    """Tools lent to a student until they come back, or are lost"""

    __tablename__ = "tool_loans"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("value_cents >= 0", name="value"),
        CheckConstraint("returned_on >= issued_on", name="returned"),
        CheckConstraint("(returned_on IS NULL) = (return_condition IS NULL)", name="ended"),
        Index(None, "student_id", "id"),
        Index("ix_tool_loans_out", "id", postgresql_where=text("returned_on IS NULL")),
        Index(
            "uq_tool_loans_serial_number", "serial_number", unique=True, postgresql_where=text("returned_on IS NULL")
        ),
    )

    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    tool_name: Mapped[str] = mapped_column(String(255))
    category: Mapped[str | None] = mapped_column(String(100))
    serial_number: Mapped[str | None] = mapped_column(String(100))
    quantity: Mapped[int] = mapped_column(server_default="1")
    value_cents: Mapped[int | None]
    issued_on: Mapped[date]
    returned_on: Mapped[date | None]
    return_condition: Mapped[ReturnCondition | None] = mapped_column(text_enum(ReturnCondition, "condition"))
    remarks: Mapped[str | None] = mapped_column(String(500))
