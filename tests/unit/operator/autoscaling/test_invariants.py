"""I1–I6 over made-up worlds: thousands in the ordinary run, a million in the full one."""

import os
from dataclasses import replace
from math import ceil
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ip2a_operator.domain.autoscaling import ledger
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.autoscaling.diagnosis import Bottleneck
from ip2a_operator.domain.autoscaling.invariants import Facts, facts, violations
from ip2a_operator.domain.autoscaling.signals import Status, validate
from ip2a_operator.domain.autoscaling.snapshot import Name, Snapshot
from ip2a_operator.domain.autoscaling.spec import Actuator, Features, ScalerSpec
from ip2a_operator.domain.autoscaling.state import State, memory_of
from tests.unit.operator.autoscaling.worlds import (
    AUTO,
    FLEET,
    NOW,
    run,
    settled,
    targets,
    wild_fleet,
    wild_snapshot,
    wild_spec,
    wild_state,
    world,
)

FULL_STATES = int(os.environ.get("IP2A_TEST_STATES", "1000000"))
CALM = settled()
LEADS = {Actuator.APP: 15.0, Actuator.REPLICAS: 240.0}
"""Seconds an increase takes to show where nothing was learned; a pool's takes 15."""


def check_world(seed: int) -> Decision:
    """One world: no invariant breaks in the step nor in any prefix of its writes, nothing shrinks on doubtful ground.

    The prefixes are judged by what was known before the decision, and I4 once more from the memories themselves.
    """
    random = Random(seed)
    spec, snapshot, state = wild_spec(random), wild_snapshot(random), wild_state(random, CALM)
    decision = decide(snapshot, state, spec, NOW)
    assert decision.alerts == (), (seed, decision.alerts)
    now = ledger.current_targets(snapshot.fleet)
    for each in decision.actuators:
        assert each.desired >= each.current or may_shrink(each.actuator, snapshot, state, spec), (seed, each)
    seen = validate(snapshot, state.last_offered, spec)
    known = facts(seen, snapshot, state, decision.diagnosis.state, now=NOW, spec=spec)
    partial = dict(now)
    for each in decision.writes:  # the operator may die after any of them
        partial[each.actuator] = each.applied
        assert violations(snapshot.fleet, partial, spec, known) == [], (seed, each)
    return decision


def may_shrink(actuator: Actuator, snapshot: Snapshot, state: State, spec: ScalerSpec) -> bool:
    """I4 in its own words, from the readings and the memories before the decision."""
    seen, fleet = validate(snapshot, state.last_offered, spec), snapshot.fleet
    leads = {Actuator.APP: state.estimates.app_leads, Actuator.REPLICAS: state.estimates.replica_leads}
    lead = max(leads.get(actuator, ()), default=LEADS.get(actuator, 15.0))
    return (
        seen.fresh
        and state.fresh_since is not None
        and NOW - state.fresh_since >= 90.0
        and not fleet.app.updating
        and fleet.database.healthy
        and (snapshot.readings[Name.ERROR_RATE].value or 0.0) <= 0.01
        and NOW - memory_of(state, actuator).raised >= 2.0 * lead
    )


@pytest.mark.untraced
def test_no_invariant_breaks() -> None:
    shrunk, grown, most = set(), set(), 0
    for seed in range(8_000):
        writes = check_world(seed).writes
        shrunk |= {each.actuator for each in writes if each.applied < each.current}
        grown |= {each.actuator for each in writes if each.applied > each.current}
        most = max(most, len(writes))
    assert shrunk == grown == set(Actuator), "worlds in which nothing of a kind happens prove nothing about it"
    assert most >= 4, "crashes between writes need several of them"


@pytest.mark.full
@pytest.mark.timeout(7200)
@pytest.mark.untraced
def test_no_invariant_breaks_in_a_million_worlds() -> None:
    for seed in range(10_000, 10_000 + FULL_STATES):
        check_world(seed)


@given(seed=st.integers(0, 2**48))
@settings(max_examples=300, deadline=None)
def test_no_invariant_breaks_where_hypothesis_looks(seed: int) -> None:
    check_world(seed)


@given(seed=st.integers(0, 2**48))
@settings(max_examples=500, deadline=None)
def test_ledger_fits_any_wish(seed: int) -> None:
    """The ledger alone, with wishes no sizing would have."""
    random = Random(seed)
    spec, fleet = wild_spec(random), wild_fleet(random)
    wish = {actuator: random.randint(0, 80) for actuator in Actuator}
    step, held = ledger.fit(fleet, wish, spec)
    now = ledger.current_targets(fleet)
    limit = max(ledger.budget(fleet.database, spec.connections), ledger.worst(fleet, now, spec.pool))
    assert ledger.worst(fleet, step, spec.pool) <= limit
    grown = [actuator for actuator in ledger_pools() if step[actuator] > now[actuator]]
    assert len(grown) + (ledger.growing(fleet) if grown else 0) <= 1
    for actuator in Actuator:
        low, high = sorted((now[actuator], wish[actuator]))
        assert low <= step[actuator] <= high
        assert step[actuator] == wish[actuator] or actuator in held


def ledger_pools() -> tuple[Actuator, ...]:
    """Actuators that open connections."""
    return (Actuator.POOL_RW, Actuator.POOL_RO, Actuator.POOLERS_RW, Actuator.POOLERS_RO)


