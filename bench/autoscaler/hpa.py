"""HorizontalPodAutoscaler v2 by its published algorithm, as a pure function of metrics and history.

Sources: the Kubernetes documentation "Horizontal Pod Autoscaling", the API reference of autoscaling/v2 and KEP-853:
tolerance 0.1, ceil(ready × ratio), maximum over metrics, no scale down when a metric is missing, stabilisation 300 s
down and 0 s up, default policies 100 % or 4 pods per 15 s up, 100 % per 15 s down.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil, floor

SYNC = 15
TOLERANCE = 0.1
CPU_INITIALIZATION = 300.0
"""Seconds after its start in which a pod's CPU counts only from a window that began when it was ready."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of the spec. `value` None: not available. `average`: divided by pods (AverageValue)."""

    value: float | None
    target: float
    average: bool = False


class Select(StrEnum):
    """`selectPolicy` of a direction."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Policy:
    """One scaling policy: so many pods, or per cent of those at the start of the period, in `period` seconds."""

    value: float
    percent: bool = True
    period: float = 15.0


@dataclass(frozen=True, slots=True)
class Rules:
    """One direction of `behavior`: window in seconds, policies, and which of them counts."""

    window: float
    policies: tuple[Policy, ...]
    select: Select = Select.MAX


@dataclass(frozen=True, slots=True)
class Behavior:
    """The two `behavior` blocks, at their defaults."""

    up: Rules = Rules(0.0, (Policy(100.0), Policy(4.0, percent=False)))
    down: Rules = Rules(300.0, (Policy(100.0),))


@dataclass(slots=True)
class History:
    """Recommendations and scale events, in memory as in the controller."""

    recommendations: list[tuple[float, int]] = field(default_factory=list)
    events: list[tuple[float, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods of the target as the controller sorts them. `measured`: their use in shares of the request."""

    measured: tuple[float, ...]
    unready: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """CPU by the metrics API, in shares of the request, from second `begin` to `end`."""

    begin: float
    end: float
    share: float


def sort(pods: Iterable[tuple[float, float, Sample | None]], now: float) -> Pods:
    """Pods by (second it started, second it is ready, sample). Unready: pending, or measured before it was ready."""
    measured, unready, missing = [], 0, 0
    for started, ready, sample in pods:
        if ready > now:
            unready += 1
        elif sample is None:
            missing += 1
        elif now < started + CPU_INITIALIZATION and sample.begin < ready:
            unready += 1
        else:
            measured.append(sample.share)
    return Pods(tuple(measured), unready, missing)


def proposal(metric: Metric, current: int, ready: int, existing: int | None = None) -> int | None:
    """Replicas one metric asks for; None when it is missing.

    `current` is the spec's replicas, `existing` the status' (equal if not given): an average is over those.
    """
    if metric.value is None:
        return None
    if metric.average:
        there = current if existing is None else existing
        ratio = metric.value / (metric.target * there)
        return there if abs(ratio - 1.0) <= TOLERANCE else ceil(metric.value / metric.target - 1e-9)
    ratio = metric.value / metric.target
    return current if abs(ratio - 1.0) <= TOLERANCE else ceil(ratio * ready - 1e-9)


def utilization(pods: Pods, target: float, current: int) -> int | None:
    """Replicas by a resource metric over pods, `target` in shares of the request; None when no pod is measured.

    Missing pods count as 100 % when scaling down and 0 when scaling up, unready ones as 0 when scaling up and not at
    all when scaling down; a change that this turns around or brings within tolerance is dropped.
    """
    count = len(pods.measured)
    if count == 0:
        return None
    ratio = _ratio(sum(pods.measured), count, target)
    unready = pods.unready if ratio > 1.0 else 0
    if unready == 0 and pods.missing == 0:
        return current if abs(ratio - 1.0) <= TOLERANCE else ceil(ratio * count - 1e-9)
    filled = sum(pods.measured) + (max(1.0, target) * pods.missing if ratio < 1.0 else 0.0)
    count += unready + (pods.missing if ratio != 1.0 else 0)
    again = _ratio(filled, count, target)
    if abs(again - 1.0) <= TOLERANCE or (ratio < 1.0 < again) or (again < 1.0 < ratio):
        return current
    wanted = ceil(again * count - 1e-9)
    if (again < 1.0 and wanted > current) or (again > 1.0 and wanted < current):
        return current
    return wanted


def _ratio(used: float, count: int, target: float) -> float:
    """Utilisation over target, both in whole per cent as the controller has them."""
    return int(100 * used / count + 1e-9) / round(100 * target)


def combine(proposals: Sequence[int | None], current: int) -> int:
    """Maximum of the valid proposals; a missing one forbids scaling down, all missing holds."""
    valid = [each for each in proposals if each is not None]
    if not valid:
        return current
    best = max(valid)
    return current if len(valid) < len(proposals) and best < current else best


def behave(  # noqa: PLR0917  # the arguments of the published algorithm
    wanted: int, current: int, now: float, history: History, behavior: Behavior, bounds: tuple[int, int]
) -> int:
    """Stabilise over the windows, then limit the rate; books what it does."""
    if not history.recommendations:
        history.recommendations.append((now, current))
    history.recommendations.append((now, wanted))
    longest = max(behavior.up.window, behavior.down.window)
    history.recommendations = [each for each in history.recommendations if now - each[0] <= longest]
    up = min([wanted, *(n for t, n in history.recommendations if now - t < behavior.up.window)])
    down = max([wanted, *(n for t, n in history.recommendations if now - t < behavior.down.window)])
    stable = up if current < up else min(current, down) if current > down else current
    kept = max(each.period for each in (*behavior.up.policies, *behavior.down.policies))
    history.events = [each for each in history.events if now - each[0] < kept]
    if stable > current:
        stable = max(current, min(stable, _most(current, now, history, behavior.up)))
    elif stable < current:
        stable = min(current, max(stable, _least(current, now, history, behavior.down)))
    result = min(bounds[1], max(bounds[0], stable))
    if result != current:
        history.events.append((now, result - current))
    return result


def _at_start(current: int, now: float, history: History, period: float) -> int:
    """Replicas at the start of the period: the present ones without what was added, with what was removed."""
    return current - sum(change for at, change in history.events if now - at < period)


def _most(current: int, now: float, history: History, rules: Rules) -> int:
    if rules.select is Select.DISABLED:
        return current
    limits = []
    for each in rules.policies:
        start = _at_start(current, now, history, each.period)
        limits.append(ceil(start * (1 + each.value / 100) - 1e-9) if each.percent else start + int(each.value))
    return max(limits) if rules.select is Select.MAX else min(limits)


def _least(current: int, now: float, history: History, rules: Rules) -> int:
    """`Max` is the largest change, and so the smallest number."""
    if rules.select is Select.DISABLED:
        return current
    limits = []
    for each in rules.policies:
        start = _at_start(current, now, history, each.period)
        limits.append(floor(start * (1 - each.value / 100) + 1e-9) if each.percent else start - int(each.value))
    return min(limits) if rules.select is Select.MAX else max(limits)
