"""Golden cases of the published HorizontalPodAutoscaler algorithm."""

from math import inf

import pytest

from bench.autoscaler.hpa import (
    Behavior,
    History,
    Metric,
    Pods,
    Policy,
    Rules,
    Sample,
    Select,
    behave,
    combine,
    proposal,
    sort,
    utilization,
)

AT_ONCE = Rules(0.0, (Policy(100.0),))


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
        (0.0, 100.0, True, 4, 0),  # the bounds are for later
        (None, 100.0, False, 5, None),
    ],
)
def test_one_metric(value: float | None, target: float, average: bool, current: int, expected: int | None) -> None:
    assert proposal(Metric(value, target, average=average), current, current) == expected


def test_a_value_counts_ready_pods_and_an_average_those_that_exist() -> None:
    assert proposal(Metric(200.0, 100.0), current=6, ready=4) == 8  # 2 × 4 ready, not × 6
    total = Metric(400.0, 100.0, average=True)
    assert proposal(total, current=3, ready=3) == 4  # 400 / 300 is out of tolerance
    assert proposal(total, current=3, ready=3, existing=4) == 4  # a surge pod more: 400 / 400 is the status as it is


@pytest.mark.parametrize(
    ("pods", "target", "current", "expected"),
    [
        (Pods((0.9, 0.9)), 0.5, 2, 4),  # ceil(1.8 × 2)
        (Pods((0.25, 0.25, 0.25, 0.25)), 0.5, 4, 2),
        (Pods((0.52, 0.52)), 0.5, 2, 2),
        (Pods((0.549, 0.549)), 0.5, 2, 2),  # integer truncation: 54 % / 50 % = 1.08
        (Pods(()), 0.5, 3, None),  # nobody measured: an error
        (Pods((), unready=2, missing=1), 0.5, 3, None),
        # without a sample: 0 on the way up, 100 % on the way down
        (Pods((0.9, 0.9), missing=2), 0.5, 4, 4),  # 1.8 / 4 = 45 % → 0.9, within tolerance
        (Pods((1.5, 1.5), missing=1), 0.5, 3, 6),  # 3.0 / 3 = 100 % → 2 × 3
        (Pods((0.2, 0.2), missing=2), 0.5, 4, 4),  # 2.4 / 4 = 60 %: the direction turns
        (Pods((0.1,) * 4, missing=1), 0.5, 5, 3),  # 1.4 / 5 = 28 % → 0.56 × 5 = 2.8
        (Pods((0.5, 0.5), missing=1), 1.5, 3, 2),  # a target over 100 % is what is assumed: 2.5 / 3 = 83 % → 0.553 × 3
        (Pods((0.5, 0.5), missing=1), 0.5, 3, 3),
        # not ready: 0 on the way up, not there on the way down
        (Pods((0.9, 0.9), unready=2), 0.5, 4, 4),
        (Pods((0.9, 0.9), unready=1), 0.5, 3, 4),  # 1.8 / 3 = 60 % → 1.2 × 3 = 3.6
        (Pods((0.2, 0.2), unready=2), 0.5, 4, 1),  # 0.4 × 2 = 0.8
        (Pods((1.0, 1.0), unready=1, missing=1), 0.5, 4, 4),  # 2.0 / 4 = 50 %: on target
        (Pods((0.1,) * 4, unready=3, missing=1), 0.5, 8, 3),  # unready ones left out: as above with 5
        (Pods((1.0,), unready=1), 0.4, 5, 5),  # 50 % → 1.25 × 2 = 3 would be fewer on the way up
    ],
)
def test_resource_metric_over_pods(pods: Pods, target: float, current: int, expected: int | None) -> None:
    assert utilization(pods, target, current) == expected


