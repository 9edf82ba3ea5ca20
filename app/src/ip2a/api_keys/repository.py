"""API keys in the database."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.pipeline import Statement

PRINCIPAL = Statement(
    b"ip2a_key_principal",
    b"""
    SELECT json_build_object('user_id', u.id, 'email', u.email, 'first_name', u.first_name,
            'last_name', u.last_name, 'member_id', u.member_id, 'is_active', u.is_active,
            'token_epoch', u.token_epoch,
            'roles', array(
                SELECT r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id
                WHERE ur.user_id = u.id AND (ur.expires_at IS NULL OR ur.expires_at > now())
                ORDER BY r.level DESC),
            'ended_sessions', array[]::text[],
            'api_key', json_build_object('id', k.id, 'scopes', k.scopes,
                'expires_at', extract(epoch FROM k.expires_at)))::text,
        least(3600, ceil(extract(epoch FROM
            least(k.expires_at, (SELECT min(expires_at) FROM user_roles
                                 WHERE user_id = u.id AND expires_at > now())) - now())))
    FROM api_keys k JOIN users u ON u.id = k.user_id
    WHERE k.user_id = $1::integer AND k.key_hash = $2::bytea AND k.revoked_at IS NULL AND k.expires_at > now()
    """,
)
"""What security.principal reads of a valid key and its account, and how many seconds that may be kept."""

_COLUMNS = """k.id, k.name, k.user_id, u.email, k.hint, k.scopes, k.created_at, k.expires_at, k.last_used_at,
    k.revoked_at"""
_PAGE = text(
    f"SELECT {_COLUMNS} FROM api_keys k JOIN users u ON u.id = k.user_id"  # noqa: S608 (constant columns)
    " WHERE k.id < :before ORDER BY k.id DESC LIMIT :limit"
)
_ONE = text(f"SELECT {_COLUMNS} FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = :id")  # noqa: S608
_INSERT = text(
    """
    INSERT INTO api_keys (user_id, name, hint, key_hash, scopes, created_by_id, created_at, expires_at)
    VALUES (:user_id, :name, :hint, :key_hash, :scopes, ip2a_user_id(), :now, :expires_at) RETURNING id
    """
)
_ROLES_OF = text(
    """
    SELECT u.is_active, array(SELECT r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id
        WHERE ur.user_id = u.id AND (ur.expires_at IS NULL OR ur.expires_at > :now))::text[] AS roles
    FROM users u WHERE u.id = :id
    """
)
_REVOKE = text("UPDATE api_keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL RETURNING user_id")
_USED = text(
    """
    UPDATE api_keys k SET last_used_at = used.at
    FROM unnest(cast(:ids AS integer[]), cast(:times AS timestamptz[])) AS used (id, at)
    WHERE k.id = used.id AND (k.last_used_at IS NULL OR k.last_used_at < used.at)
    """
)


async def page(connection: AsyncConnection, *, before: int, limit: int) -> list[RowMapping]:
    """Keys, the newest first, revoked and expired ones included."""
    return list((await connection.execute(_PAGE, {"before": before, "limit": limit})).mappings())


async def find(connection: AsyncConnection, key_id: int) -> RowMapping | None:
    """One key."""
    return (await connection.execute(_ONE, {"id": key_id})).mappings().first()


async def insert(connection: AsyncConnection, values: dict[str, object]) -> int:
    """A new key; returns its id."""
    identifier: int = (await connection.execute(_INSERT, values)).scalar_one()
    return identifier


async def roles_of(connection: AsyncConnection, user_id: int, now: datetime) -> list[str] | None:
    """The roles of an active account; None when there is none."""
    row = (await connection.execute(_ROLES_OF, {"id": user_id, "now": now})).first()
    return list(row.roles) if row is not None and row.is_active else None


async def revoke(connection: AsyncConnection, key_id: int, now: datetime) -> int | None:
    """End a key; returns its account, None when it is not open."""
    user_id: int | None = (await connection.execute(_REVOKE, {"id": key_id, "now": now})).scalar_one_or_none()
    return user_id


async def note_uses(connection: AsyncConnection, uses: Mapping[int, datetime]) -> None:
    """Remember when keys were last used, many in one statement."""
    await connection.execute(_USED, {"ids": list(uses), "times": list(uses.values())})
