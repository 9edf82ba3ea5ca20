"""How much is asked for: a step is no climb, many requests know their cost better than few, the knee is the limit."""

from dataclasses import replace
from random import Random

import pytest

from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.autoscaling.dynamics import Limit
from ip2a_operator.domain.autoscaling.snapshot import Snapshot
from ip2a_operator.domain.autoscaling.spec import Actuator
from ip2a_operator.domain.autoscaling.state import State
from tests.unit.operator.autoscaling.worlds import AUTO, FLEET, NOW, run, settled, world


def offered(slow: float, fast: float) -> Snapshot:
    """The healthy world at another rate: its mean over the window, and that of the last seconds."""
    return world(offered=slow, served=slow, offeredFast=fast, reads=0.9 * slow, appCpu=0.006 * slow)


def course(*rates: tuple[float, float]) -> list[Decision]:
    """Decisions about one tick after another."""
    state, found = settled(), []
    for index, (slow, fast) in enumerate(rates):
        found.append(decide(offered(slow, fast), state, AUTO, NOW + 5.0 * index))
        state = found[-1].state
    return found


def test_a_step_is_sized_for_what_it_reached() -> None:
    """The window of 20 s makes a climb of it; the rate of the last seconds says that it is over."""
    step = [(500.0, 800.0), (600.0, 800.0), (700.0, 800.0), (800.0, 800.0), (800.0, 800.0), (800.0, 800.0)]
    most = max(each.of(Actuator.APP).need for each in course(*step))
    assert most == run(offered(800.0, 800.0), settled(snapshot=offered(800.0, 800.0))).of(Actuator.APP).need


def test_a_climb_is_sized_for_where_it_will_be() -> None:
    climb = [(400.0 + 25.0 * tick, 440.0 + 25.0 * tick) for tick in range(12)]
    last = course(*climb)[-1]
    assert last.demand.source == "trend"
    assert last.demand.expected > climb[-1][0]


def test_a_step_under_noise_is_not_sized_as_a_climb() -> None:
    """A step makes the demand look noisy: the trend must not be free of its bound for that."""
    random = Random(5)
    state = settled()
    state = replace(state, estimates=replace(state.estimates, noise=0.15))
    most = 0
    for index, slow in enumerate((500.0, 600.0, 700.0, 800.0, 800.0, 800.0, 800.0)):
        seen = offered(slow, 800.0 * random.uniform(0.95, 1.05))
        decision = decide(seen, state, AUTO, NOW + 5.0 * index)
        state, most = decision.state, max(most, decision.of(Actuator.APP).need)
    after = run(offered(800.0, 800.0), settled(snapshot=offered(800.0, 800.0)))
    assert most <= after.of(Actuator.APP).need + 2


@pytest.mark.parametrize(("jump", "grows"), [(6.0, True), (1.7, False)])
def test_a_jump_far_beyond_the_noise_needs_no_second_witness(jump: float, grows: bool) -> None:
    """The pods' CPU and what waits in them are seen later than what is asked of them."""
    state = settled()
    state = replace(state, estimates=replace(state.estimates, noise=0.2))
    for index in range(2):
        seen = world(offeredFast=400.0 * jump)
        decision = decide(seen, state, AUTO, NOW + 5.0 * index)
        state = replace(decision.state, estimates=replace(decision.state.estimates, noise=0.2))
    assert (decision.demand.source == "surge") == grows


def full_pods(**changes: float) -> Snapshot:
    """Pods at their CPU limit with requests waiting in them: what is offered is what they manage."""
    values = {"offered": 650.0, "offeredFast": 650.0, "served": 650.0, "appCpu": 3.0, "appCpuFast": 3.98}
    return world(FLEET, **{**values, "inFlight": 300.0, **changes})


def test_full_pods_are_doubled_because_what_waits_is_not_counted() -> None:
    """The mean of the last 20 s still says that there is room."""
    first = run(full_pods(), settled(), ticks=1)
    second = decide(full_pods(), first.state, AUTO, NOW + 5.0)
    assert second.of(Actuator.APP).need == 8
    assert "full" in second.of(Actuator.APP).why


@pytest.mark.parametrize("changes", [{"inFlight": 4.0}, {"appCpuFast": 3.0}])
def test_one_witness_alone_doubles_nothing(changes: dict[str, float]) -> None:
    found = run(full_pods(**changes), settled(), ticks=3).of(Actuator.APP)
    assert "full" not in found.why


def test_pods_that_start_or_came_a_moment_ago_are_waited_for() -> None:
    for app in (replace(FLEET.app, desired=8), replace(FLEET.app, youngest_ready_age=5.0)):
        seen = replace(full_pods(), fleet=replace(FLEET, app=app))
        assert "full" not in run(seen, settled(), ticks=4).of(Actuator.APP).why


@pytest.mark.parametrize(("startable", "desired"), [(None, 10), (5, 9), (1, 8), (0, 8)])
def test_no_more_pods_start_at_one_time_than_the_nodes_carry(startable: int | None, desired: int) -> None:
    fleet = replace(FLEET, app=replace(FLEET.app, startable=startable))
    found = run(replace(offered(1300.0, 1300.0), fleet=fleet), settled(), ticks=6).of(Actuator.APP)
    assert (found.need, found.desired) == (10, desired)
    assert (Limit.STARTING in found.limited_by) == (desired < 10)


