"""The autoscaler's metrics. Gauges of a resource are dropped with it, so that no series outlives it."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.reconcile.ports import Key

_DECISION_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05)
_TICK_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LABELS: Final = ["namespace", "name"]


class ScalingMetrics(Collector):
    """The ScalingMeter port."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._latest: dict[Key, Decision] = {}
        self._decisions = Histogram(
            "ip2a_autoscaler_decision_seconds", "Time of one decision.", buckets=_DECISION_BUCKETS, registry=registry
        )
        self._ticks = Histogram(
            "ip2a_autoscaler_tick_seconds",
            "Time of one tick over all resources.",
            buckets=_TICK_BUCKETS,
            registry=registry,
        )
        self._writes = Counter(
            "ip2a_autoscaler_writes_total", "Changes applied.", ["actuator", "direction"], registry=registry
        )
        self._failures = Counter(
            "ip2a_autoscaler_failures_total",
            "What a tick needed and did not get: prometheus, metrics-api, rivals, api.",
            ["what"],
            registry=registry,
        )
        registry.register(self)

    def ticked(self, seconds: float, resources: int) -> None:
        """One tick."""
        self._ticks.observe(seconds)

    def decided(self, key: Key, decision: Decision, seconds: float) -> None:
        """One decision."""
        self._latest[key] = decision
        self._decisions.observe(seconds)

    def wrote(self, actuator: str, *, up: bool) -> None:
        """One change."""
        self._writes.labels(actuator, "up" if up else "down").inc()

    def failed(self, what: str) -> None:
        """Something was missing."""
        self._failures.labels(what).inc()

    def forget(self, key: Key) -> None:
        """A resource is gone or no longer scaled."""
        self._latest.pop(key, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The latest decision on every resource."""
        sizes = GaugeMetricFamily(
            "ip2a_autoscaler_size", "Sizes: current, needed, desired.", labels=[*_LABELS, "actuator", "what"]
        )
        limited = GaugeMetricFamily(
            "ip2a_autoscaler_limited", "1 for each limit that acts.", labels=[*_LABELS, "actuator", "limit"]
        )
        state = GaugeMetricFamily("ip2a_autoscaler_bottleneck", "1 for the bottleneck.", labels=[*_LABELS, "state"])
        headroom = GaugeMetricFamily(
            "ip2a_autoscaler_ledger_headroom", "Connections left in the worst case.", labels=_LABELS
        )
        bad = GaugeMetricFamily("ip2a_autoscaler_signals_bad", "Critical signals that are not OK.", labels=_LABELS)
        triggers = GaugeMetricFamily(
            "ip2a_autoscaler_trigger", "1 for each trigger of the requirement that fires.", labels=[*_LABELS, "trigger"]
        )
        for key, decision in sorted(self._latest.items(), key=lambda item: str(item[0])):
            who = [key.namespace, key.name]
            for each in decision.actuators:
                for what, value in (("current", each.current), ("needed", each.need), ("desired", each.desired)):
                    sizes.add_metric([*who, str(each.actuator), what], value)
                for limit in each.limited_by:
                    limited.add_metric([*who, str(each.actuator), str(limit)], 1)
            state.add_metric([*who, str(decision.diagnosis.state)], 1)
            headroom.add_metric(who, decision.ledger.headroom)
            bad.add_metric(who, len(decision.bad_signals))
            for fired in decision.fired:
                triggers.add_metric([*who, fired.id], 1)
        yield from (sizes, limited, state, headroom, bad, triggers)
