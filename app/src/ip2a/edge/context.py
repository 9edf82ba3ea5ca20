"""What is known of a request before any endpoint sees it: who asks, from where, how fresh the answer must
be.
"""

import time
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from starlette.types import Scope

from ip2a.api_keys import principal as key_principal
from ip2a.auth import service as auth_service
from ip2a.auth.service import Client
from ip2a.limits.limiter import Question
from ip2a.limits.rates import API_KEY, Rate, rate_of
from ip2a.reads import Query, user_subject
from ip2a.security.api_keys import PREFIX, PresentedKey, read_key
from ip2a.security.principal import Principal, read_principal
from ip2a.security.tokens import Claims, InvalidTokenError, TokenKeys, read_access_token
from ip2a.settings import Network
from ip2a.web import cookies, freshness
from ip2a.web.client_address import client_address
from ip2a.web.freshness import NO_MARKER, Marker

KEY = "ip2a.context"
MAXIMUM_CREDENTIALS = 20_000
NO_SESSION = str(UUID(int=0))
NEVER = 2**53
"""A key's own end is part of its record."""


@dataclass(slots=True)
class Known:
    """What was worked out for one path at an earlier request with the same credentials."""

    question: Question
    principal: Principal | None = None
    query: Query | None = None


@dataclass(slots=True)
class Credentials:
    """A verified access token, or an API key still to be looked up, and what follows from it; kept per token, so
    that verifying is not repeated.
    """

    claims: Claims
    via_cookie: bool
    marker: Marker
    limit_key: bytes
    rate: Rate
    principal_slot: tuple[bytes, bytes]
    api_key: PresentedKey | None = None
    known: dict[str, Known] = field(default_factory=dict)
    principal: Principal | None = None
    principal_body: bytes = b""

    def principal_of(self, body: bytes) -> Principal | None:
        """The principal that `body` tells of; read anew only when it is not the same as before."""
        if body != self.principal_body:
            self.principal, self.principal_body = read_principal(body), body
        return self.principal

    def still(self, principal: Principal, body: bytes) -> bool:
        """Whether `body` tells of `principal`, whom these credentials were found to be before."""
        return principal is self.principal and body == self.principal_body

    @property
    def principal_query(self) -> Query:
        """The read of whose they are."""
        if self.api_key is not None:
            return key_principal.query_of(self.api_key)
        return auth_service.principal_query(self.claims.user_id)


@dataclass(slots=True)
class Context:
    """One request. `marker` grows when the request itself writes."""

    credentials: Credentials | None = None
    principal: Principal | None = None
    marker: Marker = NO_MARKER
    written: bool = False
    if_none_match: bytes = b""
    route_class: str = "self"
    trace_id: str = ""

    def wrote(self, lsn: int, name: str = "") -> None:
        """Later reads of this client must not be older; only the read of `name` where nothing else shows the write."""
        if lsn:
            self.marker, self.written = self.marker.after(lsn, name), True

    def needed(self, name: str = "") -> int:
        """The position that the answer to the read of this name must not be older than; without one, any answer."""
        return self.marker.at(time.time(), name)

    def has(self, etag: bytes) -> bool:
        """Whether the client said it has this version already."""
        return etag in self.if_none_match


class CredentialReader:
    """Verified credentials by the header that carried them."""

    def __init__(self, keys: TokenKeys, cookie_key: bytes) -> None:
        self._keys = keys
        self._cookie_key = cookie_key
        self._known: dict[tuple[bytes, bytes, bytes], Credentials | None] = {}

    def read(self, authorization: bytes, cookie: bytes, fresh: bytes, now: float) -> Credentials | None:
        """The credentials of a request; None if there are none, or they are wrong or expired at `now`."""
        key = (authorization, cookie, fresh)
        try:
            credentials = self._known[key]
        except KeyError:
            if len(self._known) >= MAXIMUM_CREDENTIALS:
                for old in list(self._known)[: MAXIMUM_CREDENTIALS // 10]:
                    del self._known[old]
            credentials = self._known[key] = self._verify(authorization, cookie, fresh)
        if credentials is None or credentials.claims.expires_at < now:
            return None
        return credentials

    def forget(self, authorization: bytes, cookie: bytes, fresh: bytes) -> None:
        """These headers will hardly come again: their client has written, and carries another position from now on."""
        self._known.pop((authorization, cookie, fresh), None)

    def known(self, authorization: bytes, cookie: bytes, fresh: bytes, now: float) -> Credentials | None:
        """`read` where these very headers were read before."""
        credentials = self._known.get((authorization, cookie, fresh))
        return None if credentials is None or credentials.claims.expires_at < now else credentials

    def _verify(self, authorization: bytes, cookie: bytes, fresh: bytes) -> Credentials | None:
        jar = _cookies(cookie)
        scheme, _, bearer = authorization.partition(b" ")
        via_cookie = scheme.lower() != b"bearer"
        token = jar.get(cookies.ACCESS, "") if via_cookie else bearer.strip().decode("latin-1")
        if not token:
            return None
        if token.startswith(PREFIX) and not via_cookie:
            return self._api_key(token, fresh)
        try:
            claims = read_access_token(self._keys, token)
        except InvalidTokenError:
            return None
        sealed = fresh.decode("latin-1") or jar.get(freshness.COOKIE, "")
        rate = rate_of(claims.roles)
        return Credentials(
            claims=claims,
            via_cookie=via_cookie,
            marker=freshness.unseal(sealed, claims.user_id, self._cookie_key) if sealed else NO_MARKER,
            limit_key=b"u:%d" % claims.user_id,
            rate=rate,
            principal_slot=(user_subject(claims.user_id), b"principal"),
        )

    def _api_key(self, token: str, fresh: bytes) -> Credentials | None:
        key = read_key(token)
        if key is None:
            return None
        return Credentials(
            claims=Claims(key.user_id, None, (), 0, NO_SESSION, NEVER),
            via_cookie=False,
            marker=freshness.unseal(fresh.decode("latin-1"), key.user_id, self._cookie_key) if fresh else NO_MARKER,
            limit_key=b"k:" + key.digest[:16],
            rate=API_KEY,
            principal_slot=key_principal.slot_of(key),
            api_key=key,
        )


def _cookies(header: bytes) -> dict[str, str]:
    pairs = (part.partition("=") for part in header.decode("latin-1").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def context_of(scope: Scope) -> Context:
    """The context the edge attached."""
    context: Context = scope[KEY]
    return context


def client_of(scope: Scope, trusted: tuple[Network, ...]) -> Client:
    """Where the request comes from; forwarded addresses only from trusted proxies."""
    forwarded = device = None
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            forwarded = value.decode("latin-1")
        elif name == b"user-agent":
            device = value.decode("latin-1")
    peer = scope.get("client")
    return Client(_address(peer[0] if peer else None, forwarded, trusted), device, scope[KEY].trace_id)


@lru_cache(maxsize=20_000)
def _address(peer: str | None, forwarded: str | None, trusted: tuple[Network, ...]) -> str:
    return client_address(peer, forwarded, trusted)
