"""Sentences for conditions and events: the numbers stand in the sentence."""

from ip2a_operator.domain.autoscaling.decision import ActuatorDecision, Condition, ConditionType, Event
from ip2a_operator.domain.autoscaling.diagnosis import FREEZES_APP, Bottleneck, Case, Diagnosis
from ip2a_operator.domain.autoscaling.ledger import Ledger
from ip2a_operator.domain.autoscaling.spec import Mode
from ip2a_operator.domain.autoscaling.state import State


def conditions(
    case: Case, verdict: Diagnosis, account: Ledger, actuators: tuple[ActuatorDecision, ...]
) -> tuple[Condition, ...]:
    """The seven conditions, always all of them."""
    seen, snapshot, spec = case.signals, case.snapshot, case.spec
    blocked = verdict.state in FREEZES_APP
    growth = snapshot.growth
    differing = [each for each in actuators if each.desired != each.current and each.mode is Mode.RECOMMEND]
    rivals = ", ".join(snapshot.rivals)
    active = spec.mode is Mode.AUTO and not snapshot.rivals
    idle = spec.mode is Mode.AUTO and bool(rivals)
    type_ = ConditionType
    return (
        Condition(
            type_.SCALING_ACTIVE,
            active,
            "Conflict" if idle else str(spec.mode),
            f"mode {spec.mode}, but nothing is written: {rivals} scales the same" if idle else f"mode {spec.mode}",
        ),
        Condition(
            type_.METRICS_FRESH,
            seen.fresh,
            "Fresh" if seen.fresh else "NotFresh",
            "every critical signal is fresh" if seen.fresh else "not usable: " + ", ".join(seen.bad),
        ),
        Condition(
            type_.CONNECTION_BUDGET,
            account.headroom >= 0,
            "WithinBudget" if account.headroom >= 0 else "BudgetExceeded",
            f"worst case {account.worst} of {account.budget} connections",
        ),
        Condition(
            type_.SCALING_BLOCKED,
            blocked,
            str(verdict.state) if blocked else "NotBlocked",
            "; ".join(verdict.evidence) if blocked else "nothing blocks",
        ),
        Condition(
            type_.RECOMMENDING,
            bool(differing),
            "WouldAct" if differing else "AsDesired",
            ", ".join(f"{each.actuator} {each.current} → {each.desired}" for each in differing) or "nothing to change",
        ),
        Condition(
            type_.FORECAST_TRUSTED,
            growth is not None and growth.trusted,
            "Backtest" if growth is not None else "NoHistory",
            growth.reason if growth is not None else "no history yet",
        ),
        Condition(
            type_.CONFLICT,
            bool(rivals),
            "Rival" if rivals else "NoRival",
            rivals or "no other scaler targets these objects",
        ),
    )


def events(
    state: State,
    verdict: Diagnosis,
    actuators: tuple[ActuatorDecision, ...],
    now: tuple[Condition, ...],
    alerts: tuple[str, ...],
) -> tuple[Event, ...]:
    """What changed since the last tick: bottleneck, conditions, writes. `state` is from before this tick."""
    found = [Event(True, "InvariantBroken", alert) for alert in alerts]
    if str(verdict.state) != state.bottleneck:
        calm = verdict.state is Bottleneck.HEALTHY
        why = "; ".join(verdict.evidence) or "all signals are within their limits"
        found.append(Event(not calm, "BottleneckChanged", f"{state.bottleneck} → {verdict.state}: {why}"))
    before = dict(state.conditions)
    for condition in now:
        old = before.get(str(condition.type))
        if old is not None and old != condition.status and condition.type in _ANNOUNCED:
            found.append(Event(condition.status is _ANNOUNCED[condition.type], condition.reason, condition.message))
    for each in actuators:
        if each.write:
            found.append(Event(False, "Scaled", f"{each.actuator} {each.current} → {each.applied}: {each.why}"))
    return tuple(found)


_ANNOUNCED = {
    ConditionType.METRICS_FRESH: False,
    ConditionType.CONNECTION_BUDGET: False,
    ConditionType.FORECAST_TRUSTED: False,
    ConditionType.CONFLICT: True,
}
"""Conditions whose change is an event, and the status that makes it a warning."""
