"""Refunds of payments: asked for by the office, decided by an officer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from ip2a.audit.service import record_read
from ip2a.refunds import service
from ip2a.refunds.models import RefundStatus
from ip2a.refunds.schemas import RefundItem, RefundOrder
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1/payments", tags=["payments"])

Bookkeeper = Annotated[Caller, Depends(require("dues:process"))]
Approver = Annotated[Caller, Depends(require("adjustments:approve"))]
PaymentId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("/refunds")
async def refunds(
    runtime: RuntimeDependency,
    caller: Bookkeeper,
    status: RefundStatus | None = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[RefundItem]:
    """Refunds, newest first; the reading is recorded."""
    await record_read(runtime, caller, "refunds")
    return await service.page(runtime, caller, status, before=before, limit=limit)


@router.post("/{payment_id}/refunds", status_code=201)
async def request(
    payment_id: PaymentId, body: RefundOrder, runtime: RuntimeDependency, caller: Bookkeeper
) -> RefundItem:
    """Ask for a refund; an officer decides."""
    return await service.request(runtime, caller, payment_id, body)


@router.post("/refunds/{refund_id}/approve")
async def approve(refund_id: PathId, runtime: RuntimeDependency, caller: Approver) -> RefundItem:
    """Give the money back; repeating it gives nothing more."""
    return await service.approve(runtime, caller, refund_id)


@router.post("/refunds/{refund_id}/deny")
async def deny(refund_id: PathId, runtime: RuntimeDependency, caller: Approver) -> RefundItem:
    """Give nothing back."""
    return await service.deny(runtime, caller, refund_id)
