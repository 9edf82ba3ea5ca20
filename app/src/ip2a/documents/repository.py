"""Documents in the database; row-level security decides whose."""

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.worker.queue import enqueue

MAXIMUM_DOCUMENTS = 200  # of one uploader

_COLUMNS = (
    "id, uploaded_by_id, member_id, application_id, title, category, status, object_key, media_type, size_bytes,"
    " created_at"
)
_INSERT = text(
    f"""
    INSERT INTO documents (uploaded_by_id, member_id, application_id, title, category, object_key)
    SELECT ip2a_user_id(), cast(:member_id AS integer),
        CASE WHEN :category = 'application'
             THEN (SELECT max(id) FROM applications WHERE user_id = ip2a_user_id()) END,
        :title, :category, :object_key
    WHERE (SELECT count(*) FROM documents WHERE uploaded_by_id = ip2a_user_id() AND deleted_at IS NULL) < :most
        OR (SELECT ip2a_may('files'))
    RETURNING {_COLUMNS}
    """  # noqa: S608 (constant columns)
)
_ONE = text(f"SELECT {_COLUMNS} FROM documents WHERE id = :id AND deleted_at IS NULL")  # noqa: S608 (constant columns)
_PAGE = text(
    f"""
    SELECT {_COLUMNS} FROM documents
    WHERE deleted_at IS NULL AND status <> 'rejected' AND id < :before
        AND (cast(:member_id AS integer) IS NULL OR member_id = :member_id)
        AND (NOT :own OR uploaded_by_id = ip2a_user_id() OR member_id = ip2a_member_id())
    ORDER BY id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_OF_APPLICATION = text(
    f"""
    SELECT {_COLUMNS} FROM documents
    WHERE application_id = :application_id AND deleted_at IS NULL AND status = 'ready' AND id < :before
    ORDER BY id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_READY = text(
    f"""
    UPDATE documents SET status = 'ready', object_key = :object_key, media_type = :media_type, size_bytes = :size_bytes,
        updated_at = now()
    WHERE id = :id AND status = 'uploading' RETURNING {_COLUMNS}
    """  # noqa: S608 (constant columns)
)
_REJECT = text("UPDATE documents SET status = 'rejected', updated_at = now() WHERE id = :id AND status = 'uploading'")
_DELETE = text(
    "UPDATE documents SET deleted_at = now(), updated_at = now() WHERE id = :id AND deleted_at IS NULL"
    " RETURNING object_key"
)


async def insert(
    connection: AsyncConnection, *, member_id: int | None, title: str, category: str, object_key: str
) -> RowMapping | None:
    """Add a row that waits for its file; None when the uploader has too many."""
    values = {"member_id": member_id, "title": title, "category": category, "object_key": object_key}
    return (await connection.execute(_INSERT, {**values, "most": MAXIMUM_DOCUMENTS})).mappings().one_or_none()


async def one(connection: AsyncConnection, document_id: int) -> RowMapping | None:
    """A document that is not deleted."""
    return (await connection.execute(_ONE, {"id": document_id})).mappings().one_or_none()


async def page(
    connection: AsyncConnection, *, member_id: int | None, own: bool, before: int, limit: int
) -> list[RowMapping]:
    """Documents, newest first."""
    values = {"member_id": member_id, "own": own, "before": before, "limit": limit}
    return list((await connection.execute(_PAGE, values)).mappings())


async def of_application(
    connection: AsyncConnection, application_id: int, *, before: int, limit: int
) -> list[RowMapping]:
    """Files handed in with an application, newest first."""
    values = {"application_id": application_id, "before": before, "limit": limit}
    return list((await connection.execute(_OF_APPLICATION, values)).mappings())


async def make_ready(
    connection: AsyncConnection, document: RowMapping, *, object_key: str, media_type: str, size: int
) -> RowMapping | None:
    """The file was looked at and kept; what was uploaded is removed. None when somebody else was first."""
    values = {"id": document["id"], "object_key": object_key, "media_type": media_type, "size_bytes": size}
    row = (await connection.execute(_READY, values)).mappings().one_or_none()
    await forget(connection, document["object_key"] if row is not None else object_key)
    return row


async def reject(connection: AsyncConnection, document: RowMapping) -> None:
    """The file is nothing we take."""
    await connection.execute(_REJECT, {"id": document["id"]})
    await forget(connection, document["object_key"])


async def delete(connection: AsyncConnection, document_id: int) -> bool:
    """Delete the document; its bytes go soon."""
    key = (await connection.execute(_DELETE, {"id": document_id})).scalar_one_or_none()
    if key is not None:
        await forget(connection, key)
    return key is not None


async def forget(connection: AsyncConnection, object_key: str) -> None:
    """Have the worker remove the object once this is committed."""
    await enqueue(connection, "remove-object", {"key": object_key}, unique_key=f"remove-object:{object_key}")
