"""`decide`: one tick from what is seen to what is done. Reads as the list of its steps.

Pure: equal arguments give equal answers; `now` is an argument. A broken invariant never leaves this function:
the step becomes "change nothing" and an alert.
"""

from ip2a_operator.domain.autoscaling import (
    corrections,
    demand,
    diagnosis,
    dynamics,
    estimators,
    ledger,
    messages,
    schedules,
    signals,
    sizing,
    triggers,
    watch,
)
from ip2a_operator.domain.autoscaling.decision import ActuatorDecision, Decision
from ip2a_operator.domain.autoscaling.dynamics import Circumstances, Limit, Shaped
from ip2a_operator.domain.autoscaling.invariants import Facts, facts, violations
from ip2a_operator.domain.autoscaling.snapshot import Name, Snapshot
from ip2a_operator.domain.autoscaling.spec import Actuator, Floor, Mode, ScalerSpec
from ip2a_operator.domain.autoscaling.state import FIELD, State, evolve, kept, memory_of

ORDER = (
    Actuator.POOL_RW,
    Actuator.POOL_RO,
    Actuator.APP,
    Actuator.REPLICAS,
    Actuator.POOLERS_RW,
    Actuator.POOLERS_RO,
)
CALM_BEFORE_PEAK = 900.0
"""Nothing drains below a schedule's floor this long before the schedule starts."""
SURGE_HOLD = 60.0


def decide(snapshot: Snapshot, state: State, spec: ScalerSpec, now: float) -> Decision:
    """Judge, learn, diagnose, size, shape, fit into the ledger, check; `now` in seconds since the epoch."""
    seen, before = signals.validate(snapshot, state.last_offered, spec), state
    state = _perceive(state, seen, snapshot, now, spec)
    case = diagnosis.Case(seen, snapshot, state.estimates, spec)
    verdict, ticks = diagnosis.diagnose(case, state, now)
    state = _book_verdict(state, verdict, ticks, now)
    state = corrections.probed(corrections.trimmed(state, case, verdict, now), case, verdict, now)
    wanted = demand.estimate(state, seen, snapshot, now, spec)
    needs = _needs(case, wanted, verdict, state, now)
    around = _circumstances(state, case, verdict, now)
    state = _remember_needs(state, needs, now, spec)
    shaped = {
        actuator: dynamics.shape(actuator, needs[actuator], memory_of(state, actuator), snapshot.fleet, around)
        for actuator in ORDER
    }
    judged_by = facts(seen, snapshot, state, verdict.state, now=now, spec=spec)
    chosen, alerts = _choose(shaped, snapshot, judged_by, spec)
    actuators = _apply(chosen, needs, snapshot, spec)
    state = _book_steps(state, actuators, now)
    account = ledger.account(snapshot.fleet, {each.actuator: each.desired for each in actuators}, spec)
    conditions = messages.conditions(case, verdict, account, actuators)
    fired = triggers.fired(seen, snapshot, spec)
    state = evolve(state, alerts=triggers.standing(fired, seen, snapshot, before.alerts))
    events = messages.events(state, verdict, actuators, conditions, alerts)
    return Decision(
        at=now,
        diagnosis=verdict,
        demand=wanted,
        actuators=actuators,
        ledger=account,
        alerts=alerts,
        fired=fired,
        bad_signals=tuple(map(str, seen.bad)),
        conditions=conditions,
        events=(*events, *watch.events(case, before, state, fired, now)),
        state=evolve(
            state,
            bottleneck=str(verdict.state),
            since=verdict.since,
            last=now,
            conditions=tuple((str(each.type), each.status) for each in conditions),
        ),
    )


LOW_LONG_ENOUGH = 60.0
"""Seconds that demand must stay suspiciously low before it may be believed."""


def _stale_for(state: State, now: float) -> float:
    return 0.0 if state.stale_since is None else now - state.stale_since


def _perceive(state: State, seen: signals.Signals, snapshot: Snapshot, now: float, spec: ScalerSpec) -> State:
    """Samples, noise, surge, freshness and estimates of this tick."""
    elapsed = min(60.0, max(0.0, now - state.last)) if state.started is not None else spec.scrape_interval
    estimates = estimators.update(state.estimates, seen, snapshot, elapsed, spec)
    samples, misses, last_offered = state.samples, state.misses, state.last_offered
    if seen.ok(Name.OFFERED):
        last_offered = kept(seen.get(Name.OFFERED))
        samples = demand.remember(samples, now, last_offered)
        reads, hit = seen.get(Name.READS, 0.9 * last_offered), seen.get(Name.CACHE_HIT, estimates.cache_hit or 0.0)
        misses = demand.remember(misses, now, kept(reads * max(0.0, 1.0 - hit)))
        estimates = evolve(estimates, noise=kept(demand.noise_of(samples, estimates.noise)))
    elif state.last_offered is not None and _stale_for(state, now) > LOW_LONG_ENOUGH and signals.is_real(seen):
        last_offered = kept(seen.by_name[Name.OFFERED].value or 0.0)
    fast = state.fast
    if seen.ok(Name.OFFERED_FAST):
        fast = demand.remember(fast, now, kept(seen.get(Name.OFFERED_FAST)), demand.FAST_KEPT)
    ticks, full = state.surge_ticks, state.full_ticks
    if elapsed > 0.0:
        ticks = demand.surge_ticks(evolve(state, estimates=estimates), seen, snapshot, spec)
        full = min(9, full + 1) if demand.full(seen, snapshot, spec) else 0
    hold = max(SURGE_HOLD, 2 * estimators.app_lead(estimates))
    return evolve(
        state,
        started=now if state.started is None else state.started,
        estimates=estimates,
        samples=samples,
        fast=fast,
        misses=misses,
        last_offered=last_offered,
        surge_ticks=ticks,
        full_ticks=full,
        surge_until=now + hold if ticks >= 2 else state.surge_until,
        fresh_since=(now if state.fresh_since is None else state.fresh_since) if seen.fresh else None,
        stale_since=None if seen.fresh else (now if state.stale_since is None else state.stale_since),
    )


