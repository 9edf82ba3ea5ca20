"""Beginning a card payment."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from ip2a.checkout.models import CheckoutStatus
from ip2a.payments.schemas import MAXIMUM_AMOUNT


class CheckoutOrder(BaseModel):
    """How much to pay by card; everything that is open when left out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"amount_cents": 7500}]})

    amount_cents: int | None = Field(default=None, strict=True, ge=50, le=MAXIMUM_AMOUNT)


class CheckoutItem(BaseModel):
    """A checkout; send the browser to `url`. Only a signed message of the provider makes it `paid`."""

    id: int
    dues_payment_id: int
    amount_cents: int
    status: CheckoutStatus
    url: str | None
    expires_at: datetime


class Received(BaseModel):
    """What became of a provider's event."""

    outcome: str = Field(description="taken, repeated or ignored")
