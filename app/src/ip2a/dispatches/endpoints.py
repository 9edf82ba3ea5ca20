"""`/api/v1/referrals/dispatches`, dispatching for a request, and `/api/v1/my/dispatches`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ip2a.audit.service import record_read
from ip2a.dispatches import service
from ip2a.dispatches.models import DispatchStatus, ReRegistration
from ip2a.dispatches.schemas import (
    ByNameOrder,
    DispatchItem,
    DispatchOfMember,
    RejectionOrder,
    TerminationOrder,
)
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["referrals"])

Dispatcher = Annotated[Caller, Depends(require("referrals:dispatch"))]


@router.get("/my/dispatches")
async def my_dispatches(
    runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember, before: Cursor = None, limit: Limit = 50
) -> Page[DispatchItem]:
    """The caller's dispatches, newest first."""
    return await service.own_dispatches(runtime, caller, member_id, before=before, limit=limit)


@router.post("/my/dispatches/{dispatch_id}/reject")
async def turn_down(
    dispatch_id: PathId,
    body: RejectionOrder,
    runtime: RuntimeDependency,
    caller: CallerDependency,
    member_id: OwnMember,
) -> DispatchItem:
    """Turn a job down that was given to the caller; it counts as a quit."""
    return await service.turn_down(runtime, caller, member_id, dispatch_id, body)


@router.get("/referrals/dispatches")
async def dispatches(
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("referrals:read"))],
    *,
    status: DispatchStatus | None = None,
    re_registration: ReRegistration | None = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[DispatchOfMember]:
    """Dispatches, newest first, or those after which a member has to register again; the reading is recorded."""
    await record_read(runtime, caller, "dispatches")
    return await service.page(
        runtime, caller, status=status, re_registration=re_registration, before=before, limit=limit
    )


@router.post("/referrals/requests/{request_id}/dispatch-next", status_code=201)
async def dispatch_next(request_id: PathId, runtime: RuntimeDependency, caller: Dispatcher) -> list[DispatchOfMember]:
    """Send the next eligible member of the request's book."""
    return await service.dispatch_next(runtime, caller, request_id)


@router.post("/referrals/requests/{request_id}/process-bids", status_code=201)
async def process_bids(request_id: PathId, runtime: RuntimeDependency, caller: Dispatcher) -> list[DispatchOfMember]:
    """Send the bidders who have waited longest, as many as are wanted."""
    return await service.process_bids(runtime, caller, request_id)


@router.post("/referrals/requests/{request_id}/dispatch-by-name", status_code=201)
async def dispatch_by_name(
    request_id: PathId, body: ByNameOrder, runtime: RuntimeDependency, caller: Dispatcher
) -> list[DispatchOfMember]:
    """Send the foreperson the employer asked for by name."""
    return await service.dispatch_by_name(runtime, caller, request_id, body)


@router.post("/referrals/dispatches/{dispatch_id}/check-in")
async def check_in(dispatch_id: PathId, runtime: RuntimeDependency, caller: Dispatcher) -> DispatchOfMember:
    """The employer says that the member came."""
    return await service.check_in(runtime, caller, dispatch_id)


@router.post("/referrals/dispatches/{dispatch_id}/withdraw")
async def withdraw_dispatch(dispatch_id: PathId, runtime: RuntimeDependency, caller: Dispatcher) -> DispatchOfMember:
    """Take a dispatch back before the job began; the member gets the place back and loses nothing."""
    return await service.withdraw(runtime, caller, dispatch_id)


@router.post("/referrals/dispatches/{dispatch_id}/terminate")
async def terminate(
    dispatch_id: PathId, body: TerminationOrder, runtime: RuntimeDependency, caller: Dispatcher
) -> DispatchOfMember:
    """A job ended."""
    return await service.terminate(runtime, caller, dispatch_id, body)
