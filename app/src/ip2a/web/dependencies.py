"""What endpoints ask for: the runtime, who is calling, and the permission they need.

Every route outside the log-in flow and the probes depends on one of these; there is no other way to an
identity.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from ip2a.auth import service as auth_service
from ip2a.auth.repository import Account
from ip2a.auth.service import Client
from ip2a.database.identity import Identity
from ip2a.runtime import Runtime
from ip2a.security.permissions import permits, visible_resources
from ip2a.security.tokens import Claims, InvalidTokenError, csrf_matches, read_access_token
from ip2a.web import cookies
from ip2a.web.client_address import client_address
from ip2a.web.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, as the database knows them now."""

    account: Account
    session_id: UUID
    client: Client

    def may(self, permission: str) -> bool:
        """Whether one of the caller's roles grants the permission."""
        return permits(self.account.roles, permission)

    @property
    def identity(self) -> Identity:
        """What row-level security is told."""
        return Identity(self.account.user_id, self.account.member_id, visible_resources(self.account.roles))


def runtime_of(request: Request) -> Runtime:
    """The process's shared parts."""
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDependency = Annotated[Runtime, Depends(runtime_of)]


def client_of(request: Request, runtime: RuntimeDependency) -> Client:
    """Where the request comes from; forwarded addresses only from trusted proxies."""
    address = client_address(
        request.client.host if request.client else None,
        request.headers.get("x-forwarded-for"),
        runtime.settings.trusted_proxies,
    )
    return Client(address, request.headers.get("user-agent"))


ClientDependency = Annotated[Client, Depends(client_of)]


def bearer_token(request: Request) -> str | None:
    """The token of an Authorization header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


async def authenticate(request: Request, runtime: Runtime, client: Client) -> Caller:
    """The caller of this request.

    Raises Problem 401 without a valid session, 403 for a cookie-authenticated write without the CSRF token.
    """
    bearer = bearer_token(request)
    token = bearer or request.cookies.get(cookies.ACCESS)
    if token is None:
        raise auth_service.invalid_session()
    try:
        claims = read_access_token(runtime.token_keys, token)
    except InvalidTokenError:
        raise auth_service.invalid_session() from None
    if bearer is None and request.method not in SAFE_METHODS:
        await check_csrf(request, claims, runtime.cookie_key)
    account = await auth_service.current_account(runtime, claims)
    return Caller(account, UUID(claims.session_id), client)


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
    if caller.account.member_id is None or not caller.may("self:read"):
        raise Problem(403, "no-membership", "This account is not linked to a membership.")
    return caller.account.member_id


OwnMember = Annotated[int, Depends(own_member)]