def _book_verdict(state: State, verdict: diagnosis.Diagnosis, ticks: int, now: float) -> State:
    if verdict.seen == state.candidate and min(ticks, 99) == state.candidate_ticks:
        return state
    return evolve(state, candidate=str(verdict.seen), candidate_ticks=min(ticks, 99))


def _needs(
    case: diagnosis.Case, wanted: demand.Demand, verdict: diagnosis.Diagnosis, state: State, now: float
) -> sizing.Needs:
    spec = case.spec
    lead = estimators.replica_lead(state.estimates) + 60.0
    floor = schedules.floor_at(spec.schedules, now)
    early = schedules.floor_at(spec.schedules, now, lead)
    needs = sizing.needs(case, wanted, verdict, state, Floor(floor.app, early.replicas), now)
    if len(state.samples) < demand.ACQUAINTED and not demand.agrees(case.signals, case.snapshot, spec):
        needs = corrections.unacquainted(needs, case)
    needs[Actuator.APP] = corrections.corrected(needs[Actuator.APP], state, case, verdict, now)
    if spec.schedules:
        soon = schedules.floor_at(spec.schedules, now, CALM_BEFORE_PEAK)
        for actuator, least in ((Actuator.APP, soon.app), (Actuator.REPLICAS, soon.replicas)):
            need = needs[actuator]
            needs[actuator] = evolve(need, down=max(need.down, least))
    return needs


def _circumstances(state: State, case: diagnosis.Case, verdict: diagnosis.Diagnosis, now: float) -> Circumstances:
    seen, spec = case.signals, case.spec
    fresh_for = now - state.fresh_since if state.fresh_since is not None else -1.0
    return Circumstances(
        now=now,
        diagnosis=verdict,
        settled=seen.fresh and fresh_for >= signals.settle_time(spec),
        erring=seen.get(Name.ERROR_RATE) > spec.slo.error_rate,
        estimates=state.estimates,
        pause=case.snapshot.pause,
        spec=spec,
    )


def _remember_needs(state: State, needs: sizing.Needs, now: float, spec: ScalerSpec) -> State:
    changes = {}
    for actuator, need in needs.items():
        memory = memory_of(state, actuator)
        window = dynamics.window_of(actuator, spec)
        remembered = dynamics.remember_need(memory.needs, now, need.down, window)
        if remembered is not memory.needs:
            changes[FIELD[actuator]] = evolve(memory, needs=remembered)
    return evolve(state, **changes)


def _choose(
    shaped: dict[Actuator, Shaped], snapshot: Snapshot, judged_by: Facts, spec: ScalerSpec
) -> tuple[dict[Actuator, Shaped], tuple[str, ...]]:
    """Fit into the ledger and let the invariants judge the result."""
    fleet, features = snapshot.fleet, spec.features
    values = {actuator: each.value for actuator, each in shaped.items()}
    if features.ledger:
        step, held = ledger.fit(fleet, values, spec)
    else:
        step, held = values, set()
    chosen = {}
    for actuator, each in shaped.items():
        limits = (*each.limits, Limit.LEDGER) if actuator in held else each.limits
        chosen[actuator] = Shaped(step[actuator], limits)
    broken = violations(fleet, step, spec, judged_by)
    if broken and features.ledger and features.hold and features.gate:
        now = ledger.current_targets(fleet)
        chosen = {actuator: Shaped(now[actuator], (*each.limits, Limit.INVARIANT)) for actuator, each in chosen.items()}
    return chosen, tuple(broken)


def _apply(
    chosen: dict[Actuator, Shaped], needs: sizing.Needs, snapshot: Snapshot, spec: ScalerSpec
) -> tuple[ActuatorDecision, ...]:
    now = ledger.current_targets(snapshot.fleet)
    result = []
    for actuator in ORDER:
        mode = spec.mode_of(actuator)
        limits = chosen[actuator].limits
        desired = chosen[actuator].value
        if snapshot.rivals and desired != now[actuator]:
            limits = (*limits, Limit.CONFLICT)
        applied = desired if mode is Mode.AUTO and not snapshot.rivals else now[actuator]
        need = needs[actuator]
        result.append(ActuatorDecision(actuator, mode, now[actuator], need.up, desired, applied, limits, need.why))
    return tuple(result)


def _book_steps(state: State, actuators: tuple[ActuatorDecision, ...], now: float) -> State:
    changes: dict[str, object] = {}
    for each in actuators:
        memory = memory_of(state, each.actuator)
        changes[FIELD[each.actuator]] = dynamics.remember_step(memory, each.current, each.desired, now)
        blind = each.actuator is Actuator.APP and state.stale_since is not None
        if blind and each.desired > each.current and memory.target != each.desired:
            changes["blind_raised"] = now
    return evolve(state, **changes)
