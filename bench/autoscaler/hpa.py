"""HorizontalPodAutoscaler v2 by its published algorithm, as a pure function of metrics and history.

Sources: the Kubernetes documentation "Horizontal Pod Autoscaling" and API reference of autoscaling/v2: tolerance 0.1,
ceil(ready × ratio), maximum over metrics, no scale down when a metric is missing, stabilisation 300 s down and
0 s up, default policies 100 % or 4 pods per 15 s up, 100 % per 15 s down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor

SYNC = 15
TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of the spec. `value` None: not available. `average`: divided by pods (AverageValue)."""

    value: float | None
    target: float
    average: bool = False


@dataclass(frozen=True, slots=True)
class Behavior:
    """The two `behavior` blocks, at their defaults."""

    up_window: float = 0.0
    down_window: float = 300.0
    up_percent: float = 100.0
    up_pods: int = 4
    down_percent: float = 100.0
    period: float = 15.0


@dataclass(slots=True)
class History:
    """Recommendations and scale events, in memory as in the controller."""

    recommendations: list[tuple[float, int]] = field(default_factory=list)
    events: list[tuple[float, int]] = field(default_factory=list)


def proposal(metric: Metric, current: int, ready: int) -> int | None:
    """Replicas one metric asks for; None when it is missing."""
    if metric.value is None:
        return None
    ratio = metric.value / (metric.target * current if metric.average else metric.target)
    if abs(ratio - 1.0) <= TOLERANCE:
        return current
    return ceil(metric.value / metric.target - 1e-9) if metric.average else ceil(ratio * ready - 1e-9)


def utilization(fractions: Sequence[float], missing: int, target: float, current: int) -> int:
    """Replicas by a resource metric over pods, with the rules for pods without a sample.

    Missing pods count as 100 % when scaling down and 0 when scaling up; a change that this turns around or
    brings within tolerance is dropped. `fractions` of the request, `target` too.
    """
    if not fractions:
        return current
    ratio = int(100 * sum(fractions) / len(fractions)) / (100 * target)
    if missing == 0:
        return current if abs(ratio - 1.0) <= TOLERANCE else ceil(ratio * len(fractions) - 1e-9)
    if abs(ratio - 1.0) <= TOLERANCE:
        return current
    filled = sum(fractions) + (max(1.0, target) * missing if ratio < 1.0 else 0.0)
    count = len(fractions) + missing
    again = int(100 * filled / count) / (100 * target)
    if abs(again - 1.0) <= TOLERANCE or (ratio < 1.0 < again) or (again < 1.0 < ratio):
        return current
    wanted = ceil(again * count - 1e-9)
    if (again < 1.0 and wanted > current) or (again > 1.0 and wanted < current):
        return current
    return wanted


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
    longest = max(behavior.up_window, behavior.down_window)
    history.recommendations = [each for each in history.recommendations if now - each[0] <= longest]
    up = min([wanted, *(n for t, n in history.recommendations if now - t < behavior.up_window)])
    down = max([wanted, *(n for t, n in history.recommendations if now - t < behavior.down_window)])
    stable = up if current < up else min(current, down) if current > down else current
    history.events = [each for each in history.events if now - each[0] < behavior.period]
    added = sum(n for _, n in history.events if n > 0)
    removed = -sum(n for _, n in history.events if n < 0)
    start = current - added + removed
    if stable > current:
        most = max(start + behavior.up_pods, ceil(start * (1 + behavior.up_percent / 100)))
        stable = max(current, min(stable, most))
    elif stable < current:
        least = floor(start * (1 - behavior.down_percent / 100))
        stable = min(current, max(stable, least))
    result = min(bounds[1], max(bounds[0], stable))
    if result != current:
        history.events.append((now, result - current))
    return result
