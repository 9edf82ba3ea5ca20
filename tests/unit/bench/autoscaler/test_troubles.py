"""Metrics that are late, stale, halved or gone, and a scaler that dies: what everybody sees, and what ours does."""

from dataclasses import replace
from statistics import median

import pytest

from bench.autoscaler.baselines import HpaCpu, Keda, Kpa, app_pods, existing
from bench.autoscaler.hpa import Pods
from bench.autoscaler.scenarios import held_out, line
from ip2a_operator.domain.autoscaling.signals import SUMS_OVER_PODS, Status, validate
from ip2a_operator.domain.autoscaling.snapshot import Name, Reading
from ip2a_operator.domain.autoscaling.state import State, to_json
from ip2a_operator.simulation.model import Platform, World
from ip2a_operator.simulation.observe import HALF, LOOKBACK, Observer, Outage, Trouble
from ip2a_operator.simulation.product import Product, simulated_spec
from ip2a_operator.simulation.run import play, start, traffic_of
from ip2a_operator.simulation.scenario import Scenario

STEP = 150
PLATFORM = replace(Platform(), cpu_request=0.006, cpu_speed=1.0, think=4.0, pod_delay=6.0)
"""Whatever the model's constants become: 15 % CPU before the step, 90 % after it."""
RISE = Scenario("rise", 240, line((STEP, 200), (STEP + 1, 1200)), pods=2, platform=PLATFORM)
VARIANTS = ("outage", "outage (error)", "outage (stale)", "outage (half)")
SEEDS = range(11, 21)


def watched(scenario: Scenario, seed: int) -> tuple[World, Observer]:
    """A run without a scaler, to be looked at second by second."""
    world = start(scenario, traffic_of(scenario, seed))
    return world, Observer(world, scenario.trouble, seed)


# --- the metrics API


def test_metrics_api_tells_a_window_that_is_over() -> None:
    world, observer = watched(RISE, 11)
    ages, lengths = [], set()
    while world.now < RISE.length:
        world.step()
        usage = observer.pod_usage()
        if world.now > 60:
            assert usage is not None
            ages.append(world.now - usage.end)
            lengths.add(usage.end - usage.begin)
    assert lengths == {10, 20}  # between looks of the kubelet every 10 s, as scrapes every 15 s find them
    assert 0 <= min(ages) < max(ages) < 25


def test_metrics_api_takes_its_time_to_show_a_step() -> None:
    """Its parts are documented (kubelet 10 s, scrape 15 s); how they meet is every seed's own."""
    seen = []
    for seed in SEEDS:
        world, observer = watched(RISE, seed)
        while world.now < RISE.length:
            world.step()
            usage = observer.pod_usage()
            if world.now > STEP and usage is not None and usage.share > 0.3:  # 0.15 before, 0.9 after
                break
        seen.append(world.now - STEP)
    assert min(seen) > 1
    assert max(seen) <= 35
    assert 8 <= median(seen) <= 22
    assert len(set(seen)) > 3


def test_hpa_waits_for_the_metrics_api() -> None:
    """The real cluster's HPA was seen to scale up 14 to 29 s after a step."""
    found = []
    for seed in SEEDS:
        _, wished = play(RISE, HpaCpu(0.4), seed)
        found.append(next(second for second, pods in enumerate(wished) if pods > 2) - STEP)
    assert min(found) >= 10
    assert 14 <= median(found) <= 30


def test_hpa_sorts_pods_that_start() -> None:
    courses = []
    for seed in SEEDS:
        world, observer = watched(RISE, seed)
        while world.now < 100:
            world.step()
        usage = observer.pod_usage()
        assert usage is not None
        assert app_pods(world, observer) == Pods((usage.share, usage.share))
        world.want_pods, seen = 4, []
        assert (existing(world), app_pods(world, observer).unready) == (4, 2)  # asked for, and nowhere yet
        for _ in range(60):
            world.step()
            pods = app_pods(world, observer)
            seen.append((len(pods.measured), pods.unready, pods.missing))
        assert seen[0] == (2, 2, 0)  # starting
        assert (2, 0, 2) in seen  # ready, and never measured
        assert seen[-1] == (4, 0, 0)
        assert seen.index((4, 0, 0)) > 15
        courses.append(seen)
    assert any((2, 2, 0) in seen[7:] for seen in courses)  # measured from before they were ready on


def test_hpa_counts_pods_that_find_no_node_as_unready() -> None:
    world, observer = watched(RISE, 11)
    world.pod_limit = 2
    while world.now < 60:
        world.step()
    world.want_pods = 5
    for _ in range(60):
        world.step()
    pods = app_pods(world, observer)
    assert (pods.unready, pods.missing, existing(world)) == (3, 0, 5)


def test_ours_asks_the_metrics_api_every_third_tick() -> None:
    world, observer = watched(RISE, 11)
    read: dict[int, Reading] = {}
    while world.now < 120:
        world.step()
        if world.now % 5 == 0 and world.now > 45:
            read[world.now] = observer.readings()[Name.KUBELET_CPU]
    assert all(read[second].value == read[second - second % 15].value for second in read if second >= 60)
    assert read[70].age == read[60].age + 10.0
    assert read[60].value != read[75].value


# --- outages of Prometheus


def dark(kind: Outage) -> tuple[World, Observer]:
    """Somebody who asked every 5 s until Prometheus failed at 100."""
    scenario = replace(RISE, length=500, users=line((0, 400)), trouble=Trouble((100, 480), outage=kind))
    world, observer = watched(scenario, 11)
    while world.now < 102:
        world.step()
        if world.now % 5 == 0:
            observer.readings()
    return world, observer


