"""Who an account (or an API key of it) is right now: what the cache holds of it and every request is judged by.

Roles come from here, never from the token: a change takes effect on the next request.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ip2a.database.identity import Identity
from ip2a.limits.rates import API_KEY, Rate, rate_of
from ip2a.security.permissions import grants, permits, visible_resources
from ip2a.security.tokens import Claims


@dataclass(frozen=True, slots=True)
class Principal:
    """An active account, its roles, and sessions of it that were ended while their access tokens live on."""

    user_id: int
    email: str
    first_name: str
    last_name: str
    member_id: int | None
    token_epoch: int
    roles: tuple[str, ...]
    ended_sessions: frozenset[str]
    identity: Identity
    rate: Rate
    own_data: bool
    must_change_password: bool = False
    key_id: int | None = None
    scopes: frozenset[str] | None = None

    def may(self, permission: str) -> bool:
        """Whether one of the roles grants `resource:action`; for an API key, also one of its scopes."""
        scoped = self.scopes is None or grants(self.scopes, permission)
        return scoped and permits(self.roles, permission)

    def admits(self, claims: Claims) -> bool:
        """Whether an access token of this account still counts; a key was looked up itself."""
        if self.key_id is not None:
            return True
        return claims.epoch == self.token_epoch and claims.session_id not in self.ended_sessions


@lru_cache(maxsize=20_000)
def read_principal(stored: bytes) -> Principal | None:
    """The principal of auth.repository's JSON; None for an account that is not active."""
    values = json.loads(stored)
    if not values["is_active"]:
        return None
    roles = tuple(values["roles"])
    member_id = values["member_id"]
    key = values.get("api_key")
    if key is not None:
        return _key_principal(values, roles, key["id"], frozenset(key["scopes"]))
    return Principal(
        user_id=values["user_id"],
        email=values["email"],
        first_name=values["first_name"],
        last_name=values["last_name"],
        member_id=member_id,
        token_epoch=values["token_epoch"],
        roles=roles,
        ended_sessions=frozenset(values["ended_sessions"]),
        identity=Identity(values["user_id"], member_id, visible_resources(roles)),
        rate=rate_of(roles),
        own_data=member_id is not None and permits(roles, "self:read"),
        must_change_password=values.get("must_change_password", False),
    )


def _key_principal(values: dict[str, Any], roles: tuple[str, ...], key_id: int, scopes: frozenset[str]) -> Principal:
    """A key has no data of its own, and sees of the others' at most what its scopes name."""
    visible = frozenset(
        resource for resource in visible_resources(roles) if grants(scopes, f"{resource.partition('_')[0]}:read")
    )
    return Principal(
        user_id=values["user_id"],
        email=values["email"],
        first_name=values["first_name"],
        last_name=values["last_name"],
        member_id=None,
        token_epoch=values["token_epoch"],
        roles=roles,
        ended_sessions=frozenset(),
        identity=Identity(values["user_id"], None, visible),
        rate=API_KEY,
        own_data=False,
        key_id=key_id,
        scopes=scopes,
    )
