"""Asking for refunds; amounts are integer cents."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from ip2a.payments.schemas import MAXIMUM_AMOUNT
from ip2a.refunds.models import RefundStatus


class RefundOrder(BaseModel):
    """How much of a payment to give back, and why."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={"examples": [{"amount_cents": 7500, "reason": "paid twice"}]},
    )

    amount_cents: int = Field(strict=True, ge=1, le=MAXIMUM_AMOUNT)
    reason: str = Field(min_length=3, max_length=500)


class RefundItem(BaseModel):
    """A refund; `requested_by_id` is null where it began at the payment provider."""

    id: int
    payment_id: int
    receipt_number: str
    dues_payment_id: int
    member_id: int
    member_number: str
    first_name: str
    last_name: str
    amount_cents: int
    reason: str
    status: RefundStatus
    requested_by_id: int | None
    requested_at: datetime
    decided_by_id: int | None
    decided_at: datetime | None
    refunded_at: datetime | None
