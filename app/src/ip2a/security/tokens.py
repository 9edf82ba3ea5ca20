"""Access tokens (JWT), refresh tokens and CSRF tokens: how they are made and checked.

Pure: keys and time are arguments; nothing here knows of requests or the database.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

ACCESS_LIFETIME = timedelta(minutes=30)
REFRESH_LIFETIME = timedelta(days=7)
REUSE_GRACE = timedelta(seconds=10)  # two tabs may refresh at once; both get the same successor
ALGORITHM = "HS256"
CLOCK_LEEWAY = timedelta(seconds=10)


class InvalidTokenError(Exception):
    """The token is malformed, expired, or signed by a key that is not ours."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says about its bearer; roles are a snapshot that the token epoch can revoke."""

    user_id: int
    member_id: int | None
    roles: tuple[str, ...]
    epoch: int
    session_id: str
    expires_at: int  # seconds since 1970, UTC


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """`signing` makes and verifies, `previous` (if any) only verifies."""

    signing: bytes
    previous: bytes | None = None


def issue_access_token(
    keys: TokenKeys,
    *,
    user_id: int,
    member_id: int | None,
    roles: tuple[str, ...],
    epoch: int,
    session_id: str,
    now: datetime,
) -> str:
    """A signed JWT valid for ACCESS_LIFETIME from `now`."""
    claims: dict[str, Any] = {
        "sub": str(user_id),
        "type": "access",
        "roles": list(roles),
        "epoch": epoch,
        "sid": session_id,
        "iat": int(now.timestamp()),
        "exp": int((now + ACCESS_LIFETIME).timestamp()),
    }
    if member_id is not None:
        claims["mid"] = member_id
    return jwt.encode(claims, keys.signing, algorithm=ALGORITHM)


def read_access_token(keys: TokenKeys, token: str) -> Claims:
    """The claims of a valid access token.

    Raises InvalidTokenError whatever is wrong: callers must not tell a client which check failed.
    """
    for key in (keys.signing, keys.previous):
        if key is None:
            continue
        try:
            payload = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                leeway=CLOCK_LEEWAY,
                # A token from a server whose clock is ahead is as good as any: `iat` is not judged.
                options={"require": ["exp", "sub", "iat"], "verify_iat": False},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise InvalidTokenError from error
        return _claims(payload)
    raise InvalidTokenError


def _claims(payload: dict[str, Any]) -> Claims:
    try:
        if payload["type"] != "access":
            raise InvalidTokenError
        return Claims(
            user_id=int(payload["sub"]),
            member_id=payload.get("mid"),
            roles=tuple(payload["roles"]),
            epoch=int(payload["epoch"]),
            session_id=str(UUID(payload["sid"])),
            expires_at=int(payload["exp"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidTokenError from error


def new_refresh_token() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def successor_of(refresh_token: str, key: bytes) -> str:
    """The token that replaces `refresh_token`: derived, so that a repeated refresh gets the same one."""
    digest = hmac.digest(key, b"refresh-successor:" + refresh_token.encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def token_digest(token: str) -> bytes:
    """What is stored of a refresh token."""
    return hashlib.sha256(token.encode()).digest()


def csrf_token(session_id: str, key: bytes) -> str:
    """The token that a cookie-authenticated write of this session must repeat."""
    return hmac.digest(key, b"csrf:" + session_id.encode(), "sha256").hex()


def csrf_matches(given: str, session_id: str, key: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), csrf_token(session_id, key).encode())
