"""What `decide` answers: targets with reasons, what to write now, conditions, events, and the next state."""

from dataclasses import dataclass
from enum import StrEnum

from ip2a_operator.domain.autoscaling.demand import Demand
from ip2a_operator.domain.autoscaling.diagnosis import Diagnosis
from ip2a_operator.domain.autoscaling.dynamics import Limit
from ip2a_operator.domain.autoscaling.ledger import Ledger
from ip2a_operator.domain.autoscaling.spec import Actuator, Mode
from ip2a_operator.domain.autoscaling.state import State
from ip2a_operator.domain.autoscaling.triggers import Fired


class ConditionType(StrEnum):
    """Conditions the autoscaler owns."""

    SCALING_ACTIVE = "ScalingActive"
    METRICS_FRESH = "MetricsFresh"
    CONNECTION_BUDGET = "ConnectionBudget"
    SCALING_BLOCKED = "ScalingBlocked"
    RECOMMENDING = "Recommending"
    FORECAST_TRUSTED = "ForecastTrusted"
    CONFLICT = "Conflict"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition without its times; the publisher keeps the transition times."""

    type: ConditionType
    status: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Event:
    """One sentence for `kubectl describe`, on transitions only."""

    warning: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ActuatorDecision:
    """`need` is what demand asks for, `desired` what limits leave of it, `applied` what shall be in force.

    `applied` differs from `desired` unless the actuator's mode is Auto.
    """

    actuator: Actuator
    mode: Mode
    current: int
    need: int
    desired: int
    applied: int
    limited_by: tuple[Limit, ...]
    why: str

    @property
    def write(self) -> bool:
        """Whether the API server must be told."""
        return self.applied != self.current


@dataclass(frozen=True, slots=True)
class Decision:
    """Answer of one tick. Equal inputs give an equal answer."""

    at: float
    diagnosis: Diagnosis
    demand: Demand
    actuators: tuple[ActuatorDecision, ...]
    ledger: Ledger
    alerts: tuple[str, ...]
    """Broken invariants: always a defect; the step was replaced by 'change nothing'."""
    fired: tuple[Fired, ...]
    bad_signals: tuple[str, ...]
    conditions: tuple[Condition, ...]
    events: tuple[Event, ...]
    state: State

    def of(self, actuator: Actuator) -> ActuatorDecision:
        """The decision on one actuator."""
        return next(each for each in self.actuators if each.actuator is actuator)

    @property
    def writes(self) -> tuple[ActuatorDecision, ...]:
        """What to write, decreases first: a crash in between leaves the ledger intact."""
        changed = [each for each in self.actuators if each.write]
        return tuple(sorted(changed, key=lambda each: each.applied > each.current))
