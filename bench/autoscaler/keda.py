"""What KEDA hands to the HPA it made, by its published behaviour; the rest of the work is that HPA's.

Sources: KEDA's documentation of ScaledObject, of the Prometheus and the cron scaler: an empty answer is zero unless
`ignoreNullValues` is false, quantities are in thousandths and never negative, `fallback` begins when more than
`failureThreshold` questions in a row failed, whether the HPA or KEDA's own polling asked.
"""

from dataclasses import dataclass
from math import isfinite

from bench.autoscaler.hpa import Metric

POLLING = 30
"""Seconds between two questions of KEDA itself: they decide only between none and one pod, and count failures."""
THRESHOLD = 3


@dataclass(frozen=True, slots=True)
class Fallback:
    """`spec.fallback` with behavior `currentReplicasIfHigher`."""

    replicas: int
    failures: int = THRESHOLD


class Trigger:
    """One Prometheus trigger of metric type AverageValue or (`average` False) Value."""

    def __init__(
        self, target: float, *, average: bool = True, null_is_zero: bool = True, fallback: Fallback | None = None
    ) -> None:
        self.target, self.average, self.null_is_zero, self.fallback = target, average, null_is_zero, fallback
        self.failures = 0
        """In a row; kept in the ScaledObject's status."""

    def poll(self, answer: float | None, *, error: bool = False) -> None:
        """KEDA's own question: of several pods it changes nothing but the count of failures."""
        self.failures = self.failures + 1 if self._read(answer, error=error) is None else 0

    def metric(self, answer: float | None, current: int, *, error: bool = False) -> Metric:
        """What the HPA is told; its value is missing when the question failed and no fallback holds."""
        self.poll(answer, error=error)
        value = self._read(answer, error=error)
        if value is None and self.fallback is not None and self.failures > self.fallback.failures:
            value = self.target * max(current, self.fallback.replicas)
        return Metric(value, self.target, average=self.average)

    def _read(self, answer: float | None, *, error: bool) -> float | None:
        if error:
            return None
        if answer is None or not isfinite(answer):
            return 0.0 if self.null_is_zero else None
        return int(1000.0 * max(0.0, answer) + 1e-6) / 1000.0


def cron(replicas: int, *, active: bool) -> Metric:
    """The cron trigger: so many replicas inside its window, one outside."""
    return Metric(float(replicas if active else 1), 1.0, average=True)
