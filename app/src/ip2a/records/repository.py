"""Plain records in the database: one statement a function, whatever the table."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, RowMapping, Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.base import Record


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
    statement = shown.where(model.id < before, *conditions).order_by(model.id.desc()).limit(limit)
    return (await connection.execute(statement)).mappings().all()


async def find(
    connection: AsyncConnection, shown: Select[tuple[object, ...]], model: type[Record], identifier: int
) -> RowMapping | None:
    """One row, or None where there is none to be seen."""
    return (await connection.execute(shown.where(model.id == identifier))).mappings().one_or_none()


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
        .where(model.id == identifier, model.version == version)
        .values(**values, version=model.version + 1, updated_at=func.now())
    )
    return result.rowcount == 1


async def exists(connection: AsyncConnection, model: type[Record], identifier: int) -> bool:
    """Whether there is such a row to be seen."""
    return (await connection.execute(select(model.id).where(model.id == identifier))).first() is not None
