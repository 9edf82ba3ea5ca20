"""The audit trail in the database: inserts of reads, and views by keyset. There is no update and no delete."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.audit.models import AuditAction


class ReadEntry(NamedTuple):
    """One read of personal data; `record_id` is `*` for a list."""

    user_id: int
    table_name: str
    record_id: str
    member_id: int | None
    action: AuditAction
    address: str
    correlation_id: str


class Filter(NamedTuple):
    """Which records to show, from `since` on and before `until`; None does not restrict."""

    table_name: str | None
    record_id: str | None
    user_id: int | None
    member_id: int | None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_INSERT_READS = text(
    """
    INSERT INTO audit_logs (user_id, table_name, record_id, member_id, action, address, correlation_id)
    SELECT * FROM unnest(cast(:user_ids AS integer[]), cast(:tables AS text[]), cast(:records AS text[]),
        cast(:members AS integer[]), cast(:actions AS text[]), cast(:addresses AS text[]),
        cast(:correlations AS text[]))
    """
)

_PAGE = text(
    """
    SELECT a.id, a.changed_at, a.table_name, a.record_id, a.action, a.member_id, a.user_id, a.old_values, a.new_values,
        a.changed_fields, a.address, a.correlation_id
    FROM audit_logs a
    WHERE (cast(:table_name AS text) IS NULL OR a.table_name = :table_name)
        AND (cast(:record_id AS text) IS NULL OR a.record_id = :record_id)
        AND (cast(:user_id AS integer) IS NULL OR a.user_id = :user_id)
        AND (cast(:member_id AS integer) IS NULL OR a.member_id = :member_id)
        AND (cast(:action AS text) IS NULL OR a.action = :action)
        AND (cast(:since AS timestamptz) IS NULL OR a.changed_at >= :since)
        AND (cast(:until AS timestamptz) IS NULL OR a.changed_at < :until)
        AND (cast(:before_time AS timestamptz) IS NULL
             OR (a.changed_at, a.id) < (:before_time, cast(:before_id AS bigint)))
    ORDER BY a.changed_at DESC, a.id DESC LIMIT :limit
    """
)

_NAMES = text("SELECT id, first_name || ' ' || last_name AS name FROM users WHERE id = ANY(cast(:ids AS integer[]))")


async def insert_reads(connection: AsyncConnection, entries: Sequence[ReadEntry]) -> None:
    """Write many reads in one statement."""
    await connection.execute(
        _INSERT_READS,
        {
            "user_ids": [entry.user_id for entry in entries],
            "tables": [entry.table_name for entry in entries],
            "records": [entry.record_id for entry in entries],
            "members": [entry.member_id for entry in entries],
            "actions": [entry.action.value for entry in entries],
            "addresses": [entry.address for entry in entries],
            "correlations": [entry.correlation_id for entry in entries],
        },
    )


async def page(
    connection: AsyncConnection, wanted: Filter, *, before: tuple[datetime, int] | None, limit: int
) -> list[RowMapping]:
    """Up to `limit` records the caller may see (row-level security decides), newest first."""
    parameters = {
        **wanted._asdict(),
        "before_time": before[0] if before else None,
        "before_id": before[1] if before else None,
        "limit": limit,
    }
    return list((await connection.execute(_PAGE, parameters)).mappings())


async def names(connection: AsyncConnection, user_ids: Sequence[int]) -> dict[int, str]:
    """The names of the accounts that the caller may see."""
    rows = await connection.execute(_NAMES, {"ids": list(user_ids)})
    return {int(row.id): str(row.name) for row in rows}


async def ensure_partitions(connection: AsyncConnection, first: datetime, months: int) -> int:
    """Create the partitions of `months` months from `first`'s on; returns how many were missing."""
    made: int = (
        await connection.execute(
            text("SELECT ip2a_ensure_audit_partitions(cast(:first AS date), :months)"),
            {"first": first.date(), "months": months},
        )
    ).scalar_one()
    return made
