"""Accounts and refresh tokens in the database. Every change is one atomic statement: no read-modify-write."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.pipeline import Statement

MAXIMUM_FAILURES = 5
LOCK_TIME = timedelta(minutes=30)


class LoginAttempt(NamedTuple):
    """An account whose attempt was counted; `locked` attempts must not be verified."""

    user_id: int
    password_hash: str
    is_active: bool
    locked: bool
    locked_until: datetime | None


class Account(NamedTuple):
    """What a session needs to know of its account."""

    user_id: int
    email: str
    first_name: str
    last_name: str
    member_id: int | None
    is_active: bool
    token_epoch: int
    roles: list[str]


class StoredRefreshToken(NamedTuple):
    """A refresh token as stored."""

    user_id: int
    session_id: UUID
    used_at: datetime | None
    revoked_at: datetime | None
    expires_at: datetime


class OpenSession(NamedTuple):
    """A session that can still be refreshed."""

    session_id: UUID
    started_at: datetime
    last_used_at: datetime
    device: str | None
    address: str | None


# The attempt is counted before the password is verified, so that parallel guesses cannot share one count.
# The fifth
# attempt locks at once; success unlocks again.
_COUNT_ATTEMPT = text(
    """
    WITH before AS (
        SELECT id, coalesce(locked_until > :now, false) AS locked,
               CASE WHEN locked_until <= :now THEN 0 ELSE failed_login_attempts END AS failures
        FROM users WHERE email = :email FOR UPDATE)
    UPDATE users SET
        failed_login_attempts = CASE WHEN before.locked THEN failed_login_attempts ELSE before.failures + 1
            END,
        locked_until = CASE WHEN before.locked THEN locked_until
                            WHEN before.failures + 1 >= :maximum THEN cast(:lock_until AS timestamptz) END
    FROM before WHERE users.id = before.id
    RETURNING users.id, password_hash, is_active, before.locked, locked_until
    """
)

_RECORD_SUCCESS = text(
    """
    UPDATE users SET failed_login_attempts = 0, locked_until = NULL, last_login_at = :now,
        password_hash = coalesce(:new_hash, password_hash)
    WHERE id = :user_id
    """
)

_ACCOUNT = text(
    """
    SELECT u.id, u.email, u.first_name, u.last_name, u.member_id, u.is_active, u.token_epoch,
        array(SELECT r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id
              WHERE ur.user_id = u.id AND (ur.expires_at IS NULL OR ur.expires_at > :now)
              ORDER BY r.level DESC)::text[] AS roles
    FROM users u WHERE u.id = :user_id
    """
)

_INSERT_TOKEN = text(
    """
    INSERT INTO refresh_tokens (user_id, session_id, token_hash, issued_at, expires_at, device, address)
    VALUES (:user_id, :session_id, :token_hash, :now, :expires_at, :device, :address)
    """
).bindparams(bindparam("device", None), bindparam("address", None))

_USE_TOKEN = text(
    """
    UPDATE refresh_tokens SET used_at = :now
    WHERE token_hash = :token_hash AND used_at IS NULL AND revoked_at IS NULL AND expires_at > :now
    RETURNING user_id, session_id, used_at, revoked_at, expires_at
    """
)

_FIND_TOKEN = text(
    "SELECT user_id, session_id, used_at, revoked_at, expires_at FROM refresh_tokens WHERE token_hash = :token_hash"
)

_REVOKE_SESSION = text(
    """
    UPDATE refresh_tokens SET revoked_at = :now
    WHERE session_id = :session_id AND user_id = :user_id AND revoked_at IS NULL
    """
)

_RAISE_EPOCH = text("UPDATE users SET token_epoch = token_epoch + 1 WHERE id = :user_id RETURNING token_epoch")

_OPEN_SESSIONS = text(
    """
    SELECT session_id, min(issued_at), max(issued_at),
        (array_agg(device ORDER BY id DESC))[1], (array_agg(address ORDER BY id DESC))[1]
    FROM refresh_tokens WHERE user_id = :user_id
    GROUP BY session_id
    HAVING bool_or(used_at IS NULL AND revoked_at IS NULL AND expires_at > :now)
    ORDER BY 3 DESC
    """
)

PRINCIPAL = Statement(
    b"ip2a_principal",
    b"""
    SELECT json_build_object('user_id', u.id, 'email', u.email, 'first_name', u.first_name,
            'last_name', u.last_name, 'member_id', u.member_id, 'is_active', u.is_active,
            'token_epoch', u.token_epoch, 'must_change_password', u.must_change_password,
            'roles', array(
                SELECT r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id
                WHERE ur.user_id = u.id AND (ur.expires_at IS NULL OR ur.expires_at > now())
                ORDER BY r.level DESC),
            'ended_sessions', array(
                SELECT DISTINCT session_id FROM refresh_tokens
                WHERE user_id = u.id AND revoked_at > now() - interval '1 hour'))::text,
        least(86400, ceil(extract(epoch FROM
            (SELECT min(expires_at) FROM user_roles WHERE user_id = u.id AND expires_at > now()) - now())))
    FROM users u WHERE u.id = $1::integer
    """,
)
"""What security.principal reads, and how many seconds it may be kept. Sessions that ended within the hour are named:
their access tokens have not all expired, also if clocks differ."""


async def count_attempt(connection: AsyncConnection, email: str, now: datetime) -> LoginAttempt | None:
    """Count a log-in attempt; None when there is no such account."""
    row = (
        await connection.execute(
            _COUNT_ATTEMPT,
            {"email": email, "now": now, "maximum": MAXIMUM_FAILURES, "lock_until": now + LOCK_TIME},
        )
    ).first()
    return None if row is None else LoginAttempt._make(row)


async def record_success(connection: AsyncConnection, user_id: int, now: datetime, new_hash: str | None) -> None:
    """Forget failures and, where a better hash was made, keep that."""
    await connection.execute(_RECORD_SUCCESS, {"user_id": user_id, "now": now, "new_hash": new_hash})


async def find_account(connection: AsyncConnection, user_id: int, now: datetime) -> Account | None:
    """The account with the roles that have not expired, highest rank first."""
    row = (await connection.execute(_ACCOUNT, {"user_id": user_id, "now": now})).first()
    return None if row is None else Account._make(row)


async def insert_refresh_token(
    connection: AsyncConnection,
    *,
    user_id: int,
    session_id: UUID,
    token_hash: bytes,
    now: datetime,
    expires_at: datetime,
    device: str | None,
    address: str | None,
) -> None:
    """Store the newest token of a session."""
    await connection.execute(
        _INSERT_TOKEN,
        {
            "user_id": user_id,
            "session_id": session_id,
            "token_hash": token_hash,
            "now": now,
            "expires_at": expires_at,
            "device": device,
            "address": address,
        },
    )


async def use_refresh_token(connection: AsyncConnection, token_hash: bytes, now: datetime) -> StoredRefreshToken | None:
    """Mark an unused, valid token as used; of many parallel callers exactly one gets it."""
    row = (await connection.execute(_USE_TOKEN, {"token_hash": token_hash, "now": now})).first()
    return None if row is None else StoredRefreshToken._make(row)


async def find_refresh_token(connection: AsyncConnection, token_hash: bytes) -> StoredRefreshToken | None:
    """A token in whatever state."""
    row = (await connection.execute(_FIND_TOKEN, {"token_hash": token_hash})).first()
    return None if row is None else StoredRefreshToken._make(row)


async def revoke_session(connection: AsyncConnection, *, user_id: int, session_id: UUID, now: datetime) -> int:
    """End a session; returns how many tokens were still open."""
    result = await connection.execute(_REVOKE_SESSION, {"user_id": user_id, "session_id": session_id, "now": now})
    return result.rowcount


async def raise_token_epoch(connection: AsyncConnection, user_id: int) -> int:
    """Make every access token issued so far useless; returns the new epoch."""
    epoch: int = (await connection.execute(_RAISE_EPOCH, {"user_id": user_id})).scalar_one()
    return epoch


async def open_sessions(connection: AsyncConnection, user_id: int, now: datetime) -> list[OpenSession]:
    """Sessions that can still be refreshed, newest first."""
    rows = await connection.execute(_OPEN_SESSIONS, {"user_id": user_id, "now": now})
    return [OpenSession._make(row) for row in rows]
