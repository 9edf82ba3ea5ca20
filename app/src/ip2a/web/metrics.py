"""Rate, errors and duration of requests by route template, counted outside of everything else.

Labels are bounded: route templates of this application, methods it knows, status classes.
"""

import time

from fastapi import FastAPI
from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("ip2a_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "ip2a_http_request_duration_seconds",
    "Time from the request's arrival to the end of its answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
IN_FLIGHT = Gauge("ip2a_http_requests_in_flight", "Requests being worked on.")
OFFERED = Counter("ip2a_http_requests_offered_total", "Requests that arrived, whatever became of them.")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "(unmatched)"


class RequestMetrics:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500
        OFFERED.inc()
        IN_FLIGHT.inc()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            IN_FLIGHT.dec()
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            route = route_template(scope)
            REQUESTS.labels(method, route, str(status)).inc()
            SECONDS.labels(method, route).observe(time.perf_counter() - started)


def route_template(scope: Scope) -> str:
    """The template of the route that answered, never the path with its ids."""
    route = scope.get("route")
    path: str = getattr(route, "path", UNMATCHED)
    return path


def reset_for(app: FastAPI) -> None:
    """Make every route's series exist from the start, so that a rate is never computed from a missing one."""
    for route in app.routes:
        path = getattr(route, "path", None)
        for method in getattr(route, "methods", None) or ():
            if path and method in METHODS:
                SECONDS.labels(method, path)
