"""How much is asked for: a step is no climb, many requests know their cost better than few, the knee is the limit."""

from dataclasses import replace

import pytest

from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import Decision
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


def test_cost_of_a_request_is_what_most_requests_cost() -> None:
    """At a trickle, probes and scrapes weigh as much as requests: that must not count once there is load."""
    trickle = world(offered=3.0, served=3.0, offeredFast=3.0, reads=2.7, appCpu=0.06)
    state = settled(snapshot=trickle, seconds=120.0)
    assert state.estimates.cpu_per_request == pytest.approx(0.02)
    for index in range(6):
        state = decide(world(), state, AUTO, NOW + 5.0 * index).state
    assert state.estimates.cpu_per_request == pytest.approx(0.006, rel=0.3)


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
