"""What corrects the arithmetic of demand: probing, blindness, unknown costs, and the benchmark's ablations."""

from dataclasses import replace

import pytest

from ip2a_operator.domain.autoscaling import demand, estimators, signals
from ip2a_operator.domain.autoscaling.corrections import PROBE_LENGTH, PROBE_LOCK
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.diagnosis import Bottleneck
from ip2a_operator.domain.autoscaling.dynamics import Limit
from ip2a_operator.domain.autoscaling.snapshot import Name, Reading, Snapshot
from ip2a_operator.domain.autoscaling.spec import Actuator, Features
from ip2a_operator.domain.autoscaling.state import State, evolve
from tests.unit.operator.autoscaling.worlds import AUTO, FLEET, NOW, run, settled, world

TICK = 5.0
WHOLE_PROBE = int(PROBE_LENGTH / TICK) + 2


def test_a_probe_that_helps_goes_on_and_one_that_does_not_is_locked() -> None:
    begun = run(world(p95=2.0), settled(), ticks=3)
    assert begun.diagnosis.state is Bottleneck.UNKNOWN
    assert begun.of(Actuator.APP).need == FLEET.app.desired + 1
    later = NOW + 3 * TICK
    better = run(world(p95=1.5), begun.state, ticks=WHOLE_PROBE, start=later)
    assert better.state.probe.started > begun.state.probe.started
    assert better.of(Actuator.APP).need == FLEET.app.desired + 1
    useless = run(world(p95=2.0), begun.state, ticks=WHOLE_PROBE, start=later)
    assert useless.state.probe.started == 0.0
    assert useless.state.probe.locked_until == pytest.approx(begun.state.probe.started + PROBE_LENGTH + PROBE_LOCK)
    assert useless.of(Actuator.APP).need == FLEET.app.desired


def test_a_probe_ends_when_the_latency_is_explained_or_gone() -> None:
    begun = run(world(p95=2.0), settled(), ticks=3)
    assert run(world(), begun.state, ticks=4, start=NOW + 3 * TICK).state.probe.started == 0.0


def test_while_a_requests_cost_is_unknown_cpu_decides() -> None:
    """Too few requests to learn from, and pods that are busy all the same."""
    quiet = world(appCpu=3.9, offered=1.0, offeredFast=1.0, served=1.0, reads=1.0, rwRate=1.0, roRate=1.0)
    decision = run(quiet, State(), ticks=3)
    assert decision.state.estimates.cpu_per_request is None
    app, replicas = decision.of(Actuator.APP), decision.of(Actuator.REPLICAS)
    assert app.need == 6
    assert "by CPU alone" in app.why
    assert (replicas.need, replicas.why) == (FLEET.database.desired, "cost of a read not yet known")


def test_pods_are_added_for_their_connection_pools_when_these_are_what_is_short() -> None:
    small = replace(AUTO, app=replace(AUTO.app, read_pool_size=1, read_max_overflow=0))
    slow = world(roBusy=8.0, appCpu=0.8)
    app = run(slow, settled(small, slow), small).of(Actuator.APP)
    assert "pods' connection pools" in app.why
    assert app.need == 15  # 8 busy connections, of which a pod of one carries 0.55


def test_a_noisy_surge_must_be_seconded_unless_it_is_far_beyond_the_noise() -> None:
    state = settled()
    tenfold = 9.0  # what 4,000 are above the usual 400, as noise has it
    noisy = evolve(state, estimates=evolve(state.estimates, noise=1.1 * tenfold / demand.FAR))
    clear = evolve(state, estimates=evolve(state.estimates, noise=0.9 * tenfold / demand.FAR))
    snapshot = world(offered=4000.0, offeredFast=4000.0)
    seen = signals.validate(snapshot, state.last_offered, AUTO)
    assert demand.surge_ticks(state, seen, snapshot, AUTO) == 1
    assert demand.surge_ticks(noisy, seen, snapshot, AUTO) == 0
    assert demand.surge_ticks(clear, seen, snapshot, AUTO) == 1
    seconded = world(offered=4000.0, offeredFast=4000.0, appCpu=3.9)
    assert demand.surge_ticks(noisy, signals.validate(seconded, state.last_offered, AUTO), seconded, AUTO) == 2


def test_lead_times_are_learned_from_what_was_asked_for() -> None:
    assert estimators.app_lead(State().estimates) == estimators.DEFAULT_APP_LEAD
    leads = (*(("app", float(seconds)) for seconds in range(1, 13)), ("replicas", 100.0))
    learned = decide(replace(world(), lead_samples=leads), settled(), AUTO, NOW).state.estimates
    assert learned.app_leads == tuple(map(float, range(5, 13))), "the newest few"
    assert estimators.app_lead(learned) == 12.0
    assert estimators.replica_lead(learned) == 100.0


def test_a_replica_goes_after_a_long_time_without_need_and_one_at_a_time() -> None:
    rich = replace(FLEET, database=replace(FLEET.database, desired=3, ready=3))
    spec = replace(AUTO, replicas=replace(AUTO.replicas, max=4, scale_down_after=300.0))
    idle = world(rich, replicaCpu=0.05)
    state = evolve(settled(spec, idle, seconds=600.0), fresh_since=NOW - 5000.0)
    recent = evolve(state, replicas=evolve(state.replicas, lowered=NOW - 100.0, target=None))
    held = run(idle, recent, spec, ticks=1).of(Actuator.REPLICAS)
    assert (held.desired, Limit.STABILIZING in held.limited_by) == (3, True)
    allowed = evolve(state, replicas=evolve(state.replicas, lowered=NOW - 1000.0, target=None))
    assert run(idle, allowed, spec, ticks=1).of(Actuator.REPLICAS).desired == 2


def test_without_the_demand_rule_latency_alone_decides() -> None:
    spec = replace(AUTO, features=Features(demand=False))
    for p95, need in ((1.0, 8), (0.52, 4), (50.0, 16)):
        decision = decide(world(p95=p95), settled(spec), spec, NOW)
        assert decision.of(Actuator.APP).need == need, p95
    assert "of the objective" in decision.of(Actuator.APP).why


def test_without_holding_nothing_is_ever_stale() -> None:
    spec = replace(AUTO, features=Features(hold=False, ledger=False))
    dark = Snapshot({name: Reading(None) for name in Name}, FLEET)
    assert run(dark, settled(spec), spec).diagnosis.state is not Bottleneck.STALE
    assert run(dark, settled(), AUTO).diagnosis.state is Bottleneck.STALE


def test_without_the_ledger_nothing_is_held_by_it() -> None:
    crowded = replace(FLEET, database=replace(FLEET.database, max_connections=60))
    starved = world(crowded, rwWaiting=6.0, rwBusy=11.5, rwRate=700.0)
    free = replace(AUTO, features=Features(ledger=False))
    grown = run(starved, settled(free), free).of(Actuator.POOL_RW)
    assert grown.desired > grown.current
    held = run(starved, settled(), AUTO).of(Actuator.POOL_RW)
    assert held.desired == held.current
