"""Reports as they are asked for and shown."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, JsonValue, model_validator

from ip2a.members.models import MemberClassification, MemberStatus
from ip2a.records.schemas import strict
from ip2a.reports.models import ReportFormat, ReportKind, ReportState
from ip2a.web.keyset import Identifier
from ip2a.web.times import Day

LONGEST_PERIOD = timedelta(days=366)
OCTOBER = {"first_day": "2026-10-01", "last_day": "2026-10-31"}
ReportDay = Annotated[Day, Field(ge=date(1990, 1, 1), le=date(2199, 12, 31))]


class _Order(BaseModel):
    format: ReportFormat = Field(examples=["xlsx"])

    def parameters(self) -> dict[str, Any]:
        """What was chosen, as it is stored."""
        return self.model_dump(mode="json", exclude={"kind", "format"}, exclude_none=True)


class _OfPeriod(_Order):
    first_day: ReportDay = Field(description="By the local's calendar.", examples=[OCTOBER["first_day"]])
    last_day: ReportDay = Field(description="Included; at most a year later.", examples=[OCTOBER["last_day"]])

    @model_validator(mode="after")
    def _check_period(self) -> Self:
        if not timedelta(0) <= self.last_day - self.first_day <= LONGEST_PERIOD:
            raise ValueError("last_day must be first_day or later, and at most 366 days later")
        return self


class RosterOrder(_Order):
    """The members of the local."""

    model_config = strict({"kind": "roster", "format": "xlsx"})

    kind: Literal[ReportKind.ROSTER]
    status: MemberStatus | None = None
    classification: MemberClassification | None = None


class OverdueOrder(_Order):
    """Members who owe for overdue months."""

    model_config = strict({"kind": "overdue_dues", "format": "pdf"})

    kind: Literal[ReportKind.OVERDUE_DUES]
    classification: MemberClassification | None = None


class OutOfWorkOrder(_Order):
    """Who waits on the books."""

    model_config = strict({"kind": "out_of_work", "format": "pdf"})

    kind: Literal[ReportKind.OUT_OF_WORK]
    book_id: Identifier | None = None


class DispatchLogOrder(_OfPeriod):
    """Dispatches of a period."""

    model_config = strict(
        {"kind": "dispatch_log", "format": "csv", "first_day": "2026-10-01", "last_day": "2026-10-31"}
    )

    kind: Literal[ReportKind.DISPATCH_LOG]
    book_id: Identifier | None = None


class TrainingOrder(_Order):
    """Students with courses, attendance and grades."""

    model_config = strict({"kind": "training", "format": "csv"})

    kind: Literal[ReportKind.TRAINING]
    course_id: Identifier | None = None


class AuditOrder(_OfPeriod):
    """The audit trail of a period; for administrators."""

    model_config = strict({"kind": "audit", "format": "csv", **OCTOBER})

    kind: Literal[ReportKind.AUDIT]
    user_id: Identifier | None = None
    member_id: Identifier | None = None
    table: str | None = Field(default=None, max_length=100, pattern=r"^[a-z_]+$", examples=["members"])


ReportOrder = Annotated[
    RosterOrder | OverdueOrder | OutOfWorkOrder | DispatchLogOrder | TrainingOrder | AuditOrder,
    Field(discriminator="kind"),
]


class ReportItem(BaseModel):
    """A report: how far it is, and until when it can be downloaded once it is done."""

    id: int
    kind: ReportKind
    format: ReportFormat
    parameters: dict[str, JsonValue]
    state: ReportState
    progress: int = Field(description="Percent.")
    row_count: int | None
    size_bytes: int | None
    failure: str | None = Field(description="Why there is none, and what to do.")
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime
