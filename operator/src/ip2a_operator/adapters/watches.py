"""Watches of kinds: each is listed once and then followed for as long as the process lives.

Our own and not kopf's, which keeps a memory, a queue and a task for every object and calls handlers for each change:
with hundreds of resources that costs more than everything else the operator does.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NoReturn, Protocol, cast

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient
from kubernetes.aio.dynamic.exceptions import DynamicApiError

from ip2a_operator.adapters.kube import FailureError, status_object
from ip2a_operator.api.kinds import Kind
from ip2a_operator.domain.backoff import backoff
from ip2a_operator.domain.tree import Tree, branch, branches, number, text
from ip2a_operator.errors import UnavailableError
from ip2a_operator.names import OWNER_LABEL

log = logging.getLogger(__name__)

PAGE: Final = 500
"""Objects of one answer to a list."""
SERVER_SECONDS: Final = 300
"""After which the server ends a watch by itself."""
SILENCE_SECONDS: Final = 150.0
"""Longest time without a word; the server sends a bookmark about every minute."""
CONNECT_SECONDS: Final = 10.0
REOPEN_SECONDS: Final = 0.1
ATTEMPTS: Final = 6
"""Failures in a row that the server itself is to blame for, after which the process is better started anew."""
LONGEST_PAUSE: Final = 5.0
BREATH: Final = 50
"""Objects after which everything else in this process gets its turn."""
_NO_ANSWER: Final = frozenset({0, 429})
"""What is waited out for as long as it takes: nobody answers, or others are served first."""
_GONE: Final = 410
_METADATA: Final = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


class Sink(Protocol):
    """Where what is seen goes."""

    def seen(self, raw: Tree) -> None:
        """An object as it is now."""

    def gone(self, raw: Tree) -> None:
        """An object that was deleted, as it was last."""

    def listed(self, kind: Kind, namespace: str, version: int, uids: frozenset[str]) -> None:
        """All there was of a kind in a namespace (everywhere when it is empty) at this version."""


class Watch:
    """One kind in one namespace, or in all when it is empty: what the selector selects, or only its metadata."""

    def __init__(
        self,
        client: ApiClient,
        kind: Kind,
        namespace: str,
        sink: Sink,
        *,
        selector: str = OWNER_LABEL,
        metadata_only: bool = False,
    ) -> None:
        self.listed = asyncio.Event()
        """Set once everything that exists was seen."""
        self.follows = False
        """Whether what changes now is heard of at once."""
        self._client = DynamicClient(client)  # type: ignore[no-untyped-call]  # the library has no annotations
        self._kind = kind
        self._namespace = namespace
        self._path = kind.path(namespace) if namespace else kind.everywhere
        self._sink = sink
        self._selector = {"label_selector": selector} if selector else {}
        self._metadata_only = metadata_only
        self._version = ""
        self._failures = 0

    async def run(self) -> NoReturn:
        """Never returns. Raises UnavailableError when the server keeps failing: better dead than deaf."""
        while True:
            pause = REOPEN_SECONDS
            try:
                if not self._version:
                    await self._list()
                await self._follow()
                self._failures = 0
            except FailureError as failure:
                pause = self._failed(failure)
            await asyncio.sleep(pause)

    def _failed(self, failure: FailureError) -> float:
        """Seconds until the next attempt."""
        self._failures += 1
        if failure.code == _GONE:
            self._version = ""  # what happened meanwhile can only be seen in a new list
        elif failure.code not in _NO_ANSWER and self._failures >= ATTEMPTS:
            raise UnavailableError(f"watch of {self._kind.plural}: {failure}") from failure
        log.log(logging.DEBUG if failure.code == _GONE else logging.WARNING, "%s: %s", self._path, failure)
        return backoff(self._failures, self._path, first=REOPEN_SECONDS * 4, cap=LONGEST_PAUSE)

    async def _list(self) -> None:
        uids: set[str] = set()
        query: dict[str, object] = {**self._selector, "limit": PAGE}
        while True:
            async with self._open(query, aiohttp.ClientTimeout(total=CONNECT_SECONDS + 20)) as answer:
                page = cast("Tree", json.loads(await answer.read()))
            items = branches(page, "items")
            for index, item in enumerate(items):
                self._sink.seen({**item, **self._kind.header()})
                if index % BREATH == BREATH - 1:
                    await asyncio.sleep(0)
            uids.update(text(item, "metadata", "uid") for item in items)
            more = text(page, "metadata", "continue")
            if not more:
                break
            query["_continue"] = more
        version = text(page, "metadata", "resourceVersion")
        self._sink.listed(self._kind, self._namespace, int(version) if version.isdigit() else 0, frozenset(uids))
        self._version = version
        self.listed.set()

    async def _follow(self) -> None:
        """One connection's events, until the server ends it."""
        query = {
            **self._selector,
            "watch": "true",
            "resource_version": self._version,
            "timeout_seconds": SERVER_SECONDS,
        }
        limits = aiohttp.ClientTimeout(
            total=SERVER_SECONDS + 10, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
        )
        async with self._open(query, limits, watching=True) as answer:
            self.follows = True
            try:
                async for event in _events(answer.content):
                    self._take(event)
            finally:
                self.follows = False

    def _take(self, event: Tree) -> None:
        what, tree = text(event, "type"), branch(event, "object")
        if what == "ERROR":
            raise FailureError(number(tree, "code"), tree)
        self._failures = 0
        if what in {"ADDED", "MODIFIED"}:
            self._sink.seen({**tree, **self._kind.header()})
        elif what == "DELETED":
            self._sink.gone({**tree, **self._kind.header()})
        self._version = text(tree, "metadata", "resourceVersion") or self._version

    @asynccontextmanager
    async def _open(
        self, query: Mapping[str, object], limits: aiohttp.ClientTimeout, *, watching: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer; whatever keeps it from being one, or ends it early, as FailureError."""
        try:
            answer: aiohttp.ClientResponse = await self._client.request(
                "get",
                self._path,
                serialize=False,
                query_params=[("allowWatchBookmarks", "true")] if watching else [],
                header_params={"Accept": _METADATA.format("" if watching else "List")} if self._metadata_only else {},
                _request_timeout=limits,
                **query,
            )
            async with answer:
                yield answer
        except (DynamicApiError, ApiException) as error:
            raise FailureError(int(error.status or 0), status_object(error.body)) from error
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError) as error:
            raise FailureError(0, {"message": f"{type(error).__name__} {error}"}) from error


def watches(client: ApiClient, kinds: Iterable[Kind], namespaces: Iterable[str], sink: Sink) -> tuple[Watch, ...]:
    """One for each kind in each namespace; everywhere when none is named."""
    places = tuple(namespaces) or ("",)
    return tuple(Watch(client, kind, place, sink) for kind in kinds for place in places)


async def _events(lines: aiohttp.StreamReader) -> AsyncIterator[Tree]:
    async for line in lines:
        yield cast("Tree", json.loads(line))
