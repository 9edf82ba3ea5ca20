"""Accounts in the database, for administrators."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = """u.id, u.email, u.first_name, u.last_name, u.member_id, u.is_active, u.is_verified,
    u.must_change_password, u.failed_login_attempts, u.locked_until, u.last_login_at, u.created_at,
    coalesce((SELECT json_agg(json_build_object('role', r.name, 'expires_at', ur.expires_at) ORDER BY r.level DESC)
              FROM user_roles ur JOIN roles r ON r.id = ur.role_id
              WHERE ur.user_id = u.id AND (ur.expires_at IS NULL OR ur.expires_at > :now)), '[]') AS roles"""
# ~>=~ and ~<~ compare bytes: leakproof, so that the prefix indexes serve behind row-level security, where LIKE may not.
_PAGE = text(
    f"""
    SELECT {_COLUMNS} FROM users u
    WHERE u.email > :after
        AND (cast(:prefix AS text) IS NULL OR (u.email ~>=~ :prefix AND u.email ~<~ :behind)
             OR (u.last_name_key ~>=~ :prefix AND u.last_name_key ~<~ :behind))
        AND (cast(:role AS text) IS NULL OR EXISTS (
            SELECT FROM user_roles ur JOIN roles r ON r.id = ur.role_id
            WHERE ur.user_id = u.id AND r.name = :role AND (ur.expires_at IS NULL OR ur.expires_at > :now)))
    ORDER BY u.email LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_ONE = text(f"SELECT {_COLUMNS} FROM users u WHERE u.id = :id")  # noqa: S608 (constant columns)
_INSERT = text(
    """
    INSERT INTO users (email, password_hash, first_name, last_name, member_id)
    VALUES (:email, :password_hash, :first_name, :last_name, :member_id) RETURNING id
    """
)
_CHANGE = text(
    """
    UPDATE users SET updated_at = now(),
        is_verified = is_verified AND email = coalesce(:email, email),
        email = coalesce(:email, email), first_name = coalesce(:first_name, first_name),
        last_name = coalesce(:last_name, last_name),
        member_id = CASE WHEN :links THEN cast(:member_id AS integer) ELSE member_id END
    WHERE id = :id
    """
)
_END_ROLES = text(
    "DELETE FROM user_roles WHERE user_id = :id AND role_id NOT IN (SELECT id FROM roles WHERE name = ANY(:names))"
)
_GIVE_ROLES = text(
    """
    INSERT INTO user_roles (user_id, role_id, expires_at)
    SELECT :id, r.id, wanted.expires_at
    FROM unnest(cast(:names AS text[]), cast(:ends AS timestamptz[])) AS wanted (name, expires_at)
    JOIN roles r ON r.name = wanted.name
    ON CONFLICT (user_id, role_id) DO UPDATE SET expires_at = excluded.expires_at
    WHERE user_roles.expires_at IS DISTINCT FROM excluded.expires_at
    """
)
# Two administrators must not take each other's role away at the same moment: the last one would be nobody.
_LOCK_ADMINISTRATORS = text("SELECT pg_advisory_xact_lock(x'1B2AAD31'::integer)")
_ADMINISTRATORS = text(
    """
    SELECT count(*) FROM users u WHERE u.is_active AND EXISTS (
        SELECT FROM user_roles ur JOIN roles r ON r.id = ur.role_id
        WHERE ur.user_id = u.id AND r.name = 'admin' AND ur.expires_at IS NULL)
    """
)
_LOCK = text(
    """
    UPDATE users SET is_active = false, token_epoch = token_epoch + 1, updated_at = now()
    WHERE id = :id AND is_active RETURNING id
    """
)
_UNLOCK = text(
    """
    UPDATE users SET is_active = true, failed_login_attempts = 0, locked_until = NULL, updated_at = now()
    WHERE id = :id AND NOT ended_with_member RETURNING id
    """
)
_RAISE_EPOCH = text("UPDATE users SET token_epoch = token_epoch + 1, updated_at = now() WHERE id = :id RETURNING id")
_FORCE_RESET = text(
    """
    UPDATE users SET must_change_password = true, token_epoch = token_epoch + 1, updated_at = now()
    WHERE id = :id AND is_active RETURNING id
    """
)
_END_SESSIONS = text(
    """
    WITH ended AS (
        UPDATE refresh_tokens SET revoked_at = :now WHERE user_id = :id AND revoked_at IS NULL
        RETURNING session_id, used_at, expires_at)
    SELECT count(DISTINCT session_id) FROM ended WHERE used_at IS NULL AND expires_at > :now
    """
)


