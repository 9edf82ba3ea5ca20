"""Golden cases of the other published algorithms, worked by hand: Knative's KPA, KEDA, the Predictive HPA.

Sources are named in the modules under test. None of the numbers is an output of theirs.
"""

from math import inf, nan

import numpy as np
import pytest

from bench.autoscaler import keda, kpa, phpa
from bench.autoscaler.baselines import HpaCpu, Predictive
from bench.autoscaler.hpa import Behavior, History, Metric, behave, combine, proposal
from ip2a_operator.simulation.model import World
from ip2a_operator.simulation.observe import Observer, Trouble
from ip2a_operator.simulation.run import start, traffic_of
from ip2a_operator.simulation.scenario import Scenario

# --- KPA: windows


def filled(length: int, **values: float) -> kpa.Window:
    """A window with values at seconds, `_3=1.0`."""
    window = kpa.Window(length)
    for second, value in values.items():
        window.record(int(second.removeprefix("_")), value)
    return window


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        (filled(6, _0=1, _1=2, _2=3, _3=4, _4=5, _5=6), 5, 3.5),
        (filled(6, _0=1, _1=2, _2=3, _3=4, _4=5, _5=6, _6=7), 6, 4.5),  # the first is out
        (filled(6, _0=4, _1=8), 1, 6.0),  # a young window is as long as it is known
        (filled(6, _0=6, _3=6), 3, 3.0),  # a gap between two records counts as zeros: 12 / 4
        (filled(6, _0=6, _1=6, _2=6, _3=6, _4=6, _5=6), 8, 6.0),  # silence at the end shortens: seconds 3 to 5
        (filled(6, _0=6, _1=6), 7, 0.0),  # a window's length of silence: zero …
        (filled(6, _0=6, _1=6), 8, None),  # … and longer: no data
        (filled(6, _0=60, _6=6), 6, 6.0),  # after a whole window everything begins anew
        (filled(6, _0=1, _1=2, _2=2), 2, 5 / 3),
    ],
)
def test_kpa_window(window: kpa.Window, now: int, expected: float | None) -> None:
    assert window.average(now) == (None if expected is None else pytest.approx(expected))


def test_kpa_adds_up_what_falls_into_one_second() -> None:
    window = kpa.Window(6)
    window.record(0, 1.0)
    window.record(0, 2.0)
    assert window.average(0) == 3.0


# --- KPA: decisions


@pytest.mark.parametrize(
    ("stable", "burst", "ready", "expected"),
    [
        (10.0, 10.0, 4, 5),  # ceil(10 / 2)
        (10.1, 10.1, 4, 6),
        (10.0, 14.0, 4, 5),  # 7 pods for 4 ready: 1.75, no panic
        (10.0, 16.0, 4, 8),  # 8 for 4: 2.0, panic
        (10.0, 14.1, 4, 8),  # rounded up first: 8 for 4
        (40.0, 16.0, 4, 20),  # in panic the larger of both
        (0.0, 0.0, 9, 4),  # at most half of them go at once, rounded down
        (9000.0, 0.0, 1, 1000),  # at most a thousandfold
        (9000.0, 0.0, 0, 1000),  # none ready counts as one
        (None, None, 4, None),  # no data: hold
    ],
)
def test_kpa_decision(stable: float | None, burst: float | None, ready: int, expected: int | None) -> None:
    calm = kpa.Autoscaler(2.0, ready=1, now=0.0)
    assert calm.scale(stable, burst, ready, 100.0) == expected


def test_kpa_panic_keeps_its_maximum_and_ends_a_window_after_its_cause() -> None:
    scaler = kpa.Autoscaler(2.0, ready=1, now=0.0)
    assert scaler.scale(10.0, 16.0, 4, 100.0) == 8
    assert scaler.scale(10.0, 4.0, 8, 102.0) == 8  # nothing shrinks
    assert scaler.scale(22.0, 4.0, 8, 104.0) == 11  # it may grow, by the stable window too
    assert scaler.scale(10.0, 44.0, 11, 110.0) == 22  # still over the threshold: panic begins anew here
    assert scaler.scale(10.0, 2.0, 22, 170.0) == 22  # 60 s later it is not yet over
    assert scaler.scale(30.0, 2.0, 22, 172.0) == 15
    assert scaler.scale(30.0, 2.0, 15, 174.0) == 15


