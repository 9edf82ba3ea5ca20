"""Uploading, confirming, handing out and deleting documents. No transaction is open while S3 is asked."""

import secrets
from datetime import timedelta

from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError

from ip2a.audit.service import record_read
from ip2a.documents import repository
from ip2a.documents.models import DocumentStatus
from ip2a.documents.schemas import DocumentItem, DocumentOrder, DownloadLink, UploadStarted
from ip2a.documents.types import LENGTH, file_name, media_type_of
from ip2a.runtime import Runtime
from ip2a.storage import TROUBLE, Storage, Stored
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before
from ip2a.web.problems import Problem

MAXIMUM_BYTES = 50 * 1024 * 1024
UPLOAD_LIFETIME = timedelta(minutes=30)
DOWNLOAD_LIFETIME = timedelta(minutes=5)


def storage_of(runtime: Runtime) -> Storage:
    """Where files are. Raises Problem 503 where they are off."""
    if runtime.storage is None:
        raise Problem(503, "files-off", "Files are not set up on this platform; ask its administrator for storage.")
    return runtime.storage


async def begin(
    runtime: Runtime, caller: Caller, order: DocumentOrder, *, member_id: int | None, then: str | None = None
) -> UploadStarted:
    """Make the row and sign the form. `then`: a page's path that the browser goes on to, with the id at `{id}`."""
    storage = storage_of(runtime)
    key = f"uploads/{secrets.token_hex(16)}"
    try:
        async with caller.transaction(runtime.databases) as connection:
            row = await repository.insert(
                connection, member_id=member_id, title=order.title, category=order.category.value, object_key=key
            )
    except IntegrityError:
        raise Problem(404, "not-found", "There is no such member.") from None
    if row is None:
        raise Problem(
            409, "too-many-documents", f"There are {repository.MAXIMUM_DOCUMENTS} documents; delete some of them first."
        )
    return _started(runtime, storage, row, then)


async def again(runtime: Runtime, caller: Caller, document_id: int, *, then: str) -> UploadStarted:
    """The form of a document that still waits for its file. Raises Problem 404, 409."""
    row = await _row(runtime, caller, document_id)
    if row["status"] != DocumentStatus.UPLOADING:
        raise Problem(409, "already-uploaded", "This document has its file; upload another document instead.")
    return _started(runtime, storage_of(runtime), row, then)


def _started(runtime: Runtime, storage: Storage, row: RowMapping, then: str | None) -> UploadStarted:
    target = None if then is None else runtime.settings.public_url + then.format(id=row["id"])
    form = storage.upload_form(row["object_key"], maximum=MAXIMUM_BYTES, lifetime=UPLOAD_LIFETIME, then=target)
    return UploadStarted(
        document=DocumentItem.model_validate(dict(row)), url=form.url, fields=form.fields, maximum_bytes=MAXIMUM_BYTES
    )


async def confirm(runtime: Runtime, caller: Caller, document_id: int) -> DocumentItem:
    """Look at what was uploaded and keep a copy that its form can no longer change. Repeating it changes nothing.

    Raises Problem 404, 409 while nothing has arrived, 422 for a file we do not take, 503 when S3 is away.
    """
    storage = storage_of(runtime)
    row = await _row(runtime, caller, document_id)
    if row["status"] == DocumentStatus.READY:
        return DocumentItem.model_validate(dict(row))
    key = f"documents/{secrets.token_hex(16)}"
    try:
        stored, media_type = await _look(storage, row["object_key"])
        if media_type is not None:
            await storage.copy(row["object_key"], key, etag=stored.etag)
    except TROUBLE:
        raise storage_away() from None
    async with caller.transaction(runtime.databases) as connection:
        if media_type is None:
            await repository.reject(connection, row)
            ready = None
        else:
            ready = await repository.make_ready(
                connection, row, object_key=key, media_type=media_type, size=stored.size
            )
    if media_type is None:
        raise Problem(
            422,
            "file-type",
            f"The file must be a PDF, PNG, JPEG, GIF or plain text of at most {MAXIMUM_BYTES // 2**20} MB.",
        )
    return DocumentItem.model_validate(dict(ready)) if ready else await confirm(runtime, caller, document_id)


async def _look(storage: Storage, key: str) -> tuple[Stored, str | None]:
    stored = await storage.stat(key)
    if stored is None:
        raise Problem(409, "not-uploaded", "The file has not arrived; send the form with it, then confirm.")
    if not 0 < stored.size <= MAXIMUM_BYTES:
        return stored, None
    return stored, media_type_of(await storage.beginning(key, LENGTH))


async def page(
    runtime: Runtime, caller: Caller, *, member_id: int | None, own: bool, before: str | None, limit: int
) -> Page[DocumentItem]:
    """Documents the caller may see, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(
            connection, member_id=member_id, own=own, before=read_before(before), limit=limit + 1
        )
    return page_of(DocumentItem, rows, limit, lambda item: encode("", item.id))


async def of_application(
    runtime: Runtime, caller: Caller, application_id: int, *, before: str | None, limit: int
) -> Page[DocumentItem]:
    """Files handed in with an application, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.of_application(connection, application_id, before=read_before(before), limit=limit + 1)
    return page_of(DocumentItem, rows, limit, lambda item: encode("", item.id))


async def find(runtime: Runtime, caller: Caller, document_id: int) -> DocumentItem:
    """One document, as the caller may see it. Raises Problem 404."""
    return DocumentItem.model_validate(dict(await _row(runtime, caller, document_id)))


async def download(runtime: Runtime, caller: Caller, document_id: int) -> DownloadLink:
    """An address of the file for a few minutes; staff's reading is recorded. Raises Problem 404, 409."""
    storage = storage_of(runtime)
    row = await _row(runtime, caller, document_id)
    if row["status"] != DocumentStatus.READY:
        raise Problem(409, "not-uploaded", "This document has no file yet.")
    if row["uploaded_by_id"] != caller.principal.user_id:
        await record_read(runtime, caller, "documents", document_id, row["member_id"])
    url = storage.download_url(
        row["object_key"],
        name=file_name(row["title"], row["media_type"]),
        media_type=row["media_type"],
        lifetime=DOWNLOAD_LIFETIME,
    )
    return DownloadLink(url=url, seconds=int(DOWNLOAD_LIFETIME.total_seconds()))


async def delete(runtime: Runtime, caller: Caller, document_id: int) -> None:
    """Delete it. Raises Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        if not await repository.delete(connection, document_id):
            raise _missing()


async def _row(runtime: Runtime, caller: Caller, document_id: int) -> RowMapping:
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.one(connection, document_id)
    if row is None:
        raise _missing()
    return row


def _missing() -> Problem:
    return Problem(404, "not-found", "There is no such document.")


def storage_away() -> Problem:
    """S3 did not answer."""
    return Problem(503, "files-unavailable", "The file store does not answer; try again.", headers={"Retry-After": "5"})
