"""`/api/v1/reports`."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Response
from starlette.responses import StreamingResponse

from ip2a.reports import service
from ip2a.reports.contents import STANDARD
from ip2a.reports.files import MEDIA_TYPES
from ip2a.reports.schemas import ReportItem, ReportOrder
from ip2a.reports.service import Download
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["reports"])

Reporter = Annotated[Caller, Depends(require(STANDARD))]
FILE = {"schema": {"type": "string", "format": "binary"}, "example": "Number,Last name"}
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": dict.fromkeys((kind.partition(";")[0] for kind in MEDIA_TYPES.values()), FILE)}
}


@router.post("/reports", status_code=202)
async def ask(body: Annotated[ReportOrder, Body()], runtime: RuntimeDependency, caller: Reporter) -> ReportItem:
    """Have a report made in the background; the request is recorded. Asking for the same one again while it is not
    finished gives the same one.
    """
    return await service.ask(runtime, caller, body)


@router.get("/reports")
async def reports(
    runtime: RuntimeDependency, caller: Reporter, before: Cursor = None, limit: Limit = 50
) -> Page[ReportItem]:
    """The caller's reports, newest first."""
    return await service.page(runtime, caller, before=before, limit=limit)


@router.get("/reports/{report_id}")
async def report(report_id: PathId, runtime: RuntimeDependency, caller: Reporter) -> ReportItem:
    """One of the caller's reports: how far it is."""
    return await service.one(runtime, caller, report_id)


@router.get("/reports/{report_id}/file", response_class=Response, responses=FILES)
async def file(report_id: PathId, runtime: RuntimeDependency, caller: Reporter) -> Response:
    """The file; the download is recorded."""
    return as_response(await service.download(runtime, caller, report_id))


@router.delete("/reports/{report_id}", status_code=204)
async def delete(report_id: PathId, runtime: RuntimeDependency, caller: Reporter) -> Response:
    """Delete a report with its file."""
    await service.delete(runtime, caller, report_id)
    return Response(status_code=204)


def as_response(download: Download) -> Response:
    """The file as an attachment."""
    headers = {
        "content-disposition": f'attachment; filename="{download.name}"',
        "content-length": str(download.size),
        "cache-control": "private, no-store",
    }
    return StreamingResponse(download.content, headers=headers, media_type=download.media_type)
