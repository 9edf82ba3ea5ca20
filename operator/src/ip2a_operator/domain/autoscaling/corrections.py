"""Corrections of the need: objective trim, probing the unexplained, acting while blind."""

from math import ceil

from ip2a_operator.domain.autoscaling.diagnosis import Bottleneck, Case, Diagnosis
from ip2a_operator.domain.autoscaling.dynamics import blind_target
from ip2a_operator.domain.autoscaling.sizing import TRIM_HIGH, TRIM_LOW, Need, Needs
from ip2a_operator.domain.autoscaling.snapshot import Name
from ip2a_operator.domain.autoscaling.spec import Actuator
from ip2a_operator.domain.autoscaling.state import Probe, State, evolve

TRIM_EVERY = 120.0
TRIM_GAIN = 0.1
PROBE_LENGTH = 300.0
PROBE_LOCK = 1800.0
PROBE_GAIN = 0.05
APP_POOL_EVERY = 60.0
BLIND_EVERY = 15.0
FULL_TICKS = 2
"""Ticks for which pods must be full before their number is doubled."""
NET = 0.1
"""CPU this far over the aim, with every pod ready, means the learned cost is too low."""


def trimmed(state: State, case: Case, diagnosis: Diagnosis, now: float) -> State:
    """Every two minutes: a little more capacity if p95 is over the objective, a little less if far under.

    Only while the app itself decides the latency; a slow database must not be paid for with pods.
    """
    mine = diagnosis.state in (Bottleneck.HEALTHY, Bottleneck.APP_CPU) and case.signals.fresh
    if not mine or now - state.trimmed < TRIM_EVERY or not case.signals.ok(Name.P95):
        return state
    error = case.signals.get(Name.P95) / case.spec.slo.p95 - 1.0
    trim = min(TRIM_HIGH, max(TRIM_LOW, state.trim + TRIM_GAIN * min(1.0, error)))
    return evolve(state, trim=trim, trimmed=now)


def probed(state: State, case: Case, diagnosis: Diagnosis, now: float) -> State:
    """Perturb and observe: one pod more for five minutes; kept only if p95 falls by 5 %, else locked."""
    probe = state.probe
    p95, current = case.signals.get(Name.P95), case.snapshot.fleet.app.desired
    if diagnosis.state is not Bottleneck.UNKNOWN:
        return evolve(state, probe=Probe(locked_until=probe.locked_until)) if probe.started else state
    if now < probe.locked_until:
        return state
    if not probe.started:
        return evolve(state, probe=Probe(now, p95, current))
    if now - probe.started < PROBE_LENGTH:
        return state
    if p95 < (1.0 - PROBE_GAIN) * probe.p95:
        return evolve(state, probe=Probe(now, p95, current))
    return evolve(state, probe=Probe(locked_until=now + PROBE_LOCK))


def corrected(need: Need, state: State, case: Case, diagnosis: Diagnosis, now: float) -> Need:
    """The app's need after probing, safety net and blind flight."""
    app = case.snapshot.fleet.app
    if state.probe.started and diagnosis.state is Bottleneck.UNKNOWN and state.probe.base + 1 > need.up:
        return Need(state.probe.base + 1, need.down, "trying one pod more: nothing explains the latency")
    if diagnosis.state is Bottleneck.APP_POOL and need.up <= app.desired and now - state.app.raised >= APP_POOL_EVERY:
        return Need(app.desired + 1, need.down, "pods wait for their own connection pools: one pod more a minute")
    if diagnosis.state is Bottleneck.STALE:
        return _blind(need, state, case, now)
    if state.full_ticks >= FULL_TICKS and 2 * app.ready > need.up:
        return Need(2 * app.ready, need.down, "pods are full, and how much more waits for them is not counted: doubled")
    aim = case.spec.app.target_utilization
    if diagnosis.state is Bottleneck.APP_CPU and app.ready >= app.desired and case.app_busy > aim + NET:
        by_cpu = ceil(app.ready * min(1.0, case.app_busy) / aim - 1e-9)
        if by_cpu > need.up:
            return Need(by_cpu, need.down, f"pods use {case.app_busy:.0%} CPU although demand explains less")
    return need


def unacquainted(needs: Needs, case: Case) -> Needs:
    """Before noise is known, demand alone raises nothing; floors and full pods still do."""
    fleet = case.snapshot.fleet
    result = dict(needs)
    for actuator, current in ((Actuator.APP, fleet.app.desired), (Actuator.REPLICAS, fleet.database.desired)):
        need = needs[actuator]
        if "schedule" not in need.why and need.up > current:
            result[actuator] = Need(current, need.down, "watching first: the noise of the demand is not yet known")
    return result


def _blind(need: Need, state: State, case: Case, now: float) -> Need:
    app, busy = case.snapshot.fleet.app, case.signals.get(Name.KUBELET_CPU)
    held = max(app.desired, min(need.up, app.desired))
    if app.ready < app.desired or now - state.blind_raised < BLIND_EVERY:
        asked = state.app.target if now == state.blind_raised and state.app.target else held
        return Need(max(held, asked), need.down, "no trustworthy demand: held")
    goal = blind_target(app.desired, busy, case.spec.app.target_utilization)
    if goal > held:
        return Need(goal, need.down, f"no trustworthy demand, but the metrics API reports {busy:.0%} CPU")
    return Need(held, need.down, "no trustworthy demand: held")
