"""Deleting a record, seeing what is deleted, restoring it: one transaction each, which the audit trail has."""

from collections.abc import Awaitable, Callable

from ip2a.audit.service import record_read
from ip2a.records import repository
from ip2a.records import service as records
from ip2a.removals.kinds import REMOVALS, RemovedKind
from ip2a.removals.schemas import RemovedItem, Restoration
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before


async def delete(runtime: Runtime, caller: Caller, kind: RemovedKind, identifier: int) -> None:
    """Delete a record: it is in no list any more, and an administrator may restore it.

    Raises Problem 403, 404, 409 (something stands in the way, which is named).
    """
    removal = REMOVALS[kind]
    caller.need(removal.permission)
    async with runtime.writer.transaction(caller.identity, []) as writing:
        await removal.refuse(writing.connection, caller, identifier)
        if not await repository.delete(writing.connection, removal.model, identifier):
            raise removal.kind.missing()
        writing.subjects += await removal.subjects(writing.connection, identifier)
    caller.wrote(writing.lsn)


def deleting(kind: RemovedKind) -> Callable[[Runtime, Caller, int], Awaitable[None]]:
    """`delete` of one kind."""

    async def delete_one(runtime: Runtime, caller: Caller, identifier: int) -> None:
        await delete(runtime, caller, kind, identifier)

    return delete_one


async def deleted(
    runtime: Runtime, caller: Caller, kind: RemovedKind, *, before: str | None, limit: int
) -> Page[RemovedItem]:
    """Deleted records of a kind, newest first; the reading is recorded."""
    removal = REMOVALS[kind]
    await record_read(runtime, caller, removal.kind.table)
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.deleted(
            connection, removal.kind.shown, removal.model, before=read_before(before), limit=limit + 1
        )
    shown = [
        {"id": row["id"], "kind": kind, "name": removal.named(dict(row)), "deleted_at": row["deleted_at"]}
        for row in rows
    ]
    return page_of(RemovedItem, shown, limit, lambda item: encode("", item.id))


async def restore(runtime: Runtime, caller: Caller, restoration: Restoration) -> None:
    """A deleted record is as it was before.

    Raises Problem 404 where there is none, 409 (another one has its place by now).
    """
    removal = REMOVALS[restoration.kind]
    async with records.refusals(removal.kind), runtime.writer.transaction(caller.identity, []) as writing:
        if not await repository.restore(writing.connection, removal.model, restoration.record_id):
            raise removal.kind.missing()
        writing.subjects += await removal.subjects(writing.connection, restoration.record_id)
    caller.wrote(writing.lsn)