async def page(
    connection: AsyncConnection, *, prefix: str | None, role: str | None, after: str, limit: int, now: datetime
) -> list[RowMapping]:
    """Accounts by address, whose address or last name begins with `prefix`, and that hold `role`."""
    parameters = {
        "prefix": prefix,
        "behind": None if prefix is None else prefix + "\U0010ffff",
        "role": role,
        "after": after,
        "limit": limit,
        "now": now,
    }
    return list((await connection.execute(_PAGE, parameters)).mappings())


async def find(connection: AsyncConnection, user_id: int, now: datetime) -> RowMapping | None:
    """One account."""
    return (await connection.execute(_ONE, {"id": user_id, "now": now})).mappings().first()


async def insert(connection: AsyncConnection, values: Mapping[str, object]) -> int:
    """A new account without roles; returns its id.

    Raises IntegrityError when the address or the member has one, or there is no such member.
    """
    identifier: int = (await connection.execute(_INSERT, dict(values))).scalar_one()
    return identifier


async def change(connection: AsyncConnection, user_id: int, values: Mapping[str, object], *, links: bool) -> bool:
    """Change what is not None, and the member if it `links`; False when there is no such account.

    Raises IntegrityError like `insert`.
    """
    return (await connection.execute(_CHANGE, {**values, "id": user_id, "links": links})).rowcount == 1


async def set_roles(
    connection: AsyncConnection, user_id: int, names: Sequence[str], ends: Sequence[datetime | None]
) -> None:
    """Exactly these roles."""
    await connection.execute(_END_ROLES, {"id": user_id, "names": list(names)})
    await connection.execute(_GIVE_ROLES, {"id": user_id, "names": list(names), "ends": list(ends)})


async def lock_administrators(connection: AsyncConnection) -> None:
    """Let nobody else change who administers until the transaction ends."""
    await connection.execute(_LOCK_ADMINISTRATORS)


async def administrators(connection: AsyncConnection) -> int:
    """How many active accounts administer for good."""
    counted: int = (await connection.execute(_ADMINISTRATORS)).scalar_one()
    return counted


async def lock(connection: AsyncConnection, user_id: int) -> bool:
    """Nobody logs in as it, and its access tokens end; False when it is locked or there is none."""
    return (await connection.execute(_LOCK, {"id": user_id})).first() is not None


async def unlock(connection: AsyncConnection, user_id: int) -> bool:
    """It may log in again, also after too many failures; False when there is none."""
    return (await connection.execute(_UNLOCK, {"id": user_id})).first() is not None


async def raise_epoch(connection: AsyncConnection, user_id: int) -> bool:
    """Its access tokens end; False when there is no such account."""
    return (await connection.execute(_RAISE_EPOCH, {"id": user_id})).first() is not None


async def force_reset(connection: AsyncConnection, user_id: int) -> bool:
    """Its owner must choose a new password; False when there is no such active account."""
    return (await connection.execute(_FORCE_RESET, {"id": user_id})).first() is not None


async def end_sessions(connection: AsyncConnection, user_id: int, now: datetime) -> int:
    """End every session; returns how many were open."""
    counted: int = (await connection.execute(_END_SESSIONS, {"id": user_id, "now": now})).scalar_one()
    return counted
