"""What endpoints ask for: the runtime, who is calling, and the permission they need.

Every route outside the log-in flow and the probes depends on one of these; there is no other way to an
identity.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.auth import service as auth_service
from ip2a.auth.service import Client
from ip2a.database.engines import Databases
from ip2a.database.identity import Identity, transaction
from ip2a.edge.context import Context, client_of, context_of
from ip2a.runtime import Runtime
from ip2a.security.principal import Principal
from ip2a.security.tokens import Claims, csrf_matches
from ip2a.web.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"


class Caller:
    """Who is calling, as the edge found them."""

    __slots__ = ("_context", "client", "principal", "session_id")

    def __init__(self, principal: Principal, session_id: UUID, client: Client, context: Context) -> None:
        self.principal = principal
        self.session_id = session_id
        self.client = client
        self._context = context

    def may(self, permission: str) -> bool:
        """Whether one of the caller's roles grants the permission."""
        return self.principal.may(permission)

    @property
    def identity(self) -> Identity:
        """What row-level security is told."""
        return replace(self.principal.identity, address=self.client.address, correlation_id=self.client.correlation_id)

    def transaction(self, databases: Databases) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction on the primary on the caller's behalf, of what is not cached."""
        return transaction(databases.write, self.identity)

    @property
    def min_lsn(self) -> int:
        """The WAL position that answers to this caller must not be older than."""
        return self._context.min_lsn

    def wrote(self, lsn: int) -> None:
        """The caller changed something that is committed at `lsn`."""
        self._context.wrote(lsn)

    def has(self, etag: bytes) -> bool:
        """Whether the caller has this version already."""
        return self._context.has(etag)


async def runtime_of(request: Request) -> Runtime:
    """The process's shared parts. (FastAPI would run a plain function in a thread, for ten times the cost.)"""
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDependency = Annotated[Runtime, Depends(runtime_of)]


async def request_client(request: Request, runtime: RuntimeDependency) -> Client:
    """Where the request comes from; forwarded addresses only from trusted proxies."""
    return client_of(request.scope, runtime.settings.trusted_proxies)


ClientDependency = Annotated[Client, Depends(request_client)]


async def authenticate(request: Request, runtime: Runtime, client: Client) -> Caller:
    """The caller of this request.

    Raises Problem 401 without a valid session, 403 for a cookie-authenticated write without the CSRF token.
    """
    context = context_of(request.scope)
    if context.principal is None or context.credentials is None:
        raise auth_service.invalid_session()
    claims = context.credentials.claims
    if context.credentials.via_cookie and request.method not in SAFE_METHODS:
        await check_csrf(request, claims, runtime.cookie_key)
    return Caller(context.principal, UUID(claims.session_id), client, context)


async def check_csrf(request: Request, claims: Claims, key: bytes) -> None:
    """A write that rides on cookies must repeat the session's token, in a header or a form field."""
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        value = (await request.form()).get("csrf_token")
        given = value if isinstance(value, str) else ""
    if not csrf_matches(given, claims.session_id, key):
        raise Problem(403, "csrf", "The form has expired or came from elsewhere; load the page again and repeat.")


async def caller_of(request: Request, runtime: RuntimeDependency, client: ClientDependency) -> Caller:
    """Dependency of every route that needs to know who calls."""
    return await authenticate(request, runtime, client)


CallerDependency = Annotated[Caller, Depends(caller_of)]


def require(permission: str) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that lets only callers with the permission through (Problem 403)."""

    async def permitted(caller: CallerDependency) -> Caller:
        if not caller.may(permission):
            raise Problem(403, "not-permitted", f"This needs the permission {permission}.")
        return caller

    return permitted


async def own_member(caller: CallerDependency) -> int:
    """The member behind the account, for `/my/*`.

    Raises Problem 403 when the account is not linked to a member or may not see its own data.
    """
    member_id = caller.principal.member_id
    if member_id is None or not caller.principal.own_data:
        raise Problem(403, "no-membership", "This account is not linked to a membership.")
    return member_id


OwnMember = Annotated[int, Depends(own_member)]
