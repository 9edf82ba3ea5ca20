"""Rate, errors and duration of requests by route template, counted outside of everything else.

Labels are bounded: route templates of this application, methods it knows, statuses it sends.
"""

import logging
import time
from collections import deque

from prometheus_client import Counter, Gauge, Histogram

from ip2a.observability.logs import SAMPLE
from ip2a.observability.metrics import USERS_ACTIVE

LOGGER = logging.getLogger("ip2a.access")
OFFERED = Counter("ip2a_http_requests_offered_total", "Requests that arrived, whatever became of them.")
REQUESTS = Counter("ip2a_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "ip2a_http_request_duration_seconds",
    "Time from the request's arrival to the end of its answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
IN_FLIGHT = Gauge("ip2a_http_requests_in_flight", "Requests being worked on.")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "(unmatched)"
ACTIVE_WINDOW = 60.0  # seconds
FAILED = 500


class Requests:
    """Counts requests; series are looked up once and kept."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[tuple[str, str], Histogram] = {}
        self._since_sample = 0
        self._users: deque[set[int]] = deque(({*()}, {*()}), maxlen=2)
        self._users_since = time.monotonic()
        IN_FLIGHT.set_function(lambda: self._in_flight)
        USERS_ACTIVE.set_function(self._active)

    def arrived(self) -> float:
        """A request arrived; returns when, for `answered`."""
        OFFERED.inc()
        self._in_flight += 1
        return time.perf_counter()

    def answered(self, started: float, method: str, route: str, status: int) -> None:
        """Its answer was sent, or it failed."""
        self._in_flight -= 1
        seconds = time.perf_counter() - started
        if method not in METHODS:
            method = "OTHER"
        try:
            self._counters[method, route, status].inc()
            self._timers[method, route].observe(seconds)
        except KeyError:
            counter = self._counters[method, route, status] = REQUESTS.labels(method, route, str(status))
            counter.inc()
            timer = self._timers[method, route] = SECONDS.labels(method, route)
            timer.observe(seconds)
        self._since_sample += 1
        if self._since_sample >= SAMPLE or status >= FAILED:
            self._log(method, route, status, seconds)

    def seen(self, user_id: int) -> None:
        """An account was active."""
        self._users[1].add(user_id)

    def _active(self) -> float:
        now = time.monotonic()
        if now - self._users_since > ACTIVE_WINDOW:
            self._users.append(set())
            self._users_since = now
        return float(len(self._users[0] | self._users[1]))

    def _log(self, method: str, route: str, status: int, seconds: float) -> None:
        self._since_sample = 0
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
