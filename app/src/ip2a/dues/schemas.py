"""What a member owes and has paid; amounts are integer cents."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from ip2a.dues.models import DuesStatus
from ip2a.members.models import MemberClassification


class DuesItem(BaseModel):
    """Dues of one month."""

    id: int
    period_year: int
    period_month: int
    due_date: date
    amount_due_cents: int
    amount_paid_cents: int
    status: DuesStatus

    @property
    def open_cents(self) -> int:
        """What is still to be paid."""
        if self.status in {DuesStatus.WAIVED, DuesStatus.WRITTEN_OFF}:
            return 0
        return self.amount_due_cents - self.amount_paid_cents


class DuesSummary(BaseModel):
    """Over all months."""

    due_cents: int
    paid_cents: int
    balance_cents: int = Field(description="Still to be paid; waived and written-off months count nothing.")
    overdue_periods: int
    last_payment_at: datetime | None = Field(
        default=None, description="Of the newest payment that was recorded; null when there is none."
    )


class DuesResponse(BaseModel):
    """A member's dues, newest month first; pass `next` as `before` for older ones."""

    summary: DuesSummary
    items: list[DuesItem]
    next: str | None = Field(description="Month (YYYY-MM) to pass as `before`; null on the last page.")


class DuesRateItem(BaseModel):
    """The monthly amount of a classification."""

    classification: MemberClassification
    monthly_amount_cents: int
    effective_date: date
    end_date: date | None
