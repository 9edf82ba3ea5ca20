"""Dynamics over time: surge, drain, outage and return, restart, modes, pauses, schedules, flap budget."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import ConditionType, Decision
from ip2a_operator.domain.autoscaling.dynamics import Limit
from ip2a_operator.domain.autoscaling.snapshot import Growth, Name, Pause, Reading, Snapshot
from ip2a_operator.domain.autoscaling.spec import Actuator, Floor, Mode, ScalerSpec, Schedule
from ip2a_operator.domain.autoscaling.state import State, from_json, to_json
from tests.unit.operator.autoscaling.worlds import AUTO, FLEET, NOW, run, settled, targets, world


def demand(rate: float) -> Snapshot:
    """The healthy world at another rate."""
    return world(offered=rate, offeredFast=rate, served=rate, reads=0.9 * rate, appCpu=0.006 * rate)


def follow(rates: list[float], state: State, spec: ScalerSpec = AUTO, pods: int = 4) -> list[Decision]:
    """Feed rates tick by tick; what is written is there at the next tick."""
    found, fleet = [], FLEET
    for index, rate in enumerate(rates):
        fleet = replace(fleet, app=replace(fleet.app, desired=pods, ready=pods, total=pods))
        decision = decide(replace(demand(rate), fleet=fleet), state, spec, NOW + 5.0 * index)
        state, pods = decision.state, decision.of(Actuator.APP).applied
        found.append(decision)
    return found


def pods_of(decisions: list[Decision]) -> list[int]:
    return [each.of(Actuator.APP).applied for each in decisions]


def test_surge_is_answered_within_two_ticks_in_one_jump() -> None:
    pods = pods_of(follow([2000.0] * 4, settled()))
    assert max(pods[:2]) >= 15, "12 busy pods, the trim of a fast app taken off, at 75 %"
    assert len(set(pods[1:])) == 1


def test_single_spike_is_not_a_surge() -> None:
    pods = pods_of(follow([400.0, 560.0, 400.0, 400.0, 400.0], settled()))
    assert max(pods) == 4


def test_drain_waits_for_the_window_then_goes_in_steps() -> None:
    busy = replace(demand(1500.0), fleet=replace(FLEET, app=replace(FLEET.app, desired=12, ready=12, total=12)))
    pods = pods_of(follow([100.0] * 200, settled(snapshot=busy), pods=12))
    first = next(index for index, count in enumerate(pods) if count < 12)
    assert first * 5.0 >= 0.8 * AUTO.drain.window
    drops = [a - b for a, b in pairwise(pods)]
    assert max(drops) <= 2
    assert pods[-1] == AUTO.app.min


@pytest.mark.untraced
def test_outage_holds_and_return_waits() -> None:
    state = settled()
    dark = Snapshot({name: Reading(None) for name in Name}, world().fleet)
    for index in range(60):
        decision = decide(dark, state, AUTO, NOW + 5.0 * index)
        state = decision.state
        assert targets(decision) == targets(run(world(), settled(), ticks=1))
    for index in range(60, 77):
        decision = decide(demand(10.0), state, AUTO, NOW + 5.0 * index)
        state = decision.state
        assert not [each for each in decision.actuators if each.desired < each.current]


def test_lies_after_an_outage_shrink_nothing() -> None:
    state = settled()
    zeros = Snapshot({name: Reading(0.0, 2.0) for name in Name}, FLEET)
    for index in range(720):
        decision = decide(zeros, state, AUTO, NOW + 5.0 * index)
        state = decision.state
        assert not [each for each in decision.actuators if each.desired < each.current]


@pytest.mark.parametrize(
    ("app_cpu", "kubelet_cpu", "believed"),
    [(0.02, 0.04, True), (0.02, None, True), (0.0, 0.04, False), (0.02, 0.6, False)],
    ids=["idle", "idle, no metrics API", "a Prometheus of zeros", "busy pods"],
)
def test_silence_is_believed_after_a_minute_if_the_pods_are_seen_to_idle(
    app_cpu: float, kubelet_cpu: float | None, believed: bool
) -> None:
    state = settled()
    nobody = world(
        offered=0.0, offeredFast=0.0, served=0.0, reads=0.0, appCpu=app_cpu, appCpuFast=app_cpu, kubeletCpu=kubelet_cpu
    )
    for index in range(240):
        decision = decide(nobody, state, AUTO, NOW + 5.0 * index)
        state = decision.state
        assert index > 12 or decision.of(Actuator.APP).desired == 4, "not within the first minute"
    fresh = next(each for each in decision.conditions if each.type is ConditionType.METRICS_FRESH)
    assert fresh.status is believed
    assert decision.of(Actuator.APP).desired == (3 if believed else 4)


def test_saturation_in_the_dark_is_seen_by_the_metrics_api() -> None:
    dark = Snapshot({name: Reading(None) for name in Name} | {Name.KUBELET_CPU: Reading(0.99)}, FLEET)
    assert run(dark, settled(), ticks=1).of(Actuator.APP).applied == 8


def test_recommend_computes_but_does_not_write() -> None:
    spec = ScalerSpec()
    assert spec.mode is Mode.RECOMMEND
    decision = run(demand(2000.0), settled(spec), spec, ticks=3)
    app = decision.of(Actuator.APP)
    assert app.desired > app.current
    assert decision.writes == ()
    by_type = {each.type: each.status for each in decision.conditions}
    assert by_type[ConditionType.RECOMMENDING]
    assert not by_type[ConditionType.SCALING_ACTIVE]


def test_one_actuator_may_be_held_back() -> None:
    spec = replace(AUTO, app=replace(AUTO.app, mode=Mode.OFF))
    app = run(demand(2000.0), settled(spec), spec, ticks=3).of(Actuator.APP)
    assert app.desired == app.current
    assert app.limited_by == (Limit.OFF,)


@pytest.mark.parametrize(
    ("pause", "grows"),
    [(Pause(up=NOW + 60), False), (Pause(down=NOW + 60), True), (Pause(all=NOW - 1), True)],
)
def test_pause_expires_and_has_a_direction(pause: Pause, grows: bool) -> None:
    app = run(replace(demand(2000.0), pause=pause), settled(), ticks=3).of(Actuator.APP)
    assert (app.applied > app.current) is grows


def test_rival_scaler_stops_all_writes() -> None:
    decision = run(replace(demand(2000.0), rivals=("HorizontalPodAutoscaler/app",)), settled(), ticks=3)
    assert decision.writes == ()
    by_type = {each.type: each for each in decision.conditions}
    assert by_type[ConditionType.CONFLICT].status
    idle = by_type[ConditionType.SCALING_ACTIVE]
    assert (idle.status, idle.reason) == (False, "Conflict")
    assert "HorizontalPodAutoscaler/app scales the same" in idle.message


def test_a_rival_that_leaves_is_told_of() -> None:
    rival = replace(world(), rivals=("ScaledObject/app",))
    state = run(rival, settled(), ticks=1).state
    (event,) = run(world(), state, ticks=1, start=NOW + 5.0).events
    assert (event.warning, event.reason) == (False, "NoRival")
    assert "no other scaler" in event.message


def reasons(decisions: list[Decision]) -> list[str]:
    return [event.reason for each in decisions for event in each.events]


def shown(state: State, *snapshots: Snapshot, spec: ScalerSpec = AUTO) -> list[Decision]:
    """One snapshot a tick."""
    found = []
    for index, snapshot in enumerate(snapshots):
        found.append(decide(snapshot, state, spec, NOW + 5.0 * index))
        state = found[-1].state
    return found


def test_a_trigger_that_alerts_is_told_of_once_and_when_it_is_over() -> None:
    states = shown(settled(), *(world(connections=value) for value in (310.0, 299.0, 301.0, 370.0, 344.0, 280.0)))
    told = [(index, event) for index, each in enumerate(states) for event in each.events if "Trigger" in event.reason]
    assert [(index, event.reason, event.warning) for index, event in told] == [
        (0, "TriggerFired", True),
        (3, "TriggerFired", True),
        (5, "TriggerQuiet", False),
        (5, "TriggerQuiet", False),
    ]
    assert told[0][1].message.startswith("150 of 200 connections: 310, the threshold is 300;")


def test_an_alert_stays_while_its_signal_cannot_be_seen() -> None:
    calm = settled(snapshot=world(cacheHit=0.9))
    decisions = shown(calm, world(cacheHit=0.65), world(cacheHit=None), world(cacheHit=0.72), world(cacheHit=0.9))
    assert [each.state.alerts for each in decisions] == [
        ("cache-warn", "cache-critical"), ("cache-warn", "cache-critical"), ("cache-warn", "cache-critical"), (),
    ]  # fmt: skip
    assert reasons(decisions).count("TriggerFired") == 2


def test_a_share_of_hardly_any_reads_alerts_nobody() -> None:
    (decision,) = shown(settled(snapshot=world(cacheHit=0.9)), world(cacheHit=0.0, reads=0.2))
    assert "cache-warn" not in {each.id for each in decision.fired}
    assert decision.state.alerts == ()


@pytest.mark.parametrize(("hit", "said"), [(0.75, ""), (0.6, "answers 60%"), (None, "no cache answers")])
def test_a_launch_without_its_cache_is_warned_of_once(hit: float | None, said: str) -> None:
    """NOW is a Friday, 08:00 UTC."""
    launch = Schedule("portal", "5 8 * * *", lead=297.0, floor=Floor(app=6))
    decisions = shown(settled(), *[world(cacheHit=hit)] * 4, spec=replace(AUTO, schedules=(launch,)))
    told = [
        (i, event) for i, each in enumerate(decisions) for event in each.events if event.reason == "LaunchWithoutCache"
    ]
    assert [index for index, _ in told] == ([1] if said else [])
    assert all("portal begins at 08:05 UTC" in event.message and said in event.message for _, event in told)


def test_schedule_raises_floors_and_never_lowers() -> None:
    schedule = Schedule("bidding", "* * * * *", duration=600.0, floor=Floor(app=9, replicas=2))
    spec = replace(AUTO, schedules=(schedule,))
    decision = run(world(), settled(spec), spec)
    assert decision.of(Actuator.APP).desired == 9
    assert decision.of(Actuator.REPLICAS).desired == 2


def test_forecast_counts_only_when_trusted() -> None:
    for trusted, expected in ((True, 2), (False, 1)):
        snapshot = replace(world(), growth=Growth(2.5, 300.0, trusted))
        assert run(snapshot, settled()).of(Actuator.REPLICAS).need == expected


def test_flap_budget_suspends_decreases_only() -> None:
    state = settled()
    rates = ([1500.0] * 30 + [100.0] * 120) * 5
    decisions = follow(rates, state)
    pods = pods_of(decisions)
    signs = [b > a for a, b in pairwise(pods) if a != b]
    reversals = sum(a != b for a, b in pairwise(signs))
    assert reversals <= 5
    locked = [index for index, each in enumerate(decisions) if Limit.FLAP_BUDGET in each.of(Actuator.APP).limited_by]
    told = [i for i, each in enumerate(decisions) if "FlapBudgetExhausted" in reasons([each])]
    assert len(told) == 1
    assert told[0] < locked[0]


def test_restart_goes_on_from_the_written_state() -> None:
    straight, restarted = settled(), settled()
    for index, rate in enumerate([400.0, 900.0, 1500.0, 1500.0, 700.0, 300.0] * 5):
        left = decide(demand(rate), straight, AUTO, NOW + 5.0 * index)
        text = json.dumps(to_json(restarted))
        right = decide(demand(rate), from_json(json.loads(text)), AUTO, NOW + 5.0 * index)
        assert left == right
        straight, restarted = left.state, right.state
    assert len(text) < 4096


def test_lost_state_shrinks_nothing_for_a_window() -> None:
    decisions = follow([50.0] * 40, State(), pods=12)
    assert set(pods_of(decisions)) == {12}


@pytest.mark.untraced
@pytest.mark.parametrize("mode", list(Mode))
def test_state_stays_small_in_a_long_life(mode: Mode) -> None:
    spec, state = replace(AUTO, mode=mode), State()
    for index in range(1500):
        rate = 300.0 + 290.0 * ((index % 97) / 97)
        busy = 0.3 + 40.0 * ((index % 31) / 31)
        snapshot = world(offered=rate, rwBusy=busy, pgActive=busy, replicaActive=busy, roBusy=busy)
        state = decide(snapshot, state, spec, NOW + 5.0 * index).state
    assert len(json.dumps(to_json(state))) < 4096
