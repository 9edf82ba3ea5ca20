"""Reports in the database: what requests ask, what the worker writes, and the rows that reports are made of."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.reports.contents import Content

UNFINISHED_AT_MOST = 5  # of one account
KEPT_AT_MOST = 50

_SHOWN = (
    "id, user_id, kind, format, parameters, state, progress, row_count, size_bytes, failure, created_at, finished_at,"
    " expires_at"
)
_INSERT = text(
    f"""
    INSERT INTO reports (user_id, kind, format, parameters, resources, position)
    SELECT ip2a_user_id(), :kind, :format, cast(:parameters AS jsonb),
        string_to_array(current_setting('ip2a.resources'), ','), (pg_current_wal_insert_lsn() - '0/0')::bigint
    FROM (SELECT count(*) AS kept, count(*) FILTER (WHERE state IN ('queued', 'running')) AS unfinished
          FROM reports WHERE user_id = ip2a_user_id() AND expires_at > now()) own
    WHERE unfinished < {UNFINISHED_AT_MOST} AND kept < {KEPT_AT_MOST}
    ON CONFLICT DO NOTHING RETURNING {_SHOWN}
    """  # noqa: S608 (constants)
).bindparams(bindparam("parameters", type_=JSONB))
_SAME = text(
    f"""
    SELECT {_SHOWN} FROM reports WHERE user_id = ip2a_user_id() AND kind = :kind AND format = :format
        AND parameters = cast(:parameters AS jsonb) AND state IN ('queued', 'running')
    """  # noqa: S608 (constants)
).bindparams(bindparam("parameters", type_=JSONB))
_ONE = text(f"SELECT {_SHOWN} FROM reports WHERE id = :id AND expires_at > now()")  # noqa: S608 (constants)
_PAGE = text(
    f"""
    SELECT {_SHOWN} FROM reports
    WHERE user_id = ip2a_user_id() AND expires_at > now() AND id < :before AND kind = ANY(:kinds)
    ORDER BY id DESC LIMIT :limit
    """  # noqa: S608 (constants)
)
_DELETE = text("DELETE FROM reports WHERE id = :id AND expires_at > now()")
_CHUNK = text("SELECT content FROM report_chunks WHERE report_id = :id AND number = :number")

_BEGIN = text(
    """
    UPDATE reports SET state = 'running', attempt = :attempt, progress = 0, updated_at = now()
    WHERE id = :id AND attempt <= :attempt AND state IN ('queued', 'running')
    RETURNING id, user_id, kind, format, parameters, resources, position
    """
)
_PROGRESS = text(
    "UPDATE reports SET progress = :progress, updated_at = now() WHERE id = :id AND attempt = :attempt"
    " AND state = 'running'"
)
_QUEUE = text("UPDATE reports SET state = 'queued' WHERE id = :id AND attempt = :attempt AND state = 'running'")
_DONE = text(
    """
    UPDATE reports SET state = 'done', progress = 100, row_count = :row_count, size_bytes = :size_bytes,
        finished_at = clock_timestamp(), expires_at = clock_timestamp() + interval '7 days', updated_at = now()
    WHERE id = :id AND attempt = :attempt AND state = 'running'
    """
)
_FAIL = text(
    """
    UPDATE reports SET state = 'failed', failure = :failure, finished_at = clock_timestamp(), updated_at = now()
    WHERE id = :id AND state IN ('queued', 'running')
    """
)
_INSERT_CHUNK = text("INSERT INTO report_chunks (report_id, number, content) VALUES (:id, :number, :content)")
_NOT_OLDER = text(
    "SELECT NOT pg_is_in_recovery() OR (pg_last_wal_replay_lsn() - '0/0')::bigint >= cast(:position AS bigint)"
)


class Wanted(NamedTuple):
    """What is asked for."""

    kind: str
    format: str
    parameters: dict[str, Any]


async def insert(connection: AsyncConnection, wanted: Wanted) -> RowMapping | None:
    """Add a report of the caller; None when the same one is unfinished, or there are too many."""
    return (await connection.execute(_INSERT, wanted._asdict())).mappings().one_or_none()


async def unfinished(connection: AsyncConnection, wanted: Wanted) -> RowMapping | None:
    """The caller's report that is this one and not finished."""
    return (await connection.execute(_SAME, wanted._asdict())).mappings().one_or_none()


