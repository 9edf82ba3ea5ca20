"""I1–I6 as a judge that shares no code path with the decision: it looks only at before, after and the facts.

`decide` runs it on every step it proposes; a violation turns the step into "change nothing" and an alert.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ip2a_operator.domain.autoscaling import estimators, ledger, signals
from ip2a_operator.domain.autoscaling.diagnosis import FREEZES_APP, Bottleneck
from ip2a_operator.domain.autoscaling.snapshot import Fleet, Name, Snapshot
from ip2a_operator.domain.autoscaling.spec import Actuator, ScalerSpec
from ip2a_operator.domain.autoscaling.state import State, memory_of

POOLS = (Actuator.POOL_RW, Actuator.POOL_RO, Actuator.POOLERS_RW, Actuator.POOLERS_RO)
POOL_LEAD = 15.0
"""Seconds after which a change of a pool is in force."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What I3 and I4 are judged by: the bottleneck, the signals, and how long ago each actuator was raised."""

    state: Bottleneck
    unsettled: tuple[str, ...]
    """Why nothing at all may shrink; empty when something may."""
    raised: Mapping[Actuator, float]
    """Seconds since the latest increase."""
    lead: Mapping[Actuator, float]
    """Seconds an increase takes to show."""


def facts(
    seen: signals.Signals, snapshot: Snapshot, state: State, bottleneck: Bottleneck, *, now: float, spec: ScalerSpec
) -> Facts:
    """The facts of this tick; `state` is what was remembered before it books any step."""
    fresh_for = now - (now if state.fresh_since is None else state.fresh_since)
    reasons = []
    if not seen.fresh or fresh_for < signals.settle_time(spec):
        reasons.append(f"the data are good for {fresh_for if seen.fresh else 0:.0f} s only")
    if snapshot.fleet.app.updating:
        reasons.append("a rollout is under way")
    if not snapshot.fleet.database.healthy:
        reasons.append("the database is not healthy")
    if seen.get(Name.ERROR_RATE) > spec.slo.error_rate:
        reasons.append(f"{seen.get(Name.ERROR_RATE):.1%} of the requests fail")
    lead = dict.fromkeys(Actuator, POOL_LEAD)
    lead[Actuator.APP] = estimators.app_lead(state.estimates)
    lead[Actuator.REPLICAS] = estimators.replica_lead(state.estimates)
    raised = {actuator: now - memory_of(state, actuator).raised for actuator in Actuator}
    return Facts(bottleneck, tuple(reasons), raised, lead)


def bounds(actuator: Actuator, fleet: Fleet, spec: ScalerSpec) -> tuple[int, int]:
    """(least, most) of an actuator by the resource."""
    if actuator is Actuator.APP:
        return spec.app.min, spec.app.max
    if actuator is Actuator.REPLICAS:
        return max(spec.replicas.min, spec.replicas.max_sync), max(spec.replicas.max, spec.replicas.max_sync)
    if actuator in (Actuator.POOLERS_RW, Actuator.POOLERS_RO):
        return spec.pool.pods_min, spec.pool.pods_max
    pooler = fleet.rw if actuator is Actuator.POOL_RW else fleet.ro
    most = spec.pool.max_per_instance or 1000
    return min(most, max(1, -(-spec.pool.min // max(1, pooler.desired)))), most


def violations(fleet: Fleet, targets: Mapping[Actuator, int], spec: ScalerSpec, known: Facts) -> list[str]:
    """Every broken invariant as a sentence; empty when the step is safe.

    A state that is already outside (somebody lowered max_connections) is not a violation unless the step makes it
    worse. Parts that an ablation switches off are judged as if they were on.
    """
    now = ledger.current_targets(fleet)
    before, after = ledger.account(fleet, now, spec), ledger.account(fleet, targets, spec)
    found = []
    if after.worst > max(after.budget, before.worst):
        found.append(f"I1: {after.worst} connections of {after.budget}")
    if ledger.over(after) > max(0, ledger.over(before)):
        found.append(f"I2: {after.clients} clients of {after.client_limit}")
    if targets[Actuator.APP] > max(now[Actuator.APP], spec.app.min) and known.state in FREEZES_APP:
        found.append(f"I3: app grows during {known.state}")
    for actuator, target in targets.items():
        if target < now[actuator]:
            found += _shrinks(actuator, known)
        least, most = bounds(actuator, fleet, spec)
        if not min(least, now[actuator]) <= target <= max(most, now[actuator]):
            found.append(f"I5: {actuator} {target} outside {least} to {most}")
    grown = [actuator for actuator in POOLS if targets[actuator] > now[actuator]]
    if len(grown) + ledger.growing(fleet) > 1 and grown:
        found.append(f"I6: {' and '.join(grown)} grow while another growth is under way")
    return found


def _shrinks(actuator: Actuator, known: Facts) -> list[str]:
    found = [f"I4: {actuator} shrinks while {reason}" for reason in known.unsettled]
    if known.raised[actuator] < 2.0 * known.lead[actuator]:
        found.append(f"I4: {actuator} shrinks {known.raised[actuator]:.0f} s after it was raised")
    return found