def test_pods_are_sorted_by_readiness_and_sample() -> None:
    now = 400.0
    before, after = Sample(370.0, 385.0, 0.6), Sample(381.0, 391.0, 0.7)
    pods = [
        (395.0, inf, None),  # pending
        (395.0, 401.0, None),  # not ready yet
        (375.0, 380.0, None),  # ready, and the metrics API has nothing: missing
        (374.0, 380.0, before),  # measured from before it was ready on, and young: unready
        (374.0, 380.0, after),  # measured since it is ready
        (99.0, 380.0, before),  # the same sample more than 300 s after the start counts
    ]
    assert sort(pods, now) == Pods((0.7, 0.6), unready=3, missing=1)


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


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Rules(0.0, (Policy(100.0), Policy(4.0, percent=False)), Select.MIN), 14),
        (Rules(0.0, (Policy(100.0),), Select.DISABLED), 10),
        (Rules(0.0, (Policy(25.0),)), 13),  # ceil(12.5)
        (Rules(0.0, (Policy(3.0, percent=False),)), 13),
    ],
)
def test_policies_up(rules: Rules, expected: int) -> None:
    assert behave(50, 10, 0.0, History(), Behavior(up=rules), (1, 100)) == expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Rules(0.0, (Policy(30.0), Policy(2.0, percent=False))), 6),  # Max: the larger change; int(6.3)
        (Rules(0.0, (Policy(30.0), Policy(2.0, percent=False)), Select.MIN), 7),
        (Rules(0.0, (Policy(30.0),), Select.DISABLED), 9),
    ],
)
def test_policies_down(rules: Rules, expected: int) -> None:
    assert behave(1, 9, 0.0, History(), Behavior(down=rules), (1, 100)) == expected


def test_a_policy_counts_its_own_period() -> None:
    minute, history = Behavior(up=Rules(0.0, (Policy(100.0, period=60.0),))), History()
    assert behave(90, 10, 0.0, history, minute, (1, 100)) == 20
    assert behave(90, 20, 45.0, history, minute, (1, 100)) == 20  # at the start of the period there were 10
    assert behave(90, 20, 60.0, history, minute, (1, 100)) == 40


def test_what_was_removed_in_the_period_may_come_back() -> None:
    both, history = Behavior(up=AT_ONCE, down=AT_ONCE), History()
    assert behave(5, 10, 0.0, history, both, (1, 100)) == 5
    assert behave(40, 5, 6.0, history, both, (1, 100)) == 20  # twice the 10 at the start of the period


def test_down_waits_for_the_stabilisation_window() -> None:
    history, current = History(), 10
    for second in range(0, 300, 15):
        current = behave(2, current, float(second), history, Behavior(), (1, 100))
        assert current == 10
    assert behave(2, current, 330.0, history, Behavior(), (1, 100)) == 2


def test_down_follows_the_largest_recommendation_of_the_window() -> None:
    history = History()
    for second, wanted in ((0.0, 10), (100.0, 7), (200.0, 4)):
        assert behave(wanted, 10, second, history, Behavior(), (1, 100)) == 10
    assert behave(3, 10, 301.0, history, Behavior(), (1, 100)) == 7
    assert behave(3, 7, 401.0, history, Behavior(), (1, 100)) == 4


def test_up_follows_the_smallest_recommendation_of_its_window() -> None:
    history, slow = History(), Behavior(up=Rules(60.0, (Policy(100.0),)))
    assert behave(6, 4, 0.0, history, slow, (1, 100)) == 4
    assert behave(8, 4, 15.0, history, slow, (1, 100)) == 4
    assert behave(7, 4, 61.0, history, slow, (1, 100)) == 7  # of 8 and 7; those of second 0 are over


def test_bounds_come_last() -> None:
    assert behave(50, 10, 0.0, History(), Behavior(), (1, 12)) == 12
    assert behave(0, 10, 0.0, History(), Behavior(down=AT_ONCE), (3, 12)) == 3


def test_restart_does_not_scale_down_at_once() -> None:
    assert behave(1, 8, 0.0, History(), Behavior(), (1, 100)) == 8
