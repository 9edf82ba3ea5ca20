"""I1–I6 as a judge that shares no code path with the decision: it looks only at before, after and the facts.

`decide` runs it on every step it proposes; a violation turns the step into "change nothing" and an alert.
"""

from collections.abc import Mapping

from ip2a_operator.domain.autoscaling import ledger
from ip2a_operator.domain.autoscaling.diagnosis import FREEZES_APP, Bottleneck
from ip2a_operator.domain.autoscaling.snapshot import Fleet
from ip2a_operator.domain.autoscaling.spec import Actuator, ScalerSpec

POOLS = (Actuator.POOL_RW, Actuator.POOL_RO, Actuator.POOLERS_RW, Actuator.POOLERS_RO)


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


def violations(
    fleet: Fleet,
    targets: Mapping[Actuator, int],
    spec: ScalerSpec,
    *,
    state: Bottleneck,
    may_shrink: bool,
) -> list[str]:
    """Every broken invariant as a sentence; empty when the step is safe.

    `may_shrink`: all critical signals fresh and settled, no rollout, no failover, few errors. A state that is
    already outside (somebody lowered max_connections) is not a violation unless the step makes it worse.
    """
    now = ledger.current_targets(fleet)
    before, after = ledger.account(fleet, now, spec), ledger.account(fleet, targets, spec)
    found = []
    if after.worst > max(after.budget, before.worst):
        found.append(f"I1: {after.worst} connections of {after.budget}")
    if ledger.over(after) > max(0, ledger.over(before)):
        found.append(f"I2: {after.clients} clients of {after.client_limit}")
    grows_beyond_min = targets[Actuator.APP] > max(now[Actuator.APP], spec.app.min)
    if grows_beyond_min and state in FREEZES_APP and spec.features.gate:
        found.append(f"I3: app grows during {state}")
    for actuator, target in targets.items():
        if target < now[actuator] and not may_shrink:
            found.append(f"I4: {actuator} shrinks from {now[actuator]} to {target}")
        least, most = bounds(actuator, fleet, spec)
        if not min(least, now[actuator]) <= target <= max(most, now[actuator]):
            found.append(f"I5: {actuator} {target} outside {least} to {most}")
    grown = [actuator for actuator in POOLS if targets[actuator] > now[actuator]]
    if len(grown) + ledger.growing(fleet) > 1 and grown:
        found.append(f"I6: {' and '.join(grown)} grow while another growth is under way")
    return found
