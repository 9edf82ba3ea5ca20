"""Grievances and the meetings about them."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Record, Removable, deleted_ones, text_enum


class GrievanceStepName(StrEnum):
    """How far a grievance has gone."""

    STEP_1 = "step_1"
    STEP_2 = "step_2"
    STEP_3 = "step_3"
    ARBITRATION = "arbitration"


class GrievanceStatus(StrEnum):
    """Where a grievance stands."""

    OPEN = "open"
    INVESTIGATION = "investigation"
    HEARING = "hearing"
    SETTLED = "settled"
    WITHDRAWN = "withdrawn"
    ARBITRATION = "arbitration"
    CLOSED = "closed"


class StepOutcome(StrEnum):
    """How a meeting about a grievance ended."""

    DENIED = "denied"
    SETTLED = "settled"
    ADVANCED = "advanced"


class Grievance(Removable):
    """Grievance of a member against an employer"""

    __tablename__ = "grievances"
    __table_args__ = (
        deleted_ones("grievances"),
        CheckConstraint("resolved_on IS NULL OR resolved_on >= filed_on", name="dates"),
        CheckConstraint("incident_on IS NULL OR incident_on <= filed_on", name="incident"),
        CheckConstraint("settlement_cents >= 0", name="settlement"),
        UniqueConstraint("grievance_number"),
        Index(None, "member_id", "id"),
        Index(None, "status", "id"),
        Index(None, "employer_id"),
    )

    grievance_number: Mapped[str] = mapped_column(String(20))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    employer_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    filed_on: Mapped[date]
    incident_on: Mapped[date | None]
    contract_article: Mapped[str | None] = mapped_column(String(50))
    violation: Mapped[str] = mapped_column(String(4000))
    remedy_sought: Mapped[str | None] = mapped_column(String(2000))
    current_step: Mapped[GrievanceStepName] = mapped_column(
        text_enum(GrievanceStepName, "current_step"), server_default="step_1"
    )
    status: Mapped[GrievanceStatus] = mapped_column(text_enum(GrievanceStatus, "status"), server_default="open")
    assigned_to: Mapped[str | None] = mapped_column(String(100))
    resolution: Mapped[str | None] = mapped_column(String(2000))
    resolved_on: Mapped[date | None]
    settlement_cents: Mapped[int | None]


class GrievanceStep(Record):
    """Meeting about a grievance"""

    __tablename__ = "grievance_steps"
    __table_args__ = (
        CheckConstraint("step_number BETWEEN 1 AND 4", name="step_number"),
        Index(None, "grievance_id", "id"),
    )

    grievance_id: Mapped[int] = mapped_column(ForeignKey("grievances.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    step_number: Mapped[int]
    met_on: Mapped[date]
    union_attendees: Mapped[str | None] = mapped_column(String(500))
    employer_attendees: Mapped[str | None] = mapped_column(String(500))
    outcome: Mapped[StepOutcome] = mapped_column(text_enum(StepOutcome, "outcome"))
    remarks: Mapped[str | None] = mapped_column(String(2000))
