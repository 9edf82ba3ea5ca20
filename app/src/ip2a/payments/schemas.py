"""Recording a payment, and its receipt; amounts are integer cents."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ip2a.dues.models import DuesStatus
from ip2a.payments.models import OF_THE_PROVIDER, PaymentMethod

MAXIMUM_AMOUNT = 1_000_000  # cents; a single payment above this is a typing error


class PaymentRequest(BaseModel):
    """How much was paid, and how: not through the payment provider, which tells of its payments itself."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"amount_cents": 7500, "method": "check"}]}
    )

    amount_cents: int = Field(strict=True, ge=1, le=MAXIMUM_AMOUNT)
    method: PaymentMethod = PaymentMethod.ONLINE

    @field_validator("method")
    @classmethod
    def _by_hand(cls, value: PaymentMethod) -> PaymentMethod:
        if value in OF_THE_PROVIDER:
            raise ValueError("is for payments that the payment provider tells of; use credit_card or ach_transfer")
        return value


class OwnPaymentRequest(PaymentRequest):
    """How much a member pays, which is always online."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"amount_cents": 7500, "method": "online"}]}
    )

    method: Literal[PaymentMethod.ONLINE] = PaymentMethod.ONLINE


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
