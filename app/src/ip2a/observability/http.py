"""Rate, errors and duration of requests by route template, counted outside of everything else.

Labels are bounded: route templates of this application, methods it knows, statuses it sends.
"""

import logging
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import REGISTRY, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ip2a.observability.logs import SAMPLE, TRACE_ID
from ip2a.observability.metrics import USERS_ACTIVE
from ip2a.observability.spans import Spans
from ip2a.observability.tracing import trace_id_of

LOGGER = logging.getLogger("ip2a.access")
IN_FLIGHT = Gauge("ip2a_http_requests_in_flight", "Requests being worked on.")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BOUNDS = (*(str(bound) for bound in BUCKETS), "+Inf")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "(unmatched)"
ACTIVE_WINDOW = 60.0  # seconds
FAILED = 500

Key = tuple[str, str, int]
"""Method, route template and status."""


class _Times:
    """How long requests of one method and route took."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * len(BOUNDS)
        self.total = 0.0


class _Answers:
    """Requests of one method and route that were answered with one status."""

    __slots__ = ("count", "times")

    def __init__(self, times: _Times) -> None:
        self.count = 0
        self.times = times


class _Series(Collector):
    """The process's counts, as plain numbers: the event loop alone counts, so no locks are needed, and a request costs
    one microsecond instead of six. Scrapes read from their own thread, and take copies of what may grow.
    """

    def __init__(self) -> None:
        self.offered = 0
        self.answers: dict[Key, _Answers] = {}
        self.times: dict[tuple[str, str], _Times] = {}

    def add(self, key: Key) -> _Answers:
        """The series of a method, route and status seen for the first time."""
        method, route, _ = key
        times = self.times.setdefault((method, route), _Times())
        answers = self.answers[key] = _Answers(times)
        return answers

    def collect(self) -> Iterator[Metric]:
        offered = "Requests that arrived, whatever became of them."
        yield CounterMetricFamily("ip2a_http_requests_offered", offered, value=self.offered)
        answered = CounterMetricFamily("ip2a_http_requests", "Requests answered.", labels=["method", "route", "status"])
        for (method, route, status), answers in list(self.answers.items()):
            answered.add_metric([method, route, str(status)], answers.count)
        yield answered
        seconds = HistogramMetricFamily(
            "ip2a_http_request_duration_seconds",
            "Time from the request's arrival to the end of its answer.",
            labels=["method", "route"],
        )
        for labels, times in list(self.times.items()):
            buckets = list(zip(BOUNDS, accumulate(times.counts), strict=True))
            seconds.add_metric(labels, buckets, times.total)
        yield seconds


_SERIES = _Series()
REGISTRY.register(_SERIES)


def times_by(kind_of: Callable[[str, str], str]) -> dict[str, tuple[int, ...]]:
    """How many requests of each kind (of method and route) fell between which BOUNDS."""
    folded: dict[str, list[int]] = {}
    for (method, route), times in _SERIES.times.items():
        counts = folded.setdefault(kind_of(method, route), [0] * len(BOUNDS))
        for number, count in enumerate(times.counts):
            counts[number] += count
    return {kind: tuple(counts) for kind, counts in folded.items()}


def failures() -> int:
    """Requests that were answered 5xx."""
    return sum(answers.count for (_, _, status), answers in _SERIES.answers.items() if status >= FAILED)


class Requests:
    """Counts requests of one application."""

    def __init__(self, spans: Spans | None) -> None:
        self._spans = spans
        self._in_flight = 0
        self._since_sample = 0
        self._users: deque[set[int]] = deque(({*()}, {*()}), maxlen=2)
        self._users_since = time.monotonic()
        IN_FLIGHT.set_function(lambda: self._in_flight)
        USERS_ACTIVE.set_function(self._active)

    def arrived(self) -> float:
        """A request arrived; returns when, for `answered`."""
        _SERIES.offered += 1
        self._in_flight += 1
        return time.perf_counter()

    def answered(self, started: float, key: Key, traceparent: bytes, caller: bytes) -> None:
        """Its answer was sent, or it failed; `traceparent` is our span of it, `caller` the header that came."""
        self._in_flight -= 1
        seconds = time.perf_counter() - started
        if key[0] not in METHODS:
            key = ("OTHER", *key[1:])
        answers = _SERIES.answers.get(key) or _SERIES.add(key)
        answers.count += 1
        times = answers.times
        times.total += seconds
        times.counts[bisect_left(BUCKETS, seconds)] += 1
        if self._spans is not None and traceparent:
            self._spans.ended(key, seconds, traceparent, caller)
        self._since_sample += 1
        if self._since_sample >= SAMPLE or key[2] >= FAILED:
            self._log(key, seconds, traceparent)

    def seen(self, user_id: int) -> None:
        """An account was active."""
        self._users[1].add(user_id)

    def _active(self) -> float:
        now = time.monotonic()
        if now - self._users_since > ACTIVE_WINDOW:
            self._users.append(set())
            self._users_since = now
        return float(len(self._users[0] | self._users[1]))

    def _log(self, key: Key, seconds: float, traceparent: bytes) -> None:
        self._since_sample = 0
        method, route, status = key
        TRACE_ID.set(trace_id_of(traceparent))  # where no task is, nothing else has
        LOGGER.info(
            "request",
            extra={
                "fields": {
                    "method": method,
                    "route": route,
                    "status": status,
                    "milliseconds": round(seconds * 1000, 2),
                }
            },
        )
