"""Handler of jobs of kind `report`: reads the rows in portions on behalf of who asked, writes the file, keeps it.

Memory does not grow with the rows. A worker that dies leaves nothing behind: the next one begins anew, and what is kept
is committed together with the job's end.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import psycopg
from sqlalchemy import RowMapping
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.audit import repository as audit
from ip2a.audit.models import AuditAction
from ip2a.audit.repository import ReadEntry
from ip2a.auth import repository as accounts
from ip2a.database.identity import AUTHENTICATION, EVERY_RESOURCE, SYSTEM, Identity, transaction
from ip2a.reports import repository
from ip2a.reports.cells import cell
from ip2a.reports.choices import heading_of, values_of
from ip2a.reports.contents import CONTENTS, STANDARD, Content
from ip2a.reports.files import MOST_ROWS, ReportFile, TooLarge, open_file
from ip2a.reports.models import CHUNK_BYTES, MAXIMUM_BYTES, ReportFormat, ReportKind
from ip2a.security.permissions import permits, visible_resources
from ip2a.worker.work import Kind, Tools, Work

Answer = TypeVar("Answer")
LOGGER = logging.getLogger(__name__)
PORTION = 1000
TELL_EVERY = 1.0  # seconds between words about the progress
SECONDS = 900.0
TROUBLE = (SQLAlchemyError, psycopg.Error, OSError, TimeoutError)
NOT_ALLOWED = "The account that asked for it may not make this report any more."
GAVE_UP = "It could not be made. Ask for it again; if that fails too, tell the administrator."


class Refused(Exception):
    """There will be no such report; the message is for who asked."""


async def make_report(work: Work) -> None:
    """Make the report of the payload's `report_id`, once."""
    report_id = int(str(work.payload["report_id"]))
    async with transaction(work.tools.databases.write, SYSTEM) as connection:
        report = await repository.begin(connection, report_id, work.job.attempt)
    if report is None:
        return  # deleted, or finished by another worker
    try:
        await _make(work, report)
    except (Refused, TooLarge) as refusal:
        async with work.finishing() as connection:
            await repository.fail(connection, report_id, str(refusal))
    except Exception:
        with suppress(*TROUBLE):
            async with transaction(work.tools.databases.write, SYSTEM) as connection:
                await repository.put_back(connection, report_id, work.job.attempt)
        raise


async def _make(work: Work, report: RowMapping) -> None:
    content = CONTENTS[ReportKind(report["kind"])]
    identity = await _reader(work, report, content)
    reading = _Reading(work.tools, identity, content, values_of(report["parameters"]), report["position"])
    total = await reading.count()
    wanted = ReportFormat(report["format"])
    if total > MOST_ROWS[wanted]:
        raise Refused(
            f"There are {total:,} rows, and a file of this format takes {MOST_ROWS[wanted]:,}. Choose "
            + ("fewer rows." if wanted is ReportFormat.CSV else "CSV, or fewer rows.")
        )
    with TemporaryDirectory(prefix="ip2a-report-") as directory:
        path = Path(directory) / "report"
        file = await asyncio.to_thread(
            open_file, wanted, path, heading_of(content.title, dict(report), work.tools.now()), content.columns
        )
        rows = await _write(work, report["id"], reading, file, total)
        size = path.stat().st_size
        if size > MAXIMUM_BYTES:
            raise TooLarge
        keeper = Identity(report["user_id"], None, frozenset({EVERY_RESOURCE}), "", identity.correlation_id)
        async with work.finishing(keeper) as connection:
            await _keep(connection, work, report, content, rows=rows, size=size, path=path)


async def _reader(work: Work, report: RowMapping, content: Content) -> Identity:
    """Who the rows are read as: who asked, with what was open to them then and still is."""
    async with transaction(work.tools.databases.write, AUTHENTICATION) as connection:
        account = await accounts.find_account(connection, report["user_id"], work.tools.now())
    if account is None or not account.is_active:
        raise Refused(NOT_ALLOWED)
    if not all(permits(account.roles, permission) for permission in (STANDARD, *content.permissions)):
        raise Refused(NOT_ALLOWED)
    visible = visible_resources(account.roles) & frozenset(report["resources"])
    return Identity(report["user_id"], None, visible, "", work.job.correlation_id or "")


async def _write(work: Work, report_id: int, reading: "_Reading", file: ReportFile, total: int) -> int:
    """Portion by portion; returns how many rows there were."""
    rows, told = 0, time.monotonic()
    forms = [column.form for column in reading.content.columns]
    try:
        async for portion in reading.portions():
            cells = [[cell(value, form) for value, form in zip(row, forms, strict=False)] for row in portion]
            await asyncio.to_thread(file.add, cells)
            rows += len(portion)
            work.progress(rows, total)
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                async with transaction(work.tools.databases.write, SYSTEM) as connection:
                    await repository.tell_progress(connection, report_id, work.job.attempt, work.percent)
    finally:
        await asyncio.to_thread(file.close)
    return rows


async def _keep(
    connection: AsyncConnection,
    work: Work,
    report: RowMapping,
    content: Content,
    *,
    rows: int,
    size: int,
    path: Path,
) -> None:
    """The file, and in whose name the rows were read: both or neither."""
    kept = await repository.finish(
        connection, report["id"], work.job.attempt, row_count=rows, size=size, chunks=_chunks(path)
    )
    if kept:
        entry = ReadEntry(
            report["user_id"], content.table, "*", None, AuditAction.BULK_READ, "", work.job.correlation_id or ""
        )
        await audit.insert_reads(connection, [entry])


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while content := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield content


class _Reading:
    """Reads one report's rows, from a replica that has what was there when the report was asked for, else from the
    primary.
    """

    def __init__(
        self, tools: Tools, identity: Identity, content: Content, values: Mapping[str, Any], position: int
    ) -> None:
        self.content = content
        self._tools = tools
        self._identity = identity
        self._values = values
        self._position = position

    async def count(self) -> int:
        """How many rows there will be, about."""
        return await self._ask(lambda connection: repository.count(connection, self.content, self._values))

    async def portions(self) -> AsyncIterator[list[Sequence[Any]]]:
        """All rows in the order of the key, some at a time; no transaction is open in between."""
        after: Sequence[Any] | None = None
        while rows := await self._portion(after):
            yield rows
            if len(rows) < PORTION:
                return
            after = rows[-1][len(self.content.columns) :]

    async def _portion(self, after: Sequence[Any] | None) -> list[Sequence[Any]]:
        return await self._ask(
            lambda connection: repository.portion(connection, self.content, self._values, after=after, limit=PORTION)
        )

    async def _ask(self, question: Callable[[AsyncConnection], Awaitable[Answer]]) -> Answer:
        databases = self._tools.databases
        if databases.split:
            try:
                async with transaction(databases.read, self._identity) as connection:
                    if await repository.is_not_older(connection, self._position):
                        return await question(connection)
            except TROUBLE as error:
                LOGGER.warning("a replica failed (%s); the primary answers", type(error).__name__)
        async with transaction(databases.write, self._identity) as connection:
            return await question(connection)


async def _failed(connection: AsyncConnection, payload: Mapping[str, object]) -> None:
    await repository.fail(connection, int(str(payload["report_id"])), GAVE_UP)


REPORT = Kind(make_report, attempts=5, seconds=SECONDS, failed=_failed, at_once=1)
