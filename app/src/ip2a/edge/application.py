"""The platform as the server sees it: one pure ASGI application around FastAPI.

Every request is counted, traced, limited and given its identity here, with one round trip to Redis; a
cacheable GET
whose answer that round trip brought is sent at once and never reaches FastAPI. What the edge learned travels
in the
scope (`context`), so that nothing is asked twice.
"""

import logging
import time
from dataclasses import replace

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ip2a.auth import service as auth_service
from ip2a.cache.store import Checked, Slot
from ip2a.database.identity import Identity
from ip2a.database.once import Once
from ip2a.edge import bodies, repeats, responses, routing
from ip2a.edge.context import KEY, Context, CredentialReader, Credentials, Known, client_of
from ip2a.edge.protocol import Protocol
from ip2a.edge.shortcut import KEY as TAKEN
from ip2a.edge.shortcut import Shortcut, Taken
from ip2a.limits.admission import ShedError
from ip2a.limits.rates import ANONYMOUS, UNKNOWN_KEY, Rate
from ip2a.observability import metrics
from ip2a.observability.http import UNMATCHED, Requests
from ip2a.observability.logs import TRACE_ID
from ip2a.observability.tracing import trace_id_of, traceparent_for
from ip2a.pages.rendering import error_page
from ip2a.reads import NOBODY_ASKED, Query, Read, freshness_needed, own_query, shared_query
from ip2a.runtime import Runtime
from ip2a.security.principal import Principal
from ip2a.web import freshness
from ip2a.web.problems import Problem
from ip2a.web.security_headers import NOT_STORED, form_targets, security_headers

LOGGER = logging.getLogger(__name__)
ARRIVED = "ip2a.arrived"
"""When the request was read, in the scope."""
UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, DBAPIError, PoolTimeout, TimeoutError, OSError)


class Edge:
    """Wraps the application `app`, whose cacheable reads are `reads`."""

    def __init__(self, app: ASGIApp, runtime: Runtime, reads: tuple[Read, ...]) -> None:
        self._app = app
        self._runtime = runtime
        self._reads = {read.path: read for read in reads}
        self._credentials = CredentialReader(runtime.token_keys, runtime.cookie_key)
        self._requests = Requests(runtime.spans)
        settings = runtime.settings
        self._headers = security_headers(in_production=settings.in_production, form_targets=form_targets(settings))
        head = responses.HotHead([*self._headers, responses.JSON, responses.PRIVATE])
        self.shortcut = (
            Shortcut(runtime.redis, self._reads, self._credentials, self._requests, head) if runtime.redis else None
        )

    def take(self, connection: Protocol, cycle: RequestResponseCycle) -> bool:
        """Whether the request is answered without `__call__`; asked by our own server (`protocol`)."""
        return self.shortcut is not None and self.shortcut.take(connection, cycle)

    def arrive(self, cycle: RequestResponseCycle) -> None:
        """Count a request from the moment it was read, not from when its task gets its turn."""
        cycle.scope[ARRIVED] = self._requests.arrived()  # type: ignore[literal-required]  # an extension

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run()