async def one(connection: AsyncConnection, report_id: int) -> RowMapping | None:
    """A report that has not expired."""
    return (await connection.execute(_ONE, {"id": report_id})).mappings().one_or_none()


async def page(connection: AsyncConnection, kinds: Sequence[str], *, before: int, limit: int) -> list[RowMapping]:
    """The caller's reports of these kinds, newest first."""
    return list((await connection.execute(_PAGE, {"kinds": list(kinds), "before": before, "limit": limit})).mappings())


async def delete(connection: AsyncConnection, report_id: int) -> bool:
    """Delete the report with its file; False when there is none."""
    return (await connection.execute(_DELETE, {"id": report_id})).rowcount == 1


async def chunk(connection: AsyncConnection, report_id: int, number: int) -> bytes | None:
    """A piece of the file; None behind the last one."""
    content: bytes | None = (await connection.execute(_CHUNK, {"id": report_id, "number": number})).scalar_one_or_none()
    return content


async def begin(connection: AsyncConnection, report_id: int, attempt: int) -> RowMapping | None:
    """The worker's attempt begins; None when there is nothing to do any more."""
    return (await connection.execute(_BEGIN, {"id": report_id, "attempt": attempt})).mappings().one_or_none()


async def tell_progress(connection: AsyncConnection, report_id: int, attempt: int, progress: int) -> None:
    """Say how far it is, in percent."""
    await connection.execute(_PROGRESS, {"id": report_id, "attempt": attempt, "progress": progress})


async def put_back(connection: AsyncConnection, report_id: int, attempt: int) -> None:
    """It waits to be tried again."""
    await connection.execute(_QUEUE, {"id": report_id, "attempt": attempt})


async def fail(connection: AsyncConnection, report_id: int, failure: str) -> None:
    """There will be none."""
    await connection.execute(_FAIL, {"id": report_id, "failure": failure})


async def finish(
    connection: AsyncConnection,
    report_id: int,
    attempt: int,
    *,
    row_count: int,
    size: int,
    chunks: AsyncIterator[bytes],
) -> bool:
    """Keep the file; False when the report was deleted in the meantime."""
    values = {"id": report_id, "attempt": attempt, "row_count": row_count, "size_bytes": size}
    if (await connection.execute(_DONE, values)).rowcount == 0:
        return False
    number = 0
    async for content in chunks:
        await connection.execute(_INSERT_CHUNK, {"id": report_id, "number": number, "content": content})
        number += 1
    return True


async def is_not_older(connection: AsyncConnection, position: int) -> bool:
    """Whether this server has everything up to the WAL position."""
    answer: bool = (await connection.execute(_NOT_OLDER, {"position": position})).scalar_one()
    return answer


async def count(connection: AsyncConnection, content: Content, values: Mapping[str, Any]) -> int:
    """How many rows the report has now."""
    number: int = (await connection.execute(text(content.counting), dict(values))).scalar_one()
    return number


async def portion(
    connection: AsyncConnection,
    content: Content,
    values: Mapping[str, Any],
    *,
    after: Sequence[object] | None,
    limit: int,
) -> list[Sequence[Any]]:
    """Up to `limit` rows behind the key `after`: the columns' values, and then the key's."""
    keys = {f"after_{number}": after[number] if after else None for number in range(len(content.key))}
    parameters = {**values, **keys, "first": after is None, "limit": limit}
    return [tuple(row) for row in await connection.execute(text(content.reading), parameters)]
