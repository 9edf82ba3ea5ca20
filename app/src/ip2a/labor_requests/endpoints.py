"""`/api/v1/referrals/requests` and `/api/v1/my/open-jobs`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ip2a.labor_requests import service
from ip2a.labor_requests.models import RequestStatus
from ip2a.labor_requests.schemas import (
    BookCheckMarks,
    CheckMarksResult,
    LaborRequestItem,
    LaborRequestOrder,
    NoCheckMarkOrder,
)
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require
from ip2a.web.keyset import MAXIMUM_LIMIT, Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["referrals"])

Reader = Annotated[Caller, Depends(require("referrals:read"))]


@router.get("/my/open-jobs")
async def open_jobs(
    runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember, before: Cursor = None, limit: Limit = 50
) -> Page[LaborRequestItem]:
    """Jobs of the books the caller waits on."""
    return await service.open_jobs(runtime, caller, member_id, before=before, limit=limit)


@router.get("/referrals/morning")
async def morning(
    runtime: RuntimeDependency, caller: Reader, after: Cursor = None, limit: Limit = MAXIMUM_LIMIT
) -> Page[LaborRequestItem]:
    """What is to be called today, book after book."""
    return await service.morning(runtime, caller, after=after, limit=limit)


@router.post("/referrals/morning/check-marks")
async def morning_check_marks(
    runtime: RuntimeDependency, caller: Annotated[Caller, Depends(require("referrals:dispatch"))]
) -> list[BookCheckMarks]:
    """After the morning's calls: a check mark for everyone on the books whose requests were not filled, one a book."""
    return await service.give_morning_check_marks(runtime, caller)


@router.get("/referrals/requests")
async def labor_requests(
    runtime: RuntimeDependency,
    caller: Reader,
    status: RequestStatus | None = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[LaborRequestItem]:
    """Requests, newest first."""
    return await service.page(runtime, caller, status, before=before, limit=limit)


@router.post("/referrals/requests", status_code=201)
async def create(
    body: LaborRequestOrder,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("referrals:create"))],
) -> LaborRequestItem:
    """Take a request of an employer."""
    return await service.create(runtime, caller, body)


@router.get("/referrals/requests/{request_id}")
async def labor_request(request_id: PathId, runtime: RuntimeDependency, caller: Reader) -> LaborRequestItem:
    """One request."""
    return await service.find(runtime, caller, request_id)


@router.post("/referrals/requests/{request_id}/cancel")
async def cancel(
    request_id: PathId, runtime: RuntimeDependency, caller: Annotated[Caller, Depends(require("referrals:update"))]
) -> LaborRequestItem:
    """Want nobody any more; whoever was sent and did not check in yet gets the place back at no cost."""
    return await service.cancel(runtime, caller, request_id)


@router.put("/referrals/requests/{request_id}/no-check-mark")
async def set_no_check_mark(
    request_id: PathId,
    body: NoCheckMarkOrder,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("referrals:update"))],
) -> LaborRequestItem:
    """Say why not taking the job costs no check mark, or that it does."""
    return await service.set_no_check_mark(runtime, caller, request_id, body)


@router.post("/referrals/requests/{request_id}/check-marks")
async def check_marks(
    request_id: PathId, runtime: RuntimeDependency, caller: Annotated[Caller, Depends(require("referrals:dispatch"))]
) -> CheckMarksResult:
    """After a call that did not fill the request: a check mark for everyone who waits on its book."""
    return await service.give_check_marks(runtime, caller, request_id)