class _Exchange:
    """One request on its way through the edge."""

    __slots__ = (
        "_begun",
        "_body",
        "_edge",
        "_method",
        "_path",
        "_receive",
        "_route",
        "_scope",
        "_send",
        "_status",
        "_taken",
        "_trace",
        "_traceparent",
    )

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
        self._edge = edge
        self._scope = scope
        self._receive = receive
        self._send = send
        self._method: str = scope["method"]
        self._path: str = scope["path"]
        self._route = ""
        self._status = 500
        self._begun = False
        self._body = b""
        self._trace = b""  # what the caller sent
        self._traceparent = b""
        self._taken: Taken | None = scope.get(TAKEN)

    async def run(self) -> None:
        """Answer the request, whatever happens."""
        requests = self._edge._requests
        started = self._taken.started if self._taken is not None else self._scope.get(ARRIVED)
        if started is None:  # on a server that does not tell
            started = requests.arrived()
        try:
            await self._run()
        finally:
            route = self._route
            if not route:
                route = getattr(self._scope.get("route"), "path", UNMATCHED)
            requests.answered(started, (self._method, route, self._status), self._traceparent, self._trace)

    async def _run(self) -> None:
        authorization, cookie, fresh, self._trace, etag = _headers(self._scope["headers"])
        self._traceparent = traceparent_for(self._trace)
        context = Context(if_none_match=etag, trace_id=trace_id_of(self._traceparent))
        TRACE_ID.set(context.trace_id)
        self._scope[KEY] = context
        refusal = bodies.refusal_of_headers(self._scope["headers"]) or bodies.refusal_of_address(
            self._scope["query_string"], self._path
        )
        if refusal is not None:
            await self._refuse_unread(refusal)
            return
        if routing.is_free(self._method, self._path):
            await self._forward(context, [])
            return
        credentials = self._edge._credentials.read(authorization, cookie, fresh, time.time())
        context.credentials = credentials
        try:
            if credentials is None or self._path in routing.LOGIN:
                context.credentials = None
                await self._anonymous(context)
            else:
                context.marker = credentials.marker
                await self._known(context, credentials)
        except ShedError:
            await self._busy()
        except UNAVAILABLE as error:
            LOGGER.warning("database unavailable (%s)", type(error).__name__)
            await self._busy()
        except Exception:
            # FastAPI answered 500 and logged before it raised on; the connection can live.
            if not self._begun:
                LOGGER.exception("unexpected error in %s", self._path)
                await self._refuse(Problem(500, "internal-error", "Something went wrong on our side."))
        finally:
            if context.written:
                self._edge._credentials.forget(authorization, cookie, fresh)

    async def _anonymous(self, context: Context) -> None:
        rate = routing.anonymous_rate(self._method, self._path)
        checked = await self._count_address(rate)
        if checked.wait:
            await self._limited(rate, checked.wait)
            return
        await self._admit(context, rate, checked.remaining)

    async def _count_address(self, rate: Rate) -> Checked:
        runtime = self._edge._runtime
        address = client_of(self._scope, runtime.settings.trusted_proxies).address
        return await runtime.limiter.check(f"{rate.user_type}:{address}".encode(), rate, time.time())

    async def _known(self, context: Context, credentials: Credentials) -> None:
        read = self._hot_read()
        known = credentials.known.get("" if read is None else read.path) or self._prepared(credentials, read)
        checked = self._taken.checked if self._taken is not None else None
        if checked is None:
            checked = await self._edge._runtime.limiter.ask(known.question, time.time())
        if checked.wait:
            await self._limited(credentials.rate, checked.wait)
            return
        slots = checked.slots or (NOBODY_ASKED, NOBODY_ASKED)
        if credentials.api_key is not None and checked.slots and slots[0].entry is None:
            wait = (await self._count_address(UNKNOWN_KEY)).wait
            if wait:
                await self._limited(UNKNOWN_KEY, wait)
                return
        principal = await self._principal(credentials, slots[0])
        if principal is None or not principal.admits(credentials.claims):
            context.credentials = None
            await self._admit(context, ANONYMOUS, checked.remaining)
            return
        context.principal = principal
        self._edge._requests.seen(principal.user_id)
        if principal.key_id is not None:
            self._edge._runtime.key_uses.note(principal.key_id, self._edge._runtime.now())
        if read is not None and not principal.must_change_password:
            if known.principal is not principal:
                known.principal, known.query = principal, _query(read, principal, credentials)
            if known.query is not None:
                await self._hot(context, known.query, slots[1], principal.rate, checked.remaining)
                return
        await self._admit(context, principal.rate, checked.remaining)

    def _hot_read(self) -> Read | None:
        if self._method != "GET" or self._scope["query_string"]:
            return None
        return self._edge._reads.get(self._path)

    def _prepared(self, credentials: Credentials, read: Read | None) -> Known:
        """Remember what these credentials ask of Redis; paths that are not cacheable all ask the same."""
        wanted = [credentials.principal_slot]
        if read is not None:
            member = credentials.claims.member_id
            subject = read.subject if member is None or not read.own else read.subject_of(member)
            if subject is not None:
                wanted.append((subject, read.name.encode()))
        question = self._edge._runtime.limiter.question(credentials.limit_key, credentials.rate, wanted)
        known = credentials.known["" if read is None else read.path] = Known(question)
        return known

    async def _principal(self, credentials: Credentials, slot: Slot) -> Principal | None:
        reads = self._edge._runtime.read_through
        entry = slot.entry
        if entry is None or slot.lease:
            query = credentials.principal_query
            entry = reads.cached(query, slot, 0) or await reads.load(query, slot, 0)
        else:
            auth_service.PRINCIPAL.hits.inc()
        return credentials.principal_of(entry.body) if entry.status == 200 else None

    async def _hot(self, context: Context, query: Query, slot: Slot, rate: Rate, remaining: int) -> None:
        reads = self._edge._runtime.read_through
        self._route = query.read.path
        min_lsn = freshness_needed(query.read, context.principal, context.needed)
        entry = reads.cached(query, slot, min_lsn) or await reads.load(query, slot, min_lsn)
        unchanged = bool(context.if_none_match) and context.has(entry.etag)
        headers = [
            *self._edge._headers,
            responses.JSON if entry.status == 200 else responses.PROBLEM,
            responses.PRIVATE,
            (b"etag", b'"%s"' % entry.etag),
            (b"traceparent", self._traceparent),
            *responses.rate_headers(rate, remaining, responses.seconds_to_reset()),
        ]
        body = entry.body
        if unchanged:
            self._status, body = 304, b""
        else:
            self._status = entry.status
            headers.append((b"content-length", b"%d" % len(body)))
        self._begun = True
        await responses.send_bytes(self._send, self._status, headers, body)

    async def _admit(self, context: Context, rate: Rate, remaining: int) -> None:
        context.route_class = routing.route_class(self._method, self._path, rate)
        headers = responses.rate_headers(rate, remaining, responses.seconds_to_reset())
        if self._method not in routing.SAFE and not await self._take_body():
            return
        if self._method in routing.SAFE and self._path in self._edge._reads:
            await self._forward(context, headers)
            return
        async with self._edge._runtime.admission.gate(context.route_class).admitted():
            await self._forward(context, headers)

    async def _take_body(self) -> bool:
        """Read the body before anything waits for it; False when it was refused."""
        try:
            body = await bodies.read_bounded(self._scope, self._receive)
        except bodies.BodyRefusedError as error:
            await self._refuse_unread(error.refusal)
            return False
        self._body = body
        self._receive = bodies.replay(body, self._receive)
        return True

    async def _refuse_unread(self, refusal: bodies.Refusal) -> None:
        problem = Problem(refusal.status, refusal.kind, refusal.detail)
        await self._refuse(problem, (b"connection", b"close"), field=refusal.field)

    async def _forward(self, context: Context, extra: responses.Headers) -> None:
        """Let FastAPI answer, with our headers on it."""

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
                self._begun = True
                headers = message["headers"] = [*message.get("headers", ()), *self._edge._headers, *extra]
                headers.append((b"traceparent", self._traceparent))
                self._add_freshness(context, headers)
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(NOT_STORED)
            await self._send(message)

        key = None
        if self._method not in routing.SAFE and context.principal is not None:
            key = repeats.key_of(self._scope, self._body)
        if key is None or context.principal is None:
            await self._edge._app(self._scope, self._receive, send)
        elif repeats.is_valid(key):
            once = self._once(context.principal.identity, key)
            await repeats.answer_once(self._edge._app, self._scope, self._receive, send, once=once, context=context)
        else:
            await self._refuse_unread(repeats.INVALID)

    def _once(self, identity: Identity, key: bytes) -> Once:
        runtime, digest = self._edge._runtime, repeats.digest_of(self._scope, self._body)
        client = client_of(self._scope, runtime.settings.trusted_proxies)
        caller = replace(identity, address=client.address, correlation_id=client.correlation_id)
        return Once(runtime.databases.write, caller, key.decode(), digest)

    def _add_freshness(self, context: Context, headers: responses.Headers) -> None:
        if not context.written or context.principal is None:
            return
        runtime = self._edge._runtime
        sealed = freshness.seal(context.marker, context.principal.user_id, runtime.cookie_key, time.time())
        secure = "; Secure" if runtime.settings.in_production else ""
        cookie = f"{freshness.COOKIE}={sealed}; Max-Age={freshness.LIFETIME}; Path=/; HttpOnly; SameSite=lax{secure}"
        headers.append((b"set-cookie", cookie.encode()))
        headers.append((freshness.HEADER.encode(), sealed.encode()))

    async def _limited(self, rate: Rate, wait: int) -> None:
        metrics.LIMITED.labels(rate.user_type).inc()
        problem = Problem(429, "rate-limited", f"Too many requests; try again in {wait} s.")
        await self._refuse(problem, (b"retry-after", b"%d" % wait), *responses.rate_headers(rate, 0, wait))

    async def _busy(self) -> None:
        if self._begun:
            return
        problem = Problem(503, "overloaded", "The platform is busy; try again in a moment.")
        await self._refuse(problem, responses.retry_after())

    async def _refuse(self, problem: Problem, *extra: tuple[bytes, bytes], field: str = "") -> None:
        status = self._status = problem.status
        page = routing.is_page(self._path)
        body = error_page(problem).encode() if page else responses.problem_body(problem, self._path, field)
        self._begun = True
        self._route = self._route or ("(refused)" if self._path not in self._edge._reads else self._path)
        headers = [
            *self._edge._headers,
            responses.HTML if page else responses.PROBLEM,
            NOT_STORED,
            (b"content-length", b"%d" % len(body)),
            (b"traceparent", self._traceparent),
            *extra,
        ]
        await responses.send_bytes(self._send, status, headers, body)


def _headers(headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Authorization, cookie, freshness, trace and ETag of the request, in one pass."""
    authorization = cookie = fresh = trace = etag = b""
    for name, value in headers:
        if name == b"cookie":
            cookie = value
        elif name == b"authorization":
            authorization = value
        elif name == b"if-none-match":
            etag = value
        elif name == b"traceparent":
            trace = value
        elif name == b"ip2a-freshness":
            fresh = value
    return authorization, cookie, fresh, trace, etag


def _query(read: Read, principal: Principal, credentials: Credentials) -> Query | None:
    """The read for this caller; None when FastAPI should explain why not."""
    if read.own:
        if not principal.own_data or principal.member_id != credentials.claims.member_id:
            return None
        return own_query(read, principal.identity, principal.member_id or 0)
    if read.permission and not principal.may(read.permission):
        return None
    return shared_query(read, principal.identity)
