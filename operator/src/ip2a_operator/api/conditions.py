"""Conditions with the meaning of KEP-1623: a list keyed by type whose transition time moves only with
`status`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from ip2a_operator.api.base import Section

MAX_MESSAGE = 4096


class ConditionType(StrEnum):
    """What is judged. docs/operator.md has the table of their states."""

    READY = "Ready"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    DATABASE_READY = "DatabaseReady"
    POOLING_READY = "PoolingReady"
    CACHE_READY = "CacheReady"
    MIGRATIONS_APPLIED = "MigrationsApplied"
    INGRESS_READY = "IngressReady"
    CONNECTION_BUDGET = "ConnectionBudget"
    PAUSED = "Paused"
    SCALING_ACTIVE = "ScalingActive"
    METRICS_FRESH = "MetricsFresh"
    SCALING_BLOCKED = "ScalingBlocked"
    RECOMMENDING = "Recommending"
    FORECAST_TRUSTED = "ForecastTrusted"
    CONFLICT = "Conflict"


SCALING: Final = frozenset(
    {
        ConditionType.SCALING_ACTIVE,
        ConditionType.METRICS_FRESH,
        ConditionType.SCALING_BLOCKED,
        ConditionType.RECOMMENDING,
        ConditionType.FORECAST_TRUSTED,
        ConditionType.CONFLICT,
    }
)
"""Those that the autoscaler publishes, as field manager of its own; ConnectionBudget is shared and the operator's."""


Status = Literal["True", "False", "Unknown"]


class Condition(Section):
    """One judgement, as metav1.Condition."""

    type: Annotated[str, StringConstraints(max_length=316)] = Field(description="What is judged.")
    status: Status = Field(description="True, False or Unknown.")
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", max_length=1024)] = (
        Field(description="Why, as one CamelCase word.")
    )
    message: Annotated[str, StringConstraints(max_length=32768)] = Field(default="", description="Why, for people.")
    observed_generation: int = Field(default=0, ge=0, description="Generation of the spec it is about.")
    last_transition_time: str = Field(description="When status changed last (RFC 3339, UTC).")


def timestamp(now: datetime) -> str:
    """RFC 3339 with seconds, as the Kubernetes API writes times."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def judge(
    kind: ConditionType,
    status: bool | None,
    reason: str,
    message: str = "",
    *,
    generation: int,
    now: datetime,
) -> Condition:
    """A fresh condition; `None` means Unknown."""
    word: Status = "Unknown" if status is None else "True" if status else "False"
    return Condition(
        type=kind.value,
        status=word,
        reason=reason,
        message=message[:MAX_MESSAGE],
        observed_generation=generation,
        last_transition_time=timestamp(now),
    )


def merge(old: Iterable[Condition], new: Iterable[Condition]) -> tuple[Condition, ...]:
    """The new list, with the old transition time wherever `status` did not change."""
    before = {condition.type: condition for condition in old}
    merged = []
    for condition in new:
        previous = before.get(condition.type)
        unmoved = previous is not None and previous.status == condition.status
        since = previous.last_transition_time if previous and unmoved else condition.last_transition_time
        merged.append(condition.model_copy(update={"last_transition_time": since}))
    return tuple(merged)


def find(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """The condition of a type, if it is there."""
    return next((condition for condition in conditions if condition.type == kind.value), None)
