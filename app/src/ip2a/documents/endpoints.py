"""`/api/v1/my/documents` and `/api/v1/documents`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from ip2a.audit.service import record_read
from ip2a.documents import service
from ip2a.documents.schemas import DocumentItem, DocumentOrder, DownloadLink, MemberDocumentOrder, UploadStarted
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Identifier, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["documents"])

Owner = Annotated[Caller, Depends(require("self:update"))]
Reader = Annotated[Caller, Depends(require("files:read"))]
Uploader = Annotated[Caller, Depends(require("files:create"))]
Remover = Annotated[Caller, Depends(require("files:delete"))]


@router.get("/my/documents")
async def my_documents(
    runtime: RuntimeDependency, caller: Owner, before: Cursor = None, limit: Limit = 50
) -> Page[DocumentItem]:
    """The caller's own documents, newest first."""
    return await service.page(runtime, caller, member_id=None, own=True, before=before, limit=limit)


@router.post("/my/documents", status_code=201)
async def begin_own(body: DocumentOrder, runtime: RuntimeDependency, caller: Owner) -> UploadStarted:
    """Begin an upload; an applicant's documents of category `application` are attached to the application."""
    return await service.begin(runtime, caller, body, member_id=caller.principal.member_id)


@router.post("/my/documents/{document_id}/confirm")
async def confirm_own(document_id: PathId, runtime: RuntimeDependency, caller: Owner) -> DocumentItem:
    """The file was sent: look at it and keep it."""
    return await service.confirm(runtime, caller, document_id)


@router.get("/my/documents/{document_id}/file")
async def own_file(document_id: PathId, runtime: RuntimeDependency, caller: Owner) -> DownloadLink:
    """Where the file is, for a few minutes."""
    return await service.download(runtime, caller, document_id)


@router.delete("/my/documents/{document_id}", status_code=204)
async def delete_own(document_id: PathId, runtime: RuntimeDependency, caller: Owner) -> Response:
    """Delete a document one has uploaded."""
    await service.delete(runtime, caller, document_id)
    return Response(status_code=204)


@router.get("/documents")
async def documents(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    member_id: Annotated[Identifier | None, Query()] = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[DocumentItem]:
    """Documents, newest first; the reading is recorded."""
    await record_read(runtime, caller, "documents", None, member_id)
    return await service.page(runtime, caller, member_id=member_id, own=False, before=before, limit=limit)


@router.post("/documents", status_code=201)
async def begin(body: MemberDocumentOrder, runtime: RuntimeDependency, caller: Uploader) -> UploadStarted:
    """Begin an upload for a member."""
    return await service.begin(runtime, caller, body, member_id=body.member_id)


@router.post("/documents/{document_id}/confirm")
async def confirm(document_id: PathId, runtime: RuntimeDependency, caller: Uploader) -> DocumentItem:
    """The file was sent: look at it and keep it."""
    return await service.confirm(runtime, caller, document_id)


@router.get("/documents/{document_id}/file")
async def file(document_id: PathId, runtime: RuntimeDependency, caller: Reader) -> DownloadLink:
    """Where the file is, for a few minutes; recorded."""
    return await service.download(runtime, caller, document_id)


@router.delete("/documents/{document_id}", status_code=204)
async def delete(document_id: PathId, runtime: RuntimeDependency, caller: Remover) -> Response:
    """Delete a document."""
    await service.delete(runtime, caller, document_id)
    return Response(status_code=204)