def test_the_minimum_is_started_in_any_case() -> None:
    spec = replace(AUTO, app=replace(AUTO.app, min=10))
    fleet = replace(FLEET, app=replace(FLEET.app, startable=0))
    assert run(world(fleet), settled(spec), spec, ticks=1).of(Actuator.APP).desired == 10


def test_cost_of_a_request_is_what_most_requests_cost() -> None:
    """At a trickle, probes and scrapes weigh as much as requests: that must not count once there is load."""
    trickle = world(offered=3.0, served=3.0, offeredFast=3.0, reads=2.7, appCpu=0.06)
    state = settled(snapshot=trickle, seconds=120.0)
    assert state.estimates.cpu_per_request == pytest.approx(0.02)
    for index in range(6):
        state = decide(world(), state, AUTO, NOW + 5.0 * index).state
    assert state.estimates.cpu_per_request == pytest.approx(0.006, rel=0.3)


def test_young_and_full_pods_teach_only_that_requests_cost_less() -> None:
    """A start is in what they use; a step of the load makes pods young and full at the very time it tells most."""
    young = replace(FLEET, app=replace(FLEET.app, youngest_ready_age=5.0))
    trickle = world(offered=3.0, served=3.0, offeredFast=3.0, reads=2.7, appCpu=0.06)
    dear = settled(snapshot=trickle, seconds=120.0)
    assert run(world(young), dear, ticks=6).state.estimates.cpu_per_request == pytest.approx(0.006, rel=0.3)
    assert run(full_pods(appCpu=3.98), dear, ticks=6).state.estimates.cpu_per_request == pytest.approx(0.006, rel=0.3)
    assert run(world(young, appCpu=3.4), settled(), ticks=6).state.estimates.cpu_per_request == pytest.approx(0.006)


def test_what_idle_pods_pay_is_forgotten_once_pods_are_at_work_and_not_learned_again() -> None:
    """An idle pod wakes up for each request, a busy one takes several at once."""
    idle = world(offered=100.0, served=100.0, offeredFast=100.0, reads=90.0, appCpu=1.0)
    state = settled(snapshot=idle, seconds=600.0)
    assert state.estimates.cpu_per_request == pytest.approx(0.01)
    busy = world(appCpu=2.8)
    state = run(busy, state, ticks=1).state
    assert state.estimates.at_work
    assert state.estimates.cpu_per_request == pytest.approx(0.007)
    assert run(idle, state, ticks=20).state.estimates.cpu_per_request == pytest.approx(0.007)
    assert run(world(appCpu=3.2), state, ticks=20).state.estimates.cpu_per_request == pytest.approx(0.008, rel=0.05)


def test_other_pages_are_learned_at_once_even_from_idle_pods() -> None:
    """Bidding opens: members ask for pages that cost four times as much, while pods have little to do yet."""
    state = settled(snapshot=world(appCpu=2.8), seconds=600.0)
    assert state.estimates.cpu_per_request == pytest.approx(0.007)
    other = world(offered=50.0, served=50.0, offeredFast=50.0, reads=45.0, appCpu=1.4)
    state = run(other, state, ticks=5, start=NOW + 5.0).state
    assert state.estimates.cpu_per_request == pytest.approx(0.007), "a step's rates do not change in one instant"
    known = run(other, state, ticks=1, start=NOW + 30.0).state.estimates
    assert known.cpu_per_request == pytest.approx(0.028)
    interrupted = run(world(appCpu=2.8), state, ticks=1, start=NOW + 30.0).state
    known = run(other, interrupted, ticks=5, start=NOW + 35.0).state.estimates
    assert known.cpu_per_request == pytest.approx(0.007)


def test_a_trickle_is_not_taken_for_other_pages() -> None:
    """At night probes and scrapes make each request look dear: what busy pods taught must last until the morning."""
    state = settled(snapshot=world(appCpu=2.8), seconds=600.0)
    night = world(offered=20.0, served=20.0, offeredFast=20.0, reads=18.0, appCpu=0.6)
    assert run(night, state, ticks=60, start=NOW + 5.0).state.estimates.cpu_per_request == pytest.approx(0.007)


def large_pool(**changes: float) -> Snapshot:
    """The healthy world with pools of twice what PostgreSQL can use (the knee is 20 for four cores)."""
    fleet = replace(FLEET, rw=replace(FLEET.rw, size=20, live_size=20))
    return world(fleet, **changes)


def pool_after(snapshot: Snapshot, seconds: float) -> int:
    """Size of the writing pool that is wanted after so long."""
    return run(snapshot, settled(snapshot=snapshot, seconds=seconds), ticks=1).of(Actuator.POOL_RW).desired


def test_connections_past_the_knee_go_without_waiting_for_the_window() -> None:
    assert AUTO.pool.shrink_after == 600.0
    assert pool_after(large_pool(), 120.0) == 10


def test_connections_past_the_knee_stay_while_metrics_are_young_or_requests_fail() -> None:
    assert pool_after(large_pool(), 60.0) == 20
    assert pool_after(large_pool(errorRate=0.05), 120.0) == 20


def test_connections_held_by_the_app_are_no_work_for_the_database() -> None:
    """Fifteen held for five at work: the knee counts those at work."""
    held = large_pool(rwBusy=15.0, rwRate=40.0, pgActive=5.0)
    assert pool_after(held, 120.0) == 20


def test_state_starts_without_any_of_it() -> None:
    assert (State().fast, State().estimates.costed) == ((), 0.0)
