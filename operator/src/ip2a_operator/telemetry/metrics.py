"""The operator's metrics. Gauges of state are read at scrape time: no series outlives its resource."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ip2a_operator.api.conditions import ConditionType
from ip2a_operator.domain.tree import branches, text
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.wakeups import Wakeups

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """All metric objects, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._duration = Histogram(
            "ip2a_operator_reconcile_duration_seconds",
            "Time of one reconciliation.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._reconciles = Counter(
            "ip2a_operator_reconciles_total",
            "Reconciliations by result: success or the reason of the failure.",
            ["result"],
            registry=self.registry,
        )
        self._requests = Counter(
            "ip2a_operator_api_requests_total",
            "Requests to the API server other than watches; code 0 is no answer.",
            ["verb", "kind", "code"],
            registry=self.registry,
        )

    def reconciled(self, key: Key, seconds: float, result: str) -> None:
        """Count one reconciliation."""
        self._duration.observe(seconds)
        self._reconciles.labels(result).inc()

    def requested(self, verb: str, kind: str, code: int) -> None:
        """Count one request."""
        self._requests.labels(verb, kind, str(code)).inc()


class StateCollector(Collector):
    """Resources by state, queue depth and objects, as they are when asked."""

    def __init__(self, store: Store, wakeups: Wakeups) -> None:
        self._store = store
        self._wakeups = wakeups

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Three gauges."""
        resources = GaugeMetricFamily(
            "ip2a_operator_resources", "Resources by reason of their Ready condition.", labels=["state"]
        )
        for state, count in sorted(Tally(map(self._state, self._store.keys())).items()):
            resources.add_metric([state], count)
        yield resources
        depth = self._wakeups.depth()
        yield GaugeMetricFamily("ip2a_operator_queue_depth", "Resources that wait for attention.", value=depth)
        yield GaugeMetricFamily("ip2a_operator_objects", "Objects watched.", value=len(self._store))

    def _state(self, key: Key) -> str:
        for condition in branches(self._store.resource(key) or {}, "status", "conditions"):
            if text(condition, "type") == ConditionType.READY:
                return "Ready" if text(condition, "status") == "True" else text(condition, "reason")
        return "New"


class Leadership(Protocol):
    """Who knows whether this process leads."""

    @property
    def is_leader(self) -> bool:
        """Whether it does."""


class LeaderGauge(Collector):
    """1 in the process that leads, 0 in a standby."""

    def __init__(self, leadership: Leadership) -> None:
        self._leadership = leadership

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge."""
        value = 1.0 if self._leadership.is_leader else 0.0
        yield GaugeMetricFamily("ip2a_operator_leader", "Whether this process leads.", value=value)
