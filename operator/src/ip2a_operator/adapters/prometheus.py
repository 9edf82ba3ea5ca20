"""Prometheus over HTTP: instant and range queries, bounded in time and size. No retries: the next tick is one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp

from ip2a_operator.domain.scaling.readings import Sample
from ip2a_operator.domain.tree import Tree, branches, strings, text
from ip2a_operator.errors import UnavailableError

QUERY_SECONDS: Final = 4.0
"""Shorter than a tick: an answer that comes later is about the past."""
HISTORY_SECONDS: Final = 60.0
CONNECT_SECONDS: Final = 2.0
MAX_BYTES: Final = 64 * 2**20


class PrometheusClient:
    """The Metrics port; an asynchronous context manager."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=QUERY_SECONDS, connect=CONNECT_SECONDS), trust_env=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def query(self, url: str, text: str) -> tuple[Sample, ...]:
        """An instant query's vector; raises UnavailableError."""
        seconds = f"{QUERY_SECONDS:g}s"
        return vector(await self._post(url, "query", {"query": text, "timeout": seconds}, QUERY_SECONDS))

    async def history(
        self, url: str, text: str, start: float, end: float, step: int
    ) -> Mapping[tuple[str, str], Sequence[tuple[float, float]]]:
        """A range query's series by namespace and resource; raises UnavailableError."""
        form = {"query": text, "start": f"{start:.0f}", "end": f"{end:.0f}", "step": str(step)}
        return matrix(await self._post(url, "query_range", form, HISTORY_SECONDS))

    async def _post(self, url: str, call: str, form: Mapping[str, str], seconds: float) -> Tree:
        if self._session is None:
            raise UnavailableError("the client for Prometheus is closed")
        try:
            async with self._session.post(
                f"{url}/api/v1/{call}", data=dict(form), timeout=aiohttp.ClientTimeout(seconds, CONNECT_SECONDS)
            ) as response:
                body = await response.content.read(MAX_BYTES + 1)
                while len(body) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES)):
                    body += more
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise UnavailableError(f"no answer from Prometheus at {url}: {error or type(error).__name__}") from error
        if len(body) > MAX_BYTES:
            raise UnavailableError(f"Prometheus at {url} answers with more than {MAX_BYTES >> 20} MiB")
        return parsed(body, status, url)


def parsed(body: bytes, status: int, url: str) -> Tree:
    """The answer's data; raises UnavailableError for anything but success."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise UnavailableError(f"Prometheus at {url} answers HTTP {status} without JSON") from error
    if status != 200 or not isinstance(document, dict) or document.get("status") != "success":
        said = text(document, "error")[:200] if isinstance(document, dict) else ""
        raise UnavailableError(f"Prometheus at {url} answers HTTP {status}: {said or 'not a success'}")
    data = document.get("data")
    return data if isinstance(data, dict) else {}


def vector(data: Tree) -> tuple[Sample, ...]:
    """Samples of an instant vector."""
    found = []
    for item in branches(data, "result"):
        value = item.get("value")
        if isinstance(value, list) and len(value) == 2 and (number := _number(value[1])) is not None:
            found.append(Sample(strings(item, "metric"), number))
    return tuple(found)


def matrix(data: Tree) -> Mapping[tuple[str, str], Sequence[tuple[float, float]]]:
    """Series of a range query by namespace and resource."""
    return {
        (labels.get("namespace", ""), labels.get("ip2a", "")): tuple(_points(item.get("values")))
        for item in branches(data, "result")
        if (labels := strings(item, "metric"))
    }


def _points(values: object) -> Iterator[tuple[float, float]]:
    for pair in values if isinstance(values, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and (number := _number(pair[1])) is not None:
            yield float(pair[0]), number


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None