def test_judge_finds_each_violation() -> None:
    """The judge is no rubber stamp: every invariant can be broken in front of it."""
    now = ledger.current_targets(FLEET)

    def judged(
        state: Bottleneck = Bottleneck.HEALTHY, doubts: tuple[str, ...] = (), since: float = 5000.0, **change: int
    ) -> str:
        wanted = {**now, **{Actuator(key): value for key, value in change.items()}}
        known = Facts(state, doubts, dict.fromkeys(Actuator, since), dict.fromkeys(Actuator, 20.0))
        found = violations(FLEET, wanted, ScalerSpec(), known)
        return " ".join(sentence[:2] for sentence in found)

    assert judged() == ""
    assert "I1" in judged(poolRw=95)
    assert "I2" in judged(app=1000)
    assert judged(Bottleneck.POOL, app=5) == "I3"
    assert judged(doubts=("old data",), app=3) == "I4"
    assert judged(since=39.0, app=3) == "I4"
    assert judged(since=40.0, app=3) == ""
    assert "I5" in judged(replicas=99)
    assert judged(poolRw=now[Actuator.POOL_RW] + 1, poolRo=now[Actuator.POOL_RO] + 1) == "I6"


@pytest.mark.parametrize(
    ("snapshot", "state", "word"),
    [
        (world(age=60.0), CALM, "good for 0 s"),
        (world(), replace(CALM, fresh_since=NOW - 30.0), "good for 30 s"),
        (world(errorRate=0.02), CALM, "2.0% of the requests fail"),
        (world(replace(FLEET, app=replace(FLEET.app, updating=True))), CALM, "rollout"),
        (world(replace(FLEET, database=replace(FLEET.database, healthy=False))), CALM, "not healthy"),
        (world(), CALM, None),
    ],
)
def test_the_judge_sees_for_itself_when_nothing_may_shrink(snapshot: Snapshot, state: State, word: str | None) -> None:
    seen = validate(snapshot, state.last_offered, AUTO)
    reasons = facts(seen, snapshot, state, Bottleneck.HEALTHY, now=NOW, spec=AUTO).unsettled
    assert bool(reasons) is (word is not None)
    assert word is None or word in reasons[0]


@pytest.mark.parametrize("off", ["hold", "ledger", "gate"])
def test_a_part_that_is_off_is_judged_as_if_it_were_on(off: str) -> None:
    """An ablation shows what its part is worth: the broken invariants are counted, not defined away."""
    spec = replace(AUTO, features=replace(Features(), **{off: False}))
    alerts = ""
    for seed in range(1_000):
        random = Random(seed)
        wild_spec(random)
        alerts += " ".join(decide(wild_snapshot(random), wild_state(random, CALM), spec, NOW).alerts)
    assert {"hold": "I4", "ledger": "I1", "gate": "I3"}[off] in alerts


def test_budget_is_shared_by_promotion() -> None:
    """A promoted replica keeps its readers: both poolers count against one instance."""
    spec = wild_spec(Random(1))
    now = ledger.current_targets(FLEET)
    base = ledger.worst(FLEET, now, spec.pool)
    more = ledger.worst(FLEET, {**now, Actuator.POOL_RO: now[Actuator.POOL_RO] + 5}, spec.pool)
    pods = FLEET.ro.desired + ceil(FLEET.ro.desired * spec.pool.max_surge)
    assert more - base == pods * 5 * spec.pool.pairs


@pytest.mark.untraced
@given(seed=st.integers(0, 2**48), factor=st.floats(1.0, 8.0))
@settings(max_examples=300, deadline=None)
def test_more_demand_never_means_fewer(seed: int, factor: float) -> None:
    random = Random(seed)
    rate = random.uniform(5.0, 3000.0)
    state = CALM
    less = run(world(offered=rate, offeredFast=rate, reads=0.9 * rate), state, ticks=1)
    more = run(world(offered=rate * factor, offeredFast=rate * factor, reads=0.9 * rate * factor), state, ticks=1)
    if Status.SUSPECT in {
        each.status for each in validate(world(offered=rate), 400.0, wild_spec(random)).by_name.values()
    }:
        return
    for actuator in (Actuator.APP, Actuator.REPLICAS):
        assert more.of(actuator).need >= less.of(actuator).need
        assert targets(more)[actuator] >= targets(less)[actuator]


@pytest.mark.untraced
@given(seed=st.integers(0, 2**48))
@settings(max_examples=500, deadline=None)
def test_same_tick_again_changes_nothing(seed: int) -> None:
    random = Random(seed)
    spec, snapshot, state = wild_spec(random), wild_snapshot(random), wild_state(random, CALM)
    once = decide(snapshot, state, spec, NOW)
    again = decide(snapshot, once.state, spec, NOW)
    assert targets(again) == targets(once)


def test_same_tick_again_keeps_the_decrease_that_spends_the_flap_budget() -> None:
    random = Random(240)
    spec, snapshot, state = wild_spec(random), wild_snapshot(random), wild_state(random, CALM)
    once = decide(snapshot, state, spec, NOW)
    again = decide(snapshot, once.state, spec, NOW)
    assert targets(again) == targets(once)


@given(seed=st.integers(0, 2**48))
@settings(max_examples=300, deadline=None)
def test_targets_stay_in_bounds(seed: int) -> None:
    random = Random(seed)
    spec, snapshot = wild_spec(random), wild_snapshot(random)
    decision = decide(snapshot, wild_state(random, CALM), spec, NOW)
    app = decision.of(Actuator.APP)
    assert app.desired <= max(spec.app.max, app.current)
    assert app.desired >= min(spec.app.min, app.current)


def test_time_alone_never_grows_anything() -> None:
    state, snapshot = settled(), world()
    wanted = targets(run(snapshot, state, ticks=1))
    for minutes in range(1, 60):
        decision = decide(snapshot, state, AUTO, NOW + 60.0 * minutes)
        state = decision.state
        for actuator in (Actuator.REPLICAS, Actuator.POOL_RO):
            assert targets(decision)[actuator] <= max(wanted[actuator], ledger.current_targets(FLEET)[actuator])
