"""`spec.autoscaling`: who decides the sizes, and within which bounds."""

from typing import Literal

from pydantic import Field

from ip2a_operator.api.base import Rule, Section, cel


class Bounds(Section):
    """An inclusive range."""

    min: int | None = Field(default=None, ge=1, le=200, description="Lower bound; derived when left out.")
    max: int | None = Field(default=None, ge=1, le=200, description="Upper bound; derived when left out.")

    model_config = cel(
        Rule("!(has(self.min) && has(self.max)) || self.min <= self.max", "min must not be greater than max")
    )


class Autoscaling(Section):
    """Off: sizes are those of the spec. Recommend: status says what would be better. Auto: the operator does
    it."""

    mode: Literal["Off", "Recommend", "Auto"] = Field(default="Recommend", description="Off, Recommend or Auto.")
    app: Bounds = Field(default=Bounds(), description="App pods.")
    database: Bounds = Field(default=Bounds(), description="Database instances.")
    pool: Bounds = Field(default=Bounds(), description="Server connections of one PgBouncer pod.")
