"""Mailed tokens and passwords in the database. Every change is one atomic statement."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.auth.models import TokenPurpose


class Holder(NamedTuple):
    """The active account that a token or an address belongs to."""

    user_id: int
    email: str
    first_name: str
    last_name: str


_COLUMNS = "u.id, u.email, u.first_name, u.last_name"
_BY_EMAIL = text(f"SELECT {_COLUMNS} FROM users u WHERE u.email = :email AND u.is_active")  # noqa: S608 (constant)
_BY_ID = text(f"SELECT {_COLUMNS} FROM users u WHERE u.id = :id AND u.is_active")  # noqa: S608 (constant)
_VALID = (
    "t.token_hash = :token_hash AND t.purpose = ANY(:purposes) AND t.used_at IS NULL AND t.expires_at > :now"
    " AND t.email = u.email AND u.is_active"
)
_BY_TOKEN = text(
    f"SELECT {_COLUMNS} FROM email_tokens t JOIN users u ON u.id = t.user_id WHERE {_VALID}"  # noqa: S608 (constant)
)
# The newest mail is the one that counts.
_INSERT = text(
    """
    WITH older AS (
        UPDATE email_tokens SET used_at = :now
        WHERE user_id = :user_id AND purpose = :purpose AND used_at IS NULL)
    INSERT INTO email_tokens (user_id, purpose, email, token_hash, created_at, expires_at)
    VALUES (:user_id, :purpose, :email, :token_hash, :now, :expires_at)
    """
)
_USE = text(
    f"""
    UPDATE email_tokens t SET used_at = :now FROM users u WHERE u.id = t.user_id AND {_VALID}
    RETURNING {_COLUMNS}
    """  # noqa: S608 (constant)
)
_END_TOKENS = text(
    "UPDATE email_tokens SET used_at = :now WHERE user_id = :user_id AND purpose <> 'verify' AND used_at IS NULL"
)
_SET_PASSWORD = text(
    """
    UPDATE users SET password_hash = :password_hash, must_change_password = false, failed_login_attempts = 0,
        locked_until = NULL, is_verified = is_verified OR :verified, token_epoch = token_epoch + 1, updated_at = now()
    WHERE id = :user_id
    """
)
_END_SESSIONS = text("UPDATE refresh_tokens SET revoked_at = :now WHERE user_id = :user_id AND revoked_at IS NULL")
_VERIFY = text("UPDATE users SET is_verified = true, updated_at = now() WHERE id = :user_id")


async def holder_of_email(connection: AsyncConnection, email: str) -> Holder | None:
    """The active account with this address."""
    row = (await connection.execute(_BY_EMAIL, {"email": email})).first()
    return None if row is None else Holder._make(row)


async def holder(connection: AsyncConnection, user_id: int) -> Holder | None:
    """The active account."""
    row = (await connection.execute(_BY_ID, {"id": user_id})).first()
    return None if row is None else Holder._make(row)


async def holder_of_token(
    connection: AsyncConnection, token_hash: bytes, purposes: list[TokenPurpose], now: datetime
) -> Holder | None:
    """Whose valid token this is; it stays unused."""
    row = (await connection.execute(_BY_TOKEN, _token(token_hash, purposes, now))).first()
    return None if row is None else Holder._make(row)


async def use_token(
    connection: AsyncConnection, token_hash: bytes, purposes: list[TokenPurpose], now: datetime
) -> Holder | None:
    """Use a valid token; of many parallel callers exactly one gets its account."""
    row = (await connection.execute(_USE, _token(token_hash, purposes, now))).first()
    return None if row is None else Holder._make(row)


async def insert_token(
    connection: AsyncConnection,
    holder: Holder,
    purpose: TokenPurpose,
    *,
    token_hash: bytes,
    now: datetime,
    expires_at: datetime,
) -> None:
    """A new token for the account's address; earlier ones of the same purpose end."""
    values = {
        "user_id": holder.user_id,
        "purpose": purpose.value,
        "email": holder.email,
        "token_hash": token_hash,
        "now": now,
        "expires_at": expires_at,
    }
    await connection.execute(_INSERT, values)


async def set_password(
    connection: AsyncConnection, user_id: int, password_hash: str, now: datetime, *, verified: bool
) -> None:
    """Replace the password, end every session, access token and reset link, and lift a lockout."""
    await connection.execute(_SET_PASSWORD, {"user_id": user_id, "password_hash": password_hash, "verified": verified})
    await end_sessions(connection, user_id, now)
    await connection.execute(_END_TOKENS, {"user_id": user_id, "now": now})


async def end_sessions(connection: AsyncConnection, user_id: int, now: datetime) -> None:
    """No session of the account can be refreshed any more."""
    await connection.execute(_END_SESSIONS, {"user_id": user_id, "now": now})


async def verify(connection: AsyncConnection, user_id: int) -> None:
    """The account's address is its owner's."""
    await connection.execute(_VERIFY, {"user_id": user_id})


def _token(token_hash: bytes, purposes: list[TokenPurpose], now: datetime) -> dict[str, object]:
    return {"token_hash": token_hash, "purposes": [purpose.value for purpose in purposes], "now": now}
