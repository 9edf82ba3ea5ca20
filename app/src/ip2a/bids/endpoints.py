"""`/api/v1/my/bids`, and the bids for a request for those who run the referral."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ip2a.audit.service import record_read
from ip2a.bids import service
from ip2a.bids.schemas import BidItem, BidOfRequest, BidRequest
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["referrals"])


@router.get("/my/bids")
async def my_bids(
    runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember, before: Cursor = None, limit: Limit = 50
) -> Page[BidItem]:
    """The caller's bids, newest first."""
    return await service.own_bids(runtime, caller, member_id, before=before, limit=limit)


@router.post("/my/bids", status_code=201)
async def place(
    body: BidRequest, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> BidItem:
    """Bid for a job, from 17:30 to 07:00."""
    return await service.place(runtime, caller, member_id, body.labor_request_id)


@router.post("/my/bids/{bid_id}/withdraw")
async def withdraw(
    bid_id: PathId, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> BidItem:
    """Take a pending bid back."""
    return await service.withdraw(runtime, caller, member_id, bid_id)


@router.get("/referrals/requests/{request_id}/bids")
async def bids_for(
    request_id: PathId,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("referrals:read"))],
    after: Cursor = None,
    limit: Limit = 50,
) -> Page[BidOfRequest]:
    """The bids for a request, first come first; the reading is recorded."""
    await record_read(runtime, caller, "job_bids")
    return await service.of_request(runtime, caller, request_id, after=after, limit=limit)
