"""`spec.autoscaling`: who decides the sizes, and within which bounds; `status.autoscaling`: what is decided.

Whole numbers with the unit in the name: Kubernetes advises against fractions in resources.
"""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, WithJsonSchema

from ip2a_operator.api.base import Rule, Section, cel
from ip2a_operator.api.workload import CronText

Mode = Literal["Off", "Recommend", "Auto"]
_MIN_MAX = Rule("!(has(self.min) && has(self.max)) || self.min <= self.max", "min must not be greater than max")
_OWN_MODE = "Mode of this actuator; never goes further than autoscaling.mode."


class Bounds(Section):
    """An inclusive range, and how far the autoscaler may go with it."""

    mode: Mode | None = Field(default=None, description=_OWN_MODE)
    min: int | None = Field(default=None, ge=1, le=200, description="Lower bound; derived when left out.")
    max: int | None = Field(default=None, ge=1, le=200, description="Upper bound; derived when left out.")

    model_config = cel(_MIN_MAX)


class AppBounds(Bounds):
    """App pods."""

    target_utilization_percent: int = Field(
        default=75, ge=30, le=95, description="Share of a pod's CPU that demand may use."
    )

    model_config = cel(_MIN_MAX)


class DatabaseBounds(Bounds):
    """Database instances, primary and replicas together."""

    spare: int = Field(default=0, ge=0, le=3, description="Replicas more than the reads need.")
    max_lag_seconds: int = Field(default=5, ge=1, le=600, description="Lag above which replicas are left alone.")
    scale_down_after_minutes: int = Field(
        default=30, ge=1, le=1440, description="A replica goes only after so long without need."
    )

    model_config = cel(_MIN_MAX)


class Slo(Section):
    """What counts as good service."""

    p95_milliseconds: int = Field(default=500, ge=10, le=60_000, description="95 of 100 requests are faster.")
    error_percent: int = Field(default=1, ge=1, le=50, description="Of 100 requests at most so many fail.")


class Schedule(Section):
    """A known peak, for which there are floors before demand shows it."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=40)] = Field(
        description="Name, for status and events."
    )
    cron: CronText = Field(description="When the peak begins, for example 25 17 * * *.")
    time_zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]+$", max_length=64)] = Field(
        default="UTC", description="Time zone of the cron expression, for example America/Los_Angeles."
    )
    duration_minutes: int = Field(default=60, ge=1, le=1440, description="How long the floors hold.")
    lead_minutes: int = Field(default=5, ge=0, le=240, description="How long before the peak they begin to hold.")
    app: int = Field(default=0, ge=0, le=200, description="Floor of app pods.")
    replicas: int = Field(default=0, ge=0, le=8, description="Floor of database replicas.")


class Autoscaling(Section):
    """Off: sizes are those of the spec. Recommend: status says what would be better. Auto: the operator does
    it."""

    mode: Mode = Field(default="Recommend", description="Off, Recommend or Auto.")
    slo: Slo = Field(default=Slo(), description="Service level.")
    app: AppBounds = Field(default=AppBounds(), description="App pods.")
    database: DatabaseBounds = Field(default=DatabaseBounds(), description="Database instances.")
    pool: Bounds = Field(default=Bounds(), description="Server connections of one PgBouncer pod.")
    drain_window_seconds: int = Field(
        default=240, ge=30, le=3600, description="App pods go only after so long without need."
    )
    schedules: Annotated[tuple[Schedule, ...], Field(max_length=20)] = Field(
        default=(),
        description="Known peaks.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    forecast: bool = Field(default=True, description="Use the growth forecast once its backtest convinces.")


Line = Annotated[str, StringConstraints(max_length=256)]


class ActuatorStatus(Section):
    """One thing that can be scaled."""

    name: Annotated[str, StringConstraints(max_length=16)] = Field(description="Which one.")
    mode: Mode = Field(description="How far the autoscaler may go.")
    current: int = Field(description="What is asked for now.")
    needed: int = Field(description="What demand needs.")
    desired: int = Field(description="What limits leave of it.")
    limited_by: tuple[Annotated[str, StringConstraints(max_length=16)], ...] = Field(
        default=(), description="What limits it."
    )
    why: Line = Field(default="", description="Where the need comes from.")


class AutoscalingStatus(Section):
    """The latest decision. Written when a decision changes, not when a number does."""

    mode: Mode = Field(default="Recommend", description="Off, Recommend or Auto.")
    bottleneck: Annotated[str, StringConstraints(max_length=32)] = Field(
        default="", description="What limits the platform."
    )
    since: str = Field(default="", description="Since when (RFC 3339, UTC).")
    evidence: tuple[Line, ...] = Field(default=(), description="Why this is believed.")
    desired: Line = Field(default="", description="Wanted sizes: app pods, pool sizes, replicas.")
    current: Line = Field(default="", description="Present sizes, in the same order.")
    actuators: tuple[ActuatorStatus, ...] = Field(
        default=(),
        description="Everything that can be scaled.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    demand: Line = Field(default="", description="Requests per second it was decided for.")
    connections: Line = Field(default="", description="Worst case of the connection ledger.")
    prometheus: Annotated[str, StringConstraints(max_length=512)] = Field(
        default="", description="Prometheus that was asked."
    )
    decided_at: str = Field(default="", description="Time of the decision (RFC 3339, UTC).")
    state: Annotated[
        dict[str, JsonValue],
        WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    ] = Field(default={}, description="What the autoscaler remembers across a restart.")
