"""Months of dues and adjustments; amounts are integer cents."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from ip2a.billing.models import AdjustmentStatus, AdjustmentType
from ip2a.dues.models import DuesStatus
from ip2a.members.models import MemberClassification
from ip2a.payments.schemas import MAXIMUM_AMOUNT
from ip2a.web.keyset import Identifier
from ip2a.web.times import Day


class PeriodOrder(BaseModel):
    """Which month to generate."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"year": 2026, "month": 12}]})

    year: int = Field(strict=True, ge=2000, le=2100)
    month: int = Field(strict=True, ge=1, le=12)


class RateOrder(BaseModel):
    """A new monthly amount of a classification, from a day that has not begun."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"classification": "journeyman", "monthly_amount_cents": 8000, "effective_date": "2050-01-01"}]
        },
    )

    classification: MemberClassification
    monthly_amount_cents: int = Field(strict=True, ge=0, le=MAXIMUM_AMOUNT)
    effective_date: Day


class PeriodItem(BaseModel):
    """A month of dues."""

    id: int
    period_year: int
    period_month: int
    due_date: date
    grace_period_end: date
    is_closed: bool
    closed_at: datetime | None


class GeneratedPeriod(PeriodItem):
    """A month, and how many members' dues were added just now."""

    generated: int


class MemberDuesItem(BaseModel):
    """What one member owes for a month."""

    id: int
    member_id: int
    member_number: str
    first_name: str
    last_name: str
    amount_due_cents: int
    amount_paid_cents: int
    status: DuesStatus


class DuesOfMonth(MemberDuesItem):
    """What one member owes for a month, and which."""

    period_id: int
    period_year: int
    period_month: int
    due_date: date


class OverdueResult(BaseModel):
    """How many dues changed their status."""

    changed: int


class AdjustmentOrder(BaseModel):
    """A change of what is due; a negative amount is a credit. A write-off is of all that is open of the month: it
    stays due, and nobody asks for it any more.
    """

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [
                {"dues_payment_id": 1, "adjustment_type": "hardship", "amount_cents": -2500, "reason": "laid off"}
            ]
        },
    )

    dues_payment_id: Identifier
    adjustment_type: AdjustmentType
    amount_cents: int = Field(strict=True, ge=-MAXIMUM_AMOUNT, le=MAXIMUM_AMOUNT)
    reason: str = Field(min_length=3, max_length=500)


class AdjustmentItem(BaseModel):
    """An adjustment and the dues it is for, as they are now."""

    id: int
    dues_payment_id: int
    member_id: int
    member_number: str
    first_name: str
    last_name: str
    period_year: int
    period_month: int
    adjustment_type: AdjustmentType
    amount_cents: int
    reason: str
    status: AdjustmentStatus
    requested_by_id: int
    requested_at: datetime
    decided_by_id: int | None
    decided_at: datetime | None
    amount_due_cents: int
    amount_paid_cents: int
    dues_status: DuesStatus
