"""Accounts and refresh tokens in the database. Every change is one atomic statement: no read-modify-write."""

import json
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.pipeline import Call, Row, Statement

MAXIMUM_FAILURES = 5
LOCK_TIME = timedelta(minutes=30)


class LoginAttempt(NamedTuple):
    """An account whose attempt was counted; it must not be verified while the account is locked."""

    user_id: int
    password_hash: str
    is_active: bool
    locked_seconds: int
    """How long the account stays locked; 0 when it is not."""


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


class NewToken(NamedTuple):
    """A refresh token to store, and where it was asked for."""

    session_id: UUID
    token_hash: bytes
    expires_at: datetime
    device: str | None
    address: str | None


class OpenSession(NamedTuple):
    """A session that can still be refreshed."""

    session_id: UUID
    started_at: datetime
    last_used_at: datetime
    device: str | None
    address: str | None


# The attempt is counted before the password is verified, so that parallel guesses cannot share one count. The fifth
# attempt locks at once; success unlocks again.
COUNT_ATTEMPT = Statement(
    b"ip2a_count_attempt",
    b"""
    WITH before AS (
        SELECT id, coalesce(locked_until > $2::timestamptz, false) AS locked,
               CASE WHEN locked_until <= $2::timestamptz THEN 0 ELSE failed_login_attempts END AS failures
        FROM users WHERE email = $1::varchar FOR UPDATE)
    UPDATE users SET
        failed_login_attempts = CASE WHEN before.locked THEN failed_login_attempts ELSE before.failures + 1 END,
        locked_until = CASE WHEN before.locked THEN locked_until
                            WHEN before.failures + 1 >= $3::integer THEN $4::timestamptz END
    FROM before WHERE users.id = before.id
    RETURNING users.id, password_hash, is_active,
        CASE WHEN before.locked THEN greatest(1, floor(extract(epoch FROM users.locked_until - $2::timestamptz)))
             ELSE 0 END::integer
    """,
)

BEGIN_SESSION = Statement(
    b"ip2a_begin_session",
    b"""
    WITH account AS (
        UPDATE users SET failed_login_attempts = 0, locked_until = NULL, last_login_at = $2::timestamptz,
            password_hash = coalesce($3::varchar, password_hash)
        WHERE id = $1::integer AND is_active
        RETURNING id, email, first_name, last_name, member_id, is_active, token_epoch),
    token AS (
        INSERT INTO refresh_tokens (user_id, session_id, token_hash, issued_at, expires_at, device, address)
        SELECT id, $4::uuid, $5::bytea, $2::timestamptz, $6::timestamptz, $7::varchar, $8::varchar FROM account)
    SELECT json_build_object('user_id', a.id, 'email', a.email, 'first_name', a.first_name,
        'last_name', a.last_name, 'member_id', a.member_id, 'is_active', a.is_active, 'token_epoch', a.token_epoch,
        'roles', array(SELECT r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id
                       WHERE ur.user_id = a.id AND (ur.expires_at IS NULL OR ur.expires_at > $2::timestamptz)
                       ORDER BY r.level DESC))::text
    FROM account a
    """,
)
"""What follows a password that was right: failures forgotten, a better hash kept, the session's first token stored.
Answers the Account as JSON, or nothing where it is no longer active."""

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
    ORDER BY 3 DESC, session_id LIMIT :limit
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


def count_attempt(email: str, now: datetime) -> Call:
    """Counts a log-in attempt; `login_attempt` reads the answer."""
    until = now + LOCK_TIME
    return COUNT_ATTEMPT, (email.encode(), _time(now), b"%d" % MAXIMUM_FAILURES, _time(until))


def login_attempt(rows: list[Row]) -> LoginAttempt | None:
    """The account of a counted attempt; None when there is none."""
    if not rows:
        return None
    user_id, password_hash, is_active, seconds = (value or b"" for value in rows[0])
    return LoginAttempt(int(user_id), password_hash.decode(), is_active == b"t", int(seconds))


def begin_session(user_id: int, token: NewToken, new_hash: str | None, now: datetime) -> Call:
    """Notes a successful log-in and stores its session's first token; `account` reads the answer."""
    return BEGIN_SESSION, (
        b"%d" % user_id,
        _time(now),
        _text(new_hash),
        str(token.session_id).encode(),
        b"\\x" + token.token_hash.hex().encode(),
        _time(token.expires_at),
        _text(token.device),
        _text(token.address),
    )


def account(rows: list[Row]) -> Account | None:
    """The account of a session that began; None when it is not active."""
    return Account(**json.loads(rows[0][0] or b"")) if rows else None


async def find_account(connection: AsyncConnection, user_id: int, now: datetime) -> Account | None:
    """The account with the roles that have not expired, highest rank first."""
    row = (await connection.execute(_ACCOUNT, {"user_id": user_id, "now": now})).first()
    return None if row is None else Account._make(row)


async def insert_refresh_token(connection: AsyncConnection, user_id: int, token: NewToken, now: datetime) -> None:
    """Store the newest token of a session."""
    await connection.execute(_INSERT_TOKEN, {"user_id": user_id, "now": now, **token._asdict()})


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


async def open_sessions(connection: AsyncConnection, user_id: int, now: datetime, limit: int) -> list[OpenSession]:
    """Sessions that can still be refreshed, newest first."""
    rows = await connection.execute(_OPEN_SESSIONS, {"user_id": user_id, "now": now, "limit": limit})
    return [OpenSession._make(row) for row in rows]


def _time(moment: datetime) -> bytes:
    return moment.isoformat().encode()


def _text(value: str | None) -> bytes | None:
    return None if value is None else value.encode()
