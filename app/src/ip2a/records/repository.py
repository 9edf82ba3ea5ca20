"""Plain records in the database: one statement a function, whatever the table."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, RowMapping, Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.base import Record, Removable


def living(model: type[Record]) -> list[ColumnElement[bool]]:
    """Rows that are not deleted, where a table knows of such."""
    return [model.deleted_at.is_(None)] if issubclass(model, Removable) else []


async def page(
    connection: AsyncConnection,
    shown: Select[tuple[object, ...]],
    model: type[Record],
    conditions: Sequence[ColumnElement[bool]],
    *,
    before: int,
    limit: int,
) -> Sequence[RowMapping]:
    """Rows with an id below `before`, the newest first."""
    statement = shown.where(model.id < before, *living(model), *conditions).order_by(model.id.desc()).limit(limit)
    return (await connection.execute(statement)).mappings().all()


async def find(
    connection: AsyncConnection, shown: Select[tuple[object, ...]], model: type[Record], identifier: int
) -> RowMapping | None:
    """One row that is not deleted, or None where there is none to be seen."""
    statement = shown.where(model.id == identifier, *living(model))
    return (await connection.execute(statement)).mappings().one_or_none()


async def add(connection: AsyncConnection, model: type[Record], values: Mapping[str, object]) -> int:
    """Insert a row; returns its id."""
    identifier: int = (await connection.execute(insert(model).values(**values).returning(model.id))).scalar_one()
    return identifier


async def change(
    connection: AsyncConnection, model: type[Record], identifier: int, version: int, values: Mapping[str, object]
) -> bool:
    """Turn `version` of a row into the next; False when the row has another version by now, or is none to be seen."""
    result = await connection.execute(
        update(model)
        .where(model.id == identifier, model.version == version, *living(model))
        .values(**values, version=model.version + 1, updated_at=func.now())
    )
    return result.rowcount == 1


async def exists(connection: AsyncConnection, model: type[Record], identifier: int) -> bool:
    """Whether there is such a row to be seen, not deleted."""
    statement = select(model.id).where(model.id == identifier, *living(model))
    return (await connection.execute(statement)).first() is not None


async def delete(connection: AsyncConnection, model: type[Removable], identifier: int) -> bool:
    """Mark a row as deleted; False when it is, or there is none to be seen."""
    return await _mark(connection, model, identifier, deleted=True)


async def restore(connection: AsyncConnection, model: type[Removable], identifier: int) -> bool:
    """Take the mark from a deleted row; False when it has none, or there is none to be seen."""
    return await _mark(connection, model, identifier, deleted=False)


async def _mark(connection: AsyncConnection, model: type[Removable], identifier: int, *, deleted: bool) -> bool:
    result = await connection.execute(
        update(model)
        .where(model.id == identifier, model.deleted_at.is_(None) if deleted else model.deleted_at.is_not(None))
        .values(deleted_at=func.now() if deleted else None, version=model.version + 1, updated_at=func.now())
    )
    return result.rowcount == 1


async def deleted(
    connection: AsyncConnection, shown: Select[tuple[object, ...]], model: type[Removable], *, before: int, limit: int
) -> Sequence[RowMapping]:
    """Deleted rows with an id below `before`, the newest first."""
    statement = shown.where(model.id < before, model.deleted_at.is_not(None)).order_by(model.id.desc()).limit(limit)
    return (await connection.execute(statement)).mappings().all()