def test_stale_is_served_with_its_age_for_five_minutes() -> None:
    world, observer = dark(Outage.STALE)
    first = observer.readings()[Name.OFFERED]
    assert first.value == pytest.approx(100.0, rel=0.2)
    assert first.age == 8.0  # asked at 95, of a second before
    while world.now < 94 + LOOKBACK:
        world.step()
    last = observer.readings()[Name.OFFERED]
    assert (last.value, last.age) == (first.value, LOOKBACK)
    world.step()
    assert Name.OFFERED not in observer.readings()
    assert observer.prometheus(Name.OFFERED, 1.0) is None


def test_half_of_the_pods_is_half_of_the_sums() -> None:
    _, observer = dark(Outage.HALF)
    found = observer.readings()
    assert found[Name.OFFERED].value == pytest.approx(50.0, rel=0.2)
    assert (found[Name.OFFERED].age, found[Name.OFFERED].coverage) == (1.0, HALF)
    assert found[Name.P95].coverage == HALF
    assert found[Name.P95].value == pytest.approx(observer.percentile(observer.world.latency, 20, 0.95))
    assert found[Name.PG_ACTIVE].coverage == 1.0
    assert {name for name in SUMS_OVER_PODS if found[name].coverage == 1.0} == set()


@pytest.mark.parametrize("kind", [Outage.EMPTY, Outage.ERROR])
def test_nothing_is_known_but_what_the_metrics_api_says(kind: Outage) -> None:
    _, observer = dark(kind)
    assert observer.readings().keys() == {Name.KUBELET_CPU, Name.PRIMARY_CPU, Name.REPLICA_CPU}
    assert observer.erring == (kind is Outage.ERROR)


@pytest.mark.parametrize("kind", Outage)
def test_no_outage_is_taken_for_fresh(kind: Outage) -> None:
    world, observer = dark(kind)
    spec = simulated_spec(Scenario("any", 1, line((0, 1))))
    while world.now < 111:
        world.step()
    seen = validate(observer.snapshot(), 100.0, spec)
    assert not seen.fresh
    status = {Outage.STALE: Status.STALE, Outage.HALF: Status.SUSPECT}
    if kind in status:
        assert seen.by_name[Name.OFFERED].status is status[kind]


@pytest.mark.parametrize("name", VARIANTS)
def test_ours_takes_nothing_away_in_any_outage(name: str) -> None:
    scenario = replace(held_out()[name], length=1000)
    ours = Product(simulated_spec(scenario))
    _, wished = play(scenario, ours, 11)
    begin, end = scenario.trouble.dark
    assert min(wished[begin : end + 90]) >= wished[begin - 1]
    assert (ours.broken, ours.stale_decreases) == (0, 0)
    assert any(decision.bad_signals for decision in ours.decisions)


@pytest.mark.parametrize(
    ("name", "zero", "held"),
    [
        ("outage", True, False),
        ("outage", False, True),
        ("outage (error)", True, True),  # an error is no empty answer
        ("outage (stale)", True, True),  # nobody asks how old it is, and 200 s of nothing are less than its window
        ("outage (half)", False, False),  # nobody asks how many were scraped
    ],
)
def test_keda_in_every_outage(name: str, zero: bool, held: bool) -> None:
    scenario = replace(held_out()[name], length=880)
    _, wished = play(scenario, Keda(60.0, null_is_zero=zero), 11)
    assert (wished[879] >= wished[399]) == held


def test_kpa_does_not_notice_a_dark_prometheus() -> None:
    scenario = replace(held_out()["outage"], length=700)
    _, wished = play(scenario, Kpa(1.0), 11)
    _, without = play(replace(scenario, trouble=Trouble()), Kpa(1.0), 11)
    assert wished == without


# --- a scaler that dies


class Remembered(Product):
    """Keeps what it was before and after it died."""

    before = after = State()

    def restart(self, world: World, observer: Observer) -> None:
        self.before = self.state
        super().restart(world, observer)
        self.after = self.state


@pytest.mark.parametrize("dies", range(300, 330, 5))
def test_ours_comes_back_from_its_status_wherever_it_dies(dies: int) -> None:
    """During a move of the pools: nothing is broken, and what was learned is still known."""
    scenario = replace(held_out()["crash"], length=420, dead=(dies, dies + 15))
    ours = Remembered(simulated_spec(scenario))
    world, wished = play(scenario, ours, 11)
    assert (ours.broken, ours.stale_decreases) == (0, 0)
    assert ours.before.samples
    assert not ours.after.samples  # it did not stay in memory
    assert ours.after.estimates.cpu_per_request == pytest.approx(ours.before.estimates.cpu_per_request, rel=0.1)
    assert ours.after.app.raised == ours.before.app.raised
    assert len(str(to_json(ours.after))) < 4096
    assert world.want_pool[0] >= 4
    assert min(wished[300:]) >= wished[299]


def test_ours_without_a_status_begins_anew() -> None:
    scenario = replace(held_out()["crash"], length=420)

    class Forgetful(Remembered):
        def restart(self, world: World, observer: Observer) -> None:
            self.status = ""
            super().restart(world, observer)

    ours = Forgetful(simulated_spec(scenario))
    play(scenario, ours, 11)
    assert ours.after.estimates.cpu_per_request is None
    assert (ours.broken, ours.stale_decreases) == (0, 0)


@pytest.mark.parametrize("rival", [HpaCpu(0.4), Keda(60.0), Kpa(1.0)], ids=["hpa", "keda", "kpa"])
def test_rivals_take_nothing_away_when_they_come_back(rival: HpaCpu | Keda | Kpa) -> None:
    scenario = Scenario("calm", 260, line((0, 1600)), pods=6, dead=(200, 220), platform=PLATFORM)
    _, wished = play(scenario, rival, 11)
    assert min(wished[200:]) >= wished[199]
