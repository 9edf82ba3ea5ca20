"""Golden cases of the published HorizontalPodAutoscaler algorithm."""

import pytest

from bench.autoscaler.hpa import Behavior, History, Metric, behave, combine, proposal, utilization


@pytest.mark.parametrize(
    ("value", "target", "average", "current", "expected"),
    [
        (200.0, 100.0, False, 2, 4),  # "If the current metric value is 200m, and the desired value is 100m: doubled"
        (50.0, 100.0, False, 2, 1),  # "if the current value is instead 50m: halved"
        (109.0, 100.0, False, 10, 10),  # within tolerance 0.1
        (111.0, 100.0, False, 10, 12),  # ceil(11.1)
        (91.0, 100.0, False, 10, 10),
        (1000.0, 100.0, True, 4, 10),  # AverageValue: ceil(total / target)
        (430.0, 100.0, True, 4, 4),
        (None, 100.0, False, 5, None),
    ],
)
def test_one_metric(value: float | None, target: float, average: bool, current: int, expected: int | None) -> None:
    assert proposal(Metric(value, target, average=average), current, current) == expected


@pytest.mark.parametrize(
    ("fractions", "missing", "target", "current", "expected"),
    [
        ([0.9, 0.9], 0, 0.5, 2, 4),  # ceil(1.8 × 2)
        ([0.25, 0.25, 0.25, 0.25], 0, 0.5, 4, 2),
        ([0.52, 0.52], 0, 0.5, 2, 2),
        ([0.9, 0.9], 2, 0.5, 4, 4),  # missing count 0 going up: (1.8/4)/0.5 = 0.9, within tolerance
        ([1.5, 1.5], 1, 0.5, 3, 6),  # 3.0/3 = 1.0 → ratio 2 → 6
        ([0.2, 0.2], 2, 0.5, 4, 4),  # missing count 100 % going down: direction turns, keep
        ([], 3, 0.5, 3, 3),
        ([0.549, 0.549], 0, 0.5, 2, 2),  # integer truncation: 54 % / 50 % = 1.08
    ],
)
def test_resource_metric_with_missing_pods(
    fractions: list[float], missing: int, target: float, current: int, expected: int
) -> None:
    assert utilization(fractions, missing, target, current) == expected


@pytest.mark.parametrize(
    ("proposals", "current", "expected"),
    [([3, 7], 5, 7), ([3, None], 5, 5), ([7, None], 5, 7), ([None, None], 5, 5), ([2, 3], 5, 3)],
)
def test_largest_proposal_wins_and_missing_forbids_down(
    proposals: list[int | None], current: int, expected: int
) -> None:
    assert combine(proposals, current) == expected


def test_up_is_limited_to_the_larger_of_double_and_four() -> None:
    assert behave(50, 10, 0.0, History(), Behavior(), (1, 100)) == 20
    assert behave(50, 2, 0.0, History(), Behavior(), (1, 100)) == 6
    history = History()
    assert behave(50, 10, 0.0, history, Behavior(), (1, 100)) == 20
    assert behave(50, 20, 5.0, history, Behavior(), (1, 100)) == 20  # the period's growth is used up
    assert behave(50, 20, 15.0, history, Behavior(), (1, 100)) == 40


def test_down_waits_for_the_stabilisation_window() -> None:
    history, current = History(), 10
    for second in range(0, 300, 15):
        current = behave(2, current, float(second), history, Behavior(), (1, 100))
        assert current == 10
    assert behave(2, current, 330.0, history, Behavior(), (1, 100)) == 2


def test_restart_does_not_scale_down_at_once() -> None:
    assert behave(1, 8, 0.0, History(), Behavior(), (1, 100)) == 8
