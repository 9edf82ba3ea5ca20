"""Applications as written and as shown."""

from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from ip2a.applications.models import ApplicationStatus
from ip2a.web.times import Day


class ApplicationForm(BaseModel):
    """What an applicant tells."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={"examples": [{"phone": "(206) 555-0100", "city": "Kent", "education": "High school"}]},
    )

    phone: str | None = Field(default=None, pattern=r"^[0-9+(). -]{7,50}$")
    city: str | None = Field(default=None, max_length=100)
    education: str | None = Field(default=None, max_length=1000)
    experience: str | None = Field(default=None, max_length=2000)


class ApplicationItem(BaseModel):
    """An application."""

    id: int
    user_id: int
    status: ApplicationStatus
    first_name: str
    last_name: str
    phone: str | None
    city: str | None
    education: str | None
    experience: str | None
    submitted_at: datetime | None
    interview_on: date | None
    score: Decimal | None
    decided_at: datetime | None


class OfficeStep(BaseModel):
    """The next state an application is brought into; an interview has a day, its outcome may have a score."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "under_review"}]})

    status: ApplicationStatus
    interview_on: Day | None = None
    score: Decimal | None = Field(default=None, ge=0, le=100, max_digits=5, decimal_places=2)
