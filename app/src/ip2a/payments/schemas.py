"""Recording a payment, and its receipt; amounts are integer cents."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from ip2a.dues.models import DuesStatus
from ip2a.payments.models import PaymentMethod

MAXIMUM_AMOUNT = 1_000_000  # cents; a single payment above this is a typing error


class PaymentRequest(BaseModel):
    """How much was paid, and how."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"amount_cents": 7500, "method": "online"}]}
    )

    amount_cents: int = Field(strict=True, ge=1, le=MAXIMUM_AMOUNT)
    method: PaymentMethod = PaymentMethod.ONLINE


class PaymentItem(BaseModel):
    """A recorded payment as the office sees it."""

    id: int
    receipt_number: str
    dues_payment_id: int
    member_id: int
    member_number: str
    first_name: str
    last_name: str
    period_year: int
    period_month: int
    amount_cents: int
    given_back_cents: int = Field(description="Of refunds that were made.")
    asked_back_cents: int = Field(description="Of refunds that were not denied and did not fail, made or not.")
    method: PaymentMethod
    recorded_at: datetime


class Receipt(BaseModel):
    """A recorded payment and what is left of the month it was for."""

    payment_id: int
    receipt_number: str
    dues_payment_id: int
    amount_cents: int
    method: PaymentMethod
    recorded_at: datetime
    balance_cents: int = Field(description="What is still to be paid for the month.")
    status: DuesStatus
