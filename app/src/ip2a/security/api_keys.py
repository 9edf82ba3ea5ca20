"""API keys as text: `ip2a_<account>_<secret>`. Pure; the account in it tells where its principal is cached."""

import hashlib
import re
import secrets
from typing import NamedTuple

PREFIX = "ip2a_"
SECRET_BYTES = 32
HINT_LENGTH = 4
OFFERED_SCOPES = (
    "members:read",
    "members:update",
    "organizations:read",
    "dues:read",
    "dues:process",
    "referrals:read",
    "referrals:update",
    "referrals:dispatch",
    "students:read",
    "students:update",
    "grievances:read",
    "benevolence:read",
    "organizing:read",
    "grants:read",
    "files:read",
    "files:create",
)
"""What people are offered for a key; the API takes every `resource:action`."""
_KEY = re.compile(r"ip2a_([1-9][0-9]{0,9})_[A-Za-z0-9_-]{43}")
_SCOPE = re.compile(r"[a-z]+:([a-z]+|\*)")
MAXIMUM_USER_ID = 2**31 - 1


class PresentedKey(NamedTuple):
    """A key somebody presented: whose it claims to be, and what its record must hash to."""

    user_id: int
    digest: bytes


def new_key(user_id: int) -> str:
    """A key of this account with 256 random bits."""
    return f"{PREFIX}{user_id}_{secrets.token_urlsafe(SECRET_BYTES)}"


def read_key(text: str) -> PresentedKey | None:
    """The key in a bearer token; None for whatever has not its form."""
    found = _KEY.fullmatch(text)
    if found is None or int(found[1]) > MAXIMUM_USER_ID:
        return None
    return PresentedKey(int(found[1]), digest_of(text))


def digest_of(key: str) -> bytes:
    """What is stored of a key; its 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).digest()


def hint_of(key: str) -> str:
    """The last characters, by which people tell their keys apart."""
    return key[-HINT_LENGTH:]


def is_scope(text: str) -> bool:
    """Whether this is `resource:action` or `resource:*`."""
    return _SCOPE.fullmatch(text) is not None