def test_kpa_takes_nothing_away_when_it_comes_back() -> None:
    scaler = kpa.Autoscaler(2.0, ready=6, now=100.0)
    assert scaler.scale(2.0, 2.0, 6, 102.0) == 6
    assert scaler.scale(2.0, 2.0, 6, 162.0) == 3
    alone = kpa.Autoscaler(2.0, ready=1, now=100.0)
    assert alone.scale(0.0, 0.0, 1, 102.0) == 0  # one pod is no reason for panic


# --- KEDA


def asked(metric: Metric, current: int) -> int | None:
    return proposal(metric, current, current)


@pytest.mark.parametrize(
    ("answer", "current", "expected"),
    [
        (240.0, 4, 3),  # 240 / (80 × 4) = 0.75: ceil(240 / 80)
        (330.0, 4, 4),  # 1.03: within tolerance
        (353.0, 4, 5),  # 1.103: ceil(4.41)
        (288.0, 4, 4),  # 0.9: the edge belongs to the tolerance
        (0.0, 4, 0),
    ],
)
def test_keda_average_value(answer: float, current: int, expected: int) -> None:
    assert asked(keda.Trigger(80.0).metric(answer, current), current) == expected


@pytest.mark.parametrize("nothing", [None, nan, inf])
def test_keda_takes_nothing_for_zero_unless_told_otherwise(nothing: float | None) -> None:
    assert keda.Trigger(80.0).metric(nothing, 4).value == 0.0
    assert keda.Trigger(80.0, null_is_zero=False).metric(nothing, 4).value is None


def test_keda_null_ends_in_the_minimum_after_the_window_and_an_error_holds() -> None:
    null, error = keda.Trigger(80.0), keda.Trigger(80.0)
    histories, pods = (History(), History()), [9, 9]
    for second in range(0, 316, 15):
        metrics = (null.metric(None, pods[0]), error.metric(None, pods[1], error=True))
        for index, metric in enumerate(metrics):
            wanted = combine([asked(metric, pods[index])], pods[index])
            pods[index] = behave(wanted, pods[index], float(second), histories[index], Behavior(), (2, 40))
        assert pods == ([9, 9] if second < 300 else [2, 9])


def test_keda_tells_thousandths_and_nothing_negative() -> None:
    assert keda.Trigger(0.5, average=False).metric(0.0509, 4).value == 0.05
    assert keda.Trigger(0.5, average=False).metric(-3.0, 4).value == 0.0


def test_keda_falls_back_after_more_failures_in_a_row_than_its_threshold() -> None:
    trigger = keda.Trigger(80.0, null_is_zero=False, fallback=keda.Fallback(replicas=6, failures=3))
    assert [trigger.metric(None, 4).value for _ in range(3)] == [None] * 3
    assert trigger.metric(None, 4, error=True).value == 480.0
    assert asked(trigger.metric(None, 4), 4) == 6
    assert asked(trigger.metric(None, 9), 9) == 9  # behavior currentReplicasIfHigher
    assert trigger.metric(100.0, 4).value == 100.0
    assert trigger.metric(None, 4).value is None  # counted anew


def test_keda_counts_failures_of_its_own_polling_too() -> None:
    trigger = keda.Trigger(80.0, null_is_zero=False, fallback=keda.Fallback(replicas=6, failures=3))
    trigger.poll(None)
    assert [trigger.metric(None, 4).value for _ in range(3)] == [None, None, 480.0]
    trigger.poll(1.0)
    assert trigger.metric(None, 4).value is None


def test_keda_without_a_fallback_never_recovers_by_counting() -> None:
    trigger = keda.Trigger(80.0)
    assert [trigger.metric(1.0, 4, error=True).value for _ in range(9)] == [None] * 9


