"""Asking for reports, seeing how far they are, downloading and deleting them. Making them is the worker's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import RowMapping

from ip2a.audit.service import record_read
from ip2a.database.identity import transaction
from ip2a.referrals.rules import local
from ip2a.reports import repository
from ip2a.reports.contents import CONTENTS
from ip2a.reports.files import MEDIA_TYPES
from ip2a.reports.models import ReportKind, ReportState
from ip2a.reports.schemas import ReportItem, ReportOrder
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before
from ip2a.web.problems import Problem
from ip2a.worker.queue import enqueue


@dataclass(frozen=True)
class Download:
    """A report's file; its pieces are read while they are sent."""

    name: str
    media_type: str
    size: int
    content: AsyncIterator[bytes]


def permitted_kinds(caller: Caller) -> list[ReportKind]:
    """The reports that the caller may ask for."""
    return [kind for kind, content in CONTENTS.items() if all(map(caller.may, content.permissions))]


async def ask(runtime: Runtime, caller: Caller, order: ReportOrder) -> ReportItem:
    """Have a report made. Asking again while it is not finished changes nothing and tells how far it is.

    Raises Problem 403, 409 when the account has too many.
    """
    _check_permitted(caller, order.kind)
    wanted = repository.Wanted(order.kind.value, order.format.value, order.parameters())
    async with caller.transaction(runtime.databases) as connection:
        for _ in range(2):  # the same one may be finished between the two statements
            row = await repository.insert(connection, wanted)
            if row is not None:
                await enqueue(connection, "report", {"report_id": row["id"]}, unique_key=f"report:{row['id']}")
                return ReportItem.model_validate(dict(row))
            row = await repository.unfinished(connection, wanted)
            if row is not None:
                return ReportItem.model_validate(dict(row))
    raise Problem(
        409,
        "too-many-reports",
        f"{repository.UNFINISHED_AT_MOST} reports at once and {repository.KEPT_AT_MOST} kept are the most for one"
        " account; wait for one to be finished, or delete some.",
    )


async def page(runtime: Runtime, caller: Caller, *, before: str | None, limit: int) -> Page[ReportItem]:
    """The caller's reports, newest first."""
    kinds = [kind.value for kind in permitted_kinds(caller)]
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(connection, kinds, before=read_before(before), limit=limit + 1)
    return page_of(ReportItem, rows, limit, lambda item: encode("", item.id))


async def one(runtime: Runtime, caller: Caller, report_id: int) -> ReportItem:
    """One of the caller's reports. Raises Problem 403, 404."""
    return ReportItem.model_validate(dict(await _row(runtime, caller, report_id)))


async def download(runtime: Runtime, caller: Caller, report_id: int) -> Download:
    """The file; the download is recorded. Raises Problem 403, 404, 409 while there is none."""
    row = await _row(runtime, caller, report_id)
    if row["state"] != ReportState.DONE:
        raise Problem(409, "not-ready", row["failure"] or "The report is not finished yet; look again in a moment.")
    await record_read(runtime, caller, "reports", report_id)
    item = ReportItem.model_validate(dict(row))
    return Download(
        file_name(item), MEDIA_TYPES[item.format], row["size_bytes"], _pieces(runtime, caller, report_id, row)
    )


async def delete(runtime: Runtime, caller: Caller, report_id: int) -> None:
    """Delete it with its file, finished or not. Raises Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        if not await repository.delete(connection, report_id):
            raise _missing()


def file_name(item: ReportItem) -> str:
    """roster-2026-11-27.xlsx, by the local's day."""
    return f"{item.kind.value.replace('_', '-')}-{local(item.created_at):%Y-%m-%d}.{item.format.value}"


async def _pieces(runtime: Runtime, caller: Caller, report_id: int, row: RowMapping) -> AsyncIterator[bytes]:
    """Each piece by its own short transaction, so that a slow reader holds no connection."""
    sent, number = 0, 0
    while sent < row["size_bytes"]:
        async with transaction(runtime.databases.write, caller.identity) as connection:
            content = await repository.chunk(connection, report_id, number)
        if content is None:
            raise _missing()  # deleted meanwhile: the client sees that the file is not whole
        yield content
        sent, number = sent + len(content), number + 1


async def _row(runtime: Runtime, caller: Caller, report_id: int) -> RowMapping:
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.one(connection, report_id)
    if row is None:
        raise _missing()
    _check_permitted(caller, ReportKind(row["kind"]))
    return row


def _check_permitted(caller: Caller, kind: ReportKind) -> None:
    for permission in CONTENTS[kind].permissions:
        caller.need(permission)


def _missing() -> Problem:
    return Problem(404, "not-found", "There is no such report; they are kept for 7 days.")
