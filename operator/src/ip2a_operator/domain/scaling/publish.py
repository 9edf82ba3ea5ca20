"""What people see of a decision: `status.autoscaling`, conditions, and when it is worth a write.

Everything here is short: the whole status stays below 4 kB (`MAX_BYTES`, tested on wild states).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, cast

from pydantic import JsonValue

from ip2a_operator.api.autoscaling import ActuatorStatus, AutoscalingStatus
from ip2a_operator.api.conditions import SCALING, Condition, ConditionType, judge, timestamp
from ip2a_operator.domain.autoscaling import decision as decided
from ip2a_operator.domain.autoscaling import state as memory
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.autoscaling.spec import Actuator, ScalerSpec
from ip2a_operator.domain.autoscaling.state import Memory, State, evolve

MAX_BYTES: Final = 4096
LINE: Final = 240
SHOWN: Final = {
    Actuator.APP: "app",
    Actuator.POOL_RW: "rw",
    Actuator.POOL_RO: "ro",
    Actuator.REPLICAS: "replicas",
}
_FIELDS: Final = {
    Actuator.APP: "app",
    Actuator.POOL_RW: "pool_rw",
    Actuator.POOL_RO: "pool_ro",
    Actuator.POOLERS_RW: "poolers_rw",
    Actuator.POOLERS_RO: "poolers_ro",
    Actuator.REPLICAS: "replicas",
}


def signature(decision: Decision) -> tuple[object, ...]:
    """Equal signatures: nothing was decided anew, only numbers moved."""
    return (
        decision.diagnosis.state,
        tuple((each.actuator, each.mode, each.current, each.desired, each.limited_by) for each in decision.actuators),
        tuple((each.type, each.status, each.reason, _names(each)) for each in decision.conditions),
        decision.bad_signals,
        decision.alerts,
    )


def _names(condition: decided.Condition) -> str:
    """Of a conflict, the rivals. Other messages have numbers in them, which move all the time."""
    return condition.message if condition.type is decided.ConditionType.CONFLICT else ""


def published(decision: Decision, spec: ScalerSpec, prometheus: str) -> AutoscalingStatus:
    """The status of a decision."""
    verdict, wanted, account = decision.diagnosis, decision.demand, decision.ledger
    shown = [each for each in decision.actuators if each.actuator in SHOWN]
    return AutoscalingStatus(
        mode=spec.mode.value,
        bottleneck=str(verdict.state),
        since=_stamp(verdict.since),
        evidence=tuple(line[:LINE] for line in verdict.evidence[:4]),
        desired=", ".join(f"{SHOWN[each.actuator]} {each.desired}" for each in shown),
        current=", ".join(f"{SHOWN[each.actuator]} {each.current}" for each in shown),
        actuators=tuple(
            ActuatorStatus(
                name=str(each.actuator),
                mode=each.mode.value,
                current=each.current,
                needed=each.need,
                desired=each.desired,
                limited_by=tuple(map(str, each.limited_by)),
                why=each.why[:90],
            )
            for each in decision.actuators
        ),
        demand=f"{wanted.level:.0f}/s, sized for {wanted.expected:.0f}/s ({wanted.source})",
        connections=f"{account.worst} of {account.budget} at worst",
        prometheus="" if "@" in prometheus else prometheus,  # a login in the URL is nobody's to read
        decided_at=_stamp(decision.at),
        state=cast("dict[str, JsonValue]", memory.to_json(_worth_keeping(decision.state))),
    )


def conditions(decision: Decision, generation: int) -> tuple[Condition, ...]:
    """The conditions that the autoscaler owns; their dates are merged with the published ones."""
    now = datetime.fromtimestamp(decision.at, UTC)
    found = []
    for each in decision.conditions:
        kind = ConditionType(each.type.value)
        if kind in SCALING:
            message = each.message[:LINE]
            found.append(judge(kind, each.status, each.reason, message, generation=generation, now=now))
    return tuple(found)


def revived(document: Mapping[str, JsonValue], current: Mapping[Actuator, int], now: float) -> State:
    """The state to go on with after a start: what was learned, with windows seeded by the present counts.

    What demand did while nobody looked is unknown, so every window begins anew and nothing shrinks before it has
    passed. A state that cannot be read counts as none.
    """
    try:
        old = memory.from_json(document)
    except (ValueError, TypeError):
        old = State()
    fields = {
        name: evolve(_memory(old, name), needs=((now, float(current[actuator])),)) for actuator, name in _FIELDS.items()
    }
    return evolve(
        old,
        started=None,
        last=now,
        samples=(),
        misses=(),
        surge_ticks=0,
        surge_until=0.0,
        fresh_since=None,
        stale_since=None,
        candidate_ticks=0,
        **fields,
    )


def _memory(state: State, name: str) -> Memory:
    found: Memory = getattr(state, name)
    return found


def _worth_keeping(state: State) -> State:
    """Without what is of no use after a restart: samples, and windows, which begin anew."""
    fields = {name: evolve(_memory(state, name), needs=()) for name in _FIELDS.values()}
    return evolve(state, samples=(), misses=(), conditions=state.conditions, **fields)


def _stamp(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC)) if seconds > 0.0 else ""