def test_keda_cron_asks_for_its_replicas_in_its_window_and_for_one_outside() -> None:
    assert asked(keda.cron(6, active=True), 4) == 6
    assert asked(keda.cron(6, active=True), 9) == 6
    assert asked(keda.cron(6, active=False), 4) == 1
    rate = keda.Trigger(80.0).metric(700.0, 4)
    assert combine([asked(rate, 4), asked(keda.cron(6, active=True), 4)], 4) == 9  # the larger of both


# --- Predictive HPA


@pytest.mark.parametrize(
    ("points", "at", "expected"),
    [
        ([(0.0, 2), (15.0, 3), (30.0, 4)], 60.0, 6),
        ([(0.0, 1), (15.0, 3), (30.0, 2)], 60.0, 4),  # mean 2 at 15, slope 15/450: 2 + 45/30 = 3.5
        ([(0.0, 9), (15.0, 6)], 60.0, -3),
        ([(0.0, 5)], 60.0, None),
        ([], 60.0, None),
    ],
)
def test_phpa_line(points: list[tuple[float, int]], at: float, expected: int | None) -> None:
    assert phpa.line(points, at) == expected


def test_phpa_smoothing_by_hand() -> None:
    """Level 10, trend 1, season (2, -2), all smoothing ½, then 14 and 9.

    First: foretold 13; level ½·12 + ½·11 = 11.5, trend ½·1.5 + ½·1 = 1.25, season ½·3 + ½·2 = 2.5. Second: foretold
    10.75; level ½·11 + ½·12.75 = 11.875, trend ½·0.375 + ½·1.25 = 0.8125. Third: 11.875 + 0.8125 + 2.5.
    """
    states = np.array([[10.0, 1.0, 2.0, -2.0]])
    assert phpa.smoothed([14, 9], states, 0.5, 0.5, 0.5)[:, 0] == pytest.approx([13.0, 10.75, 15.1875])


@pytest.mark.parametrize("smoothing", [(0.9, 0.9, 0.9), (0.3, 0.1, 0.2)])
def test_phpa_holt_winters_goes_on_with_a_trend_and_a_season(smoothing: tuple[float, float, float]) -> None:
    series = [5 + at + (0, 3, 1, -2)[at % 4] for at in range(16)]
    assert phpa.holt_winters(series, 4, *smoothing) == 21  # 5 + 16 + 0
    assert phpa.holt_winters(series[:15], 4, *smoothing) == 18  # 5 + 15 - 2


def test_phpa_holt_winters_needs_ten_values_and_a_season() -> None:
    assert phpa.least(6) == 16
    assert phpa.holt_winters([3] * 15, 6, 0.5, 0.5, 0.5) is None
    assert phpa.holt_winters([3] * 16, 6, 0.5, 0.5, 0.5) == 3


def world_at(second: int) -> tuple[World, Observer]:
    scenario = Scenario("still", 600, lambda _: 0.0, pods=2)
    world = start(scenario, traffic_of(scenario, 1))
    world.now = second
    return world, Observer(world, Trouble(), 1)


def test_phpa_takes_the_larger_of_the_hpa_and_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    asks = iter([2, 3, 4, 4, 1])
    monkeypatch.setattr(HpaCpu, "wanted", lambda *_: next(asks))
    policy, found = Predictive(0.5, points=3, ahead=30.0), []
    for second in (15, 30, 45, 60, 75):
        found.append(policy.wanted(*world_at(second)))
    # alone; 2, 3 → 5 two steps on; 2, 3, 4 → 6; 3, 4, 4 → 11/3 + ½·3 = 5.2; 4, 4, 1 → 3 - 1.5·3 < 1
    assert found == [2, 5, 6, 6, 1]


def test_phpa_may_add_four_pods_or_double_once_a_minute() -> None:
    history = History()
    assert behave(30, 5, 0.0, history, Predictive.behavior, (2, 40)) == 10
    assert behave(30, 10, 45.0, history, Predictive.behavior, (2, 40)) == 10
    assert behave(30, 10, 60.0, history, Predictive.behavior, (2, 40)) == 20
