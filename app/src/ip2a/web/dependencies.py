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
from ip2a.database.once import ONCE
from ip2a.edge.context import Context, client_of, context_of
from ip2a.reads import Read
from ip2a.runtime import Runtime
from ip2a.security.permissions import is_administration
from ip2a.security.principal import Principal
from ip2a.security.tokens import Claims, csrf_matches
from ip2a.web.client_address import is_trusted
from ip2a.web.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"


class Caller:
    """Who is calling, as the edge found them."""

    __slots__ = ("_context", "client", "principal", "session_id", "trusted_address")

    def __init__(
        self, principal: Principal, session_id: UUID, client: Client, context: Context, *, trusted_address: bool
    ) -> None:
        self.principal = principal
        self.trusted_address = trusted_address
        self.session_id = session_id
        self.client = client
        self._context = context

    def may(self, permission: str) -> bool:
        """Whether one of the caller's roles grants the permission, and it may be used from where they are."""
        return self.principal.may(permission) and (self.trusted_address or not is_administration(permission))

    def need(self, permission: str) -> None:
        """Raise Problem 403 unless the caller may."""
        if self.may(permission):
            return
        if self.principal.may(permission):
            raise Problem(403, "address-not-allowed", "Administration is not allowed from this address.")
        raise Problem(403, "not-permitted", f"This needs the permission {permission}.")

    @property
    def identity(self) -> Identity:
        """What row-level security is told."""
        return replace(self.principal.identity, address=self.client.address, correlation_id=self.client.correlation_id)

    def transaction(self, databases: Databases) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction on the primary on the caller's behalf, of what is not cached."""
        once = ONCE.get()
        return once.transaction(self.identity) if once else transaction(databases.write, self.identity)

    def needed(self, name: str = "") -> int:
        """The WAL position that the read of this name must not be older than for this caller; without one, any read."""
        return self._context.needed(name)

    def wrote(self, lsn: int, read: Read | None = None) -> None:
        """The caller changed something that is committed at `lsn`, and that only this read shows, if one is given."""
        self._context.wrote(lsn, "" if read is None else read.name)

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
    return caller_at(runtime, context.principal, UUID(claims.session_id), client, context)


def caller_at(runtime: Runtime, principal: Principal, session_id: UUID, client: Client, context: Context) -> Caller:
    """The caller, judged by where they are: IP2A_ADMIN_RANGES says from where administration is allowed."""
    ranges = runtime.settings.admin_ranges
    trusted = not ranges or is_trusted(client.address, ranges)
    return Caller(principal, session_id, client, context, trusted_address=trusted)


async def check_csrf(request: Request, claims: Claims, key: bytes) -> None:
    """A write that rides on cookies must repeat the session's token, in a header or a form field."""
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        value = (await request.form()).get("csrf_token")
        given = value if isinstance(value, str) else ""
    if not csrf_matches(given, claims.session_id, key):
        raise Problem(403, "csrf", "The form has expired or came from elsewhere; load the page again and repeat.")


async def caller_of(request: Request, runtime: RuntimeDependency, client: ClientDependency) -> Caller:
    """Dependency of every route that needs to know who calls.

    Raises Problem 401, and 403 for an account that must choose a new password first.
    """
    caller = await authenticate(request, runtime, client)
    if caller.principal.must_change_password:
        raise password_change_needed()
    return caller


async def session_caller(request: Request, runtime: RuntimeDependency, client: ClientDependency) -> Caller:
    """Dependency of routes about the caller's own session and password: not for API keys, but also for an account that
    must choose a new password.
    """
    caller = await authenticate(request, runtime, client)
    if caller.principal.key_id is not None:
        raise Problem(403, "session-needed", "An API key cannot do this; log in.")
    return caller


CallerDependency = Annotated[Caller, Depends(caller_of)]
SessionDependency = Annotated[Caller, Depends(session_caller)]


def password_change_needed() -> Problem:
    """An administrator made this account choose a new password."""
    return Problem(
        403,
        "password-change-needed",
        "Choose a new password first: POST /api/v1/auth/password, page /account/password.",
    )


def require(permission: str) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that lets only callers with the permission through (Problem 403)."""

    async def permitted(caller: CallerDependency) -> Caller:
        caller.need(permission)
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
