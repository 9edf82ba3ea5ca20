"""Asking a Prometheus how the whole platform is doing: bounded in time and size, at most once every few seconds.

Nothing else depends on it: without an answer the dashboard shows this process.
"""

import asyncio
import json
import logging
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from ip2a.observability.fleet import (
    SECONDS,
    STEP,
    Fleet,
    Owner,
    course_of,
    course_question,
    fleet_of,
    question,
)

LOGGER = logging.getLogger(__name__)
TIMEOUT = 2.0  # seconds for a connection, and between two pieces of an answer
WHOLE_TIMEOUT = 4.0
KEPT = 4.0  # seconds that an answer, or that there was none, is shown again
MAX_BYTES = 1 << 20


class PrometheusError(Exception):
    """There is no answer; the message says why, for administrators."""


class Seen(NamedTuple):
    """What Prometheus said: figures and the course of requests a second; or `trouble`, why there are none."""

    fleet: Fleet | None
    course: list[float]
    trouble: str = ""


class Prometheus:
    """One per process; whoever looks at the same time shares an answer."""

    def __init__(self, url: str, owner: Owner | None) -> None:
        parts = urlsplit(url)
        self._host, self._secure = parts.netloc, parts.scheme == "https"
        self._path = parts.path.rstrip("/")
        self._owner = owner
        self._seen: tuple[float, Seen] | None = None
        self._lock = asyncio.Lock()

    async def look(self) -> Seen:
        """How the platform is doing, not older than KEPT."""
        async with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] > KEPT:
                seen = await self._ask()
                self._seen = (time.monotonic(), seen)
            return self._seen[1]

    async def _ask(self) -> Seen:
        now = time.time()
        over = {"start": f"{now - SECONDS:.0f}", "end": f"{now:.0f}", "step": str(STEP)}
        try:
            async with asyncio.timeout(WHOLE_TIMEOUT):
                figures, course = await asyncio.gather(
                    asyncio.to_thread(self._get, "query", {"query": question(self._owner)}),
                    asyncio.to_thread(self._get, "query_range", {"query": course_question(self._owner), **over}),
                )
            fleet = fleet_of(figures)
            return Seen(fleet, course_of(course), "" if fleet else "it knows no process of this platform")
        except (PrometheusError, TimeoutError) as error:
            LOGGER.warning("Prometheus does not answer (%s)", error or "too slow")
            return Seen(None, [], str(error) or "it is too slow")
        except (KeyError, ValueError, TypeError):
            LOGGER.warning("Prometheus answers something else than expected")
            return Seen(None, [], "its answer is not understood")

    def _get(self, call: str, parameters: dict[str, str]) -> Any:  # noqa: ANN401 (what JSON holds)
        """The `result` of a query; blocks, so it runs in a thread. Raises PrometheusError."""
        connection = (HTTPSConnection if self._secure else HTTPConnection)(self._host, timeout=TIMEOUT)
        body = urlencode({**parameters, "timeout": f"{TIMEOUT:g}s"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request("POST", f"{self._path}/api/v1/{call}", body, headers)
            response = connection.getresponse()
            answer = response.read(MAX_BYTES + 1)
        except (OSError, HTTPException) as error:
            raise PrometheusError(f"no connection: {type(error).__name__}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise PrometheusError(f"HTTP {response.status}")
        if len(answer) > MAX_BYTES:
            raise PrometheusError("its answer is too large")
        return json.loads(answer)["data"]["result"]
