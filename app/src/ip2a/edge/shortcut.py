"""Cached answers without a task: asked of Redis where the request arrives, written where Redis' reply does.

Taken are GETs of cacheable reads by credentials whose question ASGI's way (`application`) has prepared and judged
before. Whatever the reply says that is not the plain answer (a miss, a refresh to be made, a limit, a changed account,
no Redis), the request goes ASGI's way with what is known already, and nothing is counted twice.
"""

import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple, Protocol

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ip2a.auth import service as auth_service
from ip2a.cache.connection import CacheUnavailableError, Receiver, Reply
from ip2a.cache.store import ETAG_END, Checked, checked_of, entry_of
from ip2a.edge.bodies import MAXIMUM_HEADERS
from ip2a.edge.context import CredentialReader, Credentials, Known
from ip2a.edge.protocol import Protocol as Connection
from ip2a.edge.responses import HotHead, seconds_to_reset
from ip2a.observability.http import Requests
from ip2a.observability.tracing import traceparent_for
from ip2a.reads import Query, Read, freshness_needed
from ip2a.security.principal import Principal

LOGGER = logging.getLogger(__name__)
KEY = "ip2a.taken"
NOTHING = b""
_TWO_SLOTS = 8  # values of a reply about two entries


class Taken(NamedTuple):
    """What is known of a request that goes ASGI's way after all: when it arrived, and what the cache said if it did."""

    started: float
    checked: Checked | None


class Redis(Protocol):
    """What is needed of the connection."""

    def ask(self, command: bytes, receiver: Receiver) -> None:
        """As RedisConnection's."""


class Shortcut:
    """Takes requests; one per process."""

    def __init__(
        self,
        redis: Redis,
        reads: Mapping[str, Read],
        credentials: CredentialReader,
        requests: Requests,
        head: HotHead,
    ) -> None:
        self.redis = redis
        self._reads = reads
        self._credentials = credentials
        self.requests = requests
        self.head = head

    def take(self, connection: Connection, cycle: RequestResponseCycle) -> bool:
        """Whether the request will be answered from here."""
        scope = cycle.scope
        read = self._reads.get(scope["path"])
        if read is None or scope["method"] != "GET" or scope["query_string"]:
            return False
        headers = dict(scope["headers"])
        if b"content-length" in headers or b"transfer-encoding" in headers:
            return False
        size = len(NOTHING.join(headers)) + len(NOTHING.join(headers.values()))
        if size > MAXIMUM_HEADERS or len(headers) != len(scope["headers"]):  # type: ignore[arg-type]  # a list
            return False
        get = headers.get
        credentials = self._credentials.known(
            get(b"authorization", NOTHING), get(b"cookie", NOTHING), get(b"ip2a-freshness", NOTHING), time.time()
        )
        known = None if credentials is None else credentials.known.get(read.path)
        if credentials is None or credentials.api_key is not None or known is None or known.query is None:
            return False
        asked = _Asked(self, connection, cycle, credentials, known)
        asked.if_none_match = get(b"if-none-match", NOTHING)
        asked.trace = get(b"traceparent", NOTHING)
        try:
            self.redis.ask(known.question.call, asked.received)
        except CacheUnavailableError:
            return False
        asked.started = self.requests.arrived()
        return True


class _Asked:
    """A request whose question is on its way."""

    __slots__ = (
        "_connection",
        "_credentials",
        "_cycle",
        "_known",
        "_shortcut",
        "if_none_match",
        "started",
        "trace",
    )

    def __init__(
        self,
        shortcut: Shortcut,
        connection: Connection,
        cycle: RequestResponseCycle,
        credentials: Credentials,
        known: Known,
    ) -> None:
        self._shortcut = shortcut
        self._connection = connection
        self._cycle = cycle
        self._credentials = credentials
        self._known = known
        self.if_none_match = NOTHING
        self.trace = NOTHING
        self.started = 0.0

    def received(self, reply: Reply | CacheUnavailableError) -> None:
        """The reply is here, or the error: answer, or go ASGI's way."""
        try:
            answered = isinstance(reply, list) and self._answered(reply)
        except Exception:  # the connection to Redis must not suffer from it
            LOGGER.exception("unexpected error in an answer from the cache")
            answered = self._cycle.response_started
        if not answered:
            checked = checked_of(reply) if isinstance(reply, list) else None
            self._cycle.scope[KEY] = Taken(self.started, checked)  # type: ignore[literal-required]  # an extension
            self._connection.go_on(self._cycle)

    def _answered(self, reply: list[Reply]) -> bool:
        """Write the answer if the reply is all that is needed for it."""
        if len(reply) != _TWO_SLOTS or reply[0] or reply[4] or reply[7]:
            return False
        remaining, account, value = reply[1], reply[2], reply[5]
        principal, query = self._known.principal, self._known.query
        if not isinstance(account, bytes) or not isinstance(value, bytes) or not isinstance(remaining, int):
            return False
        if query is None or principal is None or not self._credentials.still(principal, account[ETAG_END:]):
            return False
        return self._write(query, principal, value, remaining)

    def _write(self, query: Query, principal: Principal, value: bytes, remaining: int) -> bool:
        entry = entry_of(value)
        needed = partial(self._credentials.marker.at, time.time())
        if entry.status != 200 or entry.lsn < freshness_needed(query.read, principal, needed):
            return False
        head, requests = self._shortcut.head, self._shortcut.requests
        trace = traceparent_for(self.trace)
        quota = (principal.rate.per_minute, remaining, seconds_to_reset())
        if self.if_none_match and entry.etag in self.if_none_match:
            status, sent = 304, Connection.send_whole(self._cycle, head.unchanged(entry.etag, trace, quota), NOTHING)
        else:
            first = head.found(entry.etag, trace, quota, len(entry.body))
            status, sent = 200, Connection.send_whole(self._cycle, first, entry.body)
        if sent:
            query.read.hits.inc()
            auth_service.PRINCIPAL.hits.inc()
            requests.seen(principal.user_id)
            requests.answered(self.started, ("GET", query.read.path, status), trace, self.trace)
        return sent
