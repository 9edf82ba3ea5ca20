"""Use cases of plain records: one transaction each; what the database refuses becomes a problem naming the field."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import psycopg
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.audit.service import record_read
from ip2a.database.base import Record
from ip2a.records import repository
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before
from ip2a.web.problems import Problem

Item = TypeVar("Item", bound=BaseModel)


@dataclass(frozen=True)
class Kind(Generic[Item]):
    """A kind of plain record.

    `shown` selects the columns of `item`; `refused` maps names of CHECK and UNIQUE constraints to what the caller is
    told; `subject` is what the cache forgets after a change.
    """

    name: str
    model: type[Record]
    item: type[Item]
    shown: Select[Any]
    refused: Mapping[str, str] = field(default_factory=dict)
    subject: bytes | None = None
    of_member: bool = True  # personal data: reading is recorded

    @property
    def table(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)

    def missing(self) -> Problem:
        """There is none, or the caller may not see it."""
        return Problem(404, f"no-such-{self.name}", f"There is no such {self.name.replace('-', ' ')}.")


async def page(
    runtime: Runtime,
    caller: Caller,
    kind: Kind[Item],
    conditions: Sequence[ColumnElement[bool]],
    *,
    before: str | None,
    limit: int,
    of: tuple[type[Record], int] | None = None,
) -> Page[Item]:
    """Records, newest first; with `of`, those of a row that must exist (Problem 404).

    Reading personal data is recorded.
    """
    if kind.of_member:
        await record_read(runtime, caller, kind.table)
    async with caller.transaction(runtime.databases) as connection:
        if of is not None and not await repository.exists(connection, *of):
            raise Problem(404, "not-found", "There is nothing to be seen here.")
        rows = await repository.page(
            connection, kind.shown, kind.model, conditions, before=read_before(before), limit=limit + 1
        )
    return page_of(kind.item, rows, limit, lambda item: encode("", getattr(item, "id")))  # noqa: B009 (of any item)


async def one(runtime: Runtime, caller: Caller, kind: Kind[Item], identifier: int) -> Item:
    """One record; Problem 404. Reading personal data is recorded."""
    item = await read(runtime, caller, kind, identifier)
    if kind.of_member:
        await record_read(runtime, caller, kind.table, identifier, getattr(item, "member_id", None))
    return item


async def read(runtime: Runtime, caller: Caller, kind: Kind[Item], identifier: int) -> Item:
    """One record, for what is about to be written; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        return await _shown(connection, kind, identifier)


async def _shown(connection: AsyncConnection, kind: Kind[Item], identifier: int) -> Item:
    row = await repository.find(connection, kind.shown, kind.model, identifier)
    if row is None:
        raise kind.missing()
    return kind.item.model_validate(dict(row))


async def add(
    runtime: Runtime, caller: Caller, kind: Kind[Item], values: Mapping[str, object], *subjects: bytes
) -> Item:
    """A new record.

    Raises Problem 409 (there is one already), 422 (a reference leads nowhere, a rule is broken).
    """
    async with refusals(kind), runtime.writer.transaction(caller.identity, _subjects(kind, subjects)) as writing:
        identifier = await repository.add(writing.connection, kind.model, values)
        item = await _shown(writing.connection, kind, identifier)
    caller.wrote(writing.lsn)
    return item


async def change(
    runtime: Runtime,
    caller: Caller,
    kind: Kind[Item],
    identifier: int,
    values: Mapping[str, object],
    *subjects: bytes,
) -> Item:
    """Change the given fields of the `version` among them.

    Raises Problem 404, 409 (somebody else changed it meanwhile; there is one already), 422.
    """
    fields = {name: value for name, value in values.items() if name != "version"}
    version = values["version"]
    assert isinstance(version, int)  # noqa: S101 (every schema of a change has it)
    async with refusals(kind), runtime.writer.transaction(caller.identity, _subjects(kind, subjects)) as writing:
        if not await repository.change(writing.connection, kind.model, identifier, version, fields):
            if await repository.exists(writing.connection, kind.model, identifier):
                raise stale()
            raise kind.missing()
        item = await _shown(writing.connection, kind, identifier)
    caller.wrote(writing.lsn)
    return item


def stale() -> Problem:
    """Another version is there by now."""
    return Problem(409, "stale-version", "`version` is not the newest: somebody changed the record. Load it again.")


def _subjects(kind: Kind[Item], subjects: Sequence[bytes]) -> list[bytes]:
    return [*subjects, *([kind.subject] if kind.subject else [])]


@asynccontextmanager
async def refusals(kind: Kind[Any]) -> AsyncIterator[None]:
    """What the database refuses of a kind becomes a problem that names the field."""
    try:
        yield
    except IntegrityError as error:
        raise refusal(kind, error) from None


def refusal(kind: Kind[Any], error: IntegrityError) -> Problem:
    """What the constraint says, in words."""
    cause = error.orig
    name = (cause.diag.constraint_name or "") if isinstance(cause, psycopg.Error) else ""
    if isinstance(cause, psycopg.errors.ForeignKeyViolation):
        column = name.removeprefix(f"fk_{kind.table}_")
        return Problem(422, "no-such-reference", f"`{column}` names nothing that exists.")
    if isinstance(cause, psycopg.errors.NotNullViolation):
        return Problem(422, "refused", f"`{cause.diag.column_name}` may not be empty.")
    said = kind.refused.get(name, "The values contradict each other or what is there already.")
    if isinstance(cause, psycopg.errors.UniqueViolation):
        return Problem(409, "exists-already", said)
    return Problem(422, "refused", said)
