"""`/api/v1/dues/periods`, `/api/v1/dues/adjustments` and overdue marking."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from ip2a.audit.service import record_read
from ip2a.billing import service
from ip2a.billing.models import AdjustmentStatus
from ip2a.billing.schemas import (
    AdjustmentItem,
    AdjustmentOrder,
    GeneratedPeriod,
    MemberDuesItem,
    OverdueResult,
    PeriodItem,
    PeriodOrder,
    RateOrder,
)
from ip2a.dues.models import DuesStatus
from ip2a.dues.schemas import DuesRateItem
from ip2a.payments.endpoints import IdempotencyKey
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["dues"])

Bookkeeper = Annotated[Caller, Depends(require("dues:process"))]
Approver = Annotated[Caller, Depends(require("adjustments:approve"))]


@router.post("/dues/rates", status_code=201)
async def add_rate(
    body: RateOrder, runtime: RuntimeDependency, caller: Annotated[Caller, Depends(require("rates:manage"))]
) -> DuesRateItem:
    """Set a classification's monthly amount from a day to come; the same request again changes nothing."""
    return await service.add_rate(runtime, caller, body)


@router.get("/dues/periods")
async def periods(
    runtime: RuntimeDependency, caller: Bookkeeper, before: Cursor = None, limit: Limit = 50
) -> Page[PeriodItem]:
    """Months, the newest made first."""
    return await service.periods(runtime, caller, before=before, limit=limit)


@router.post("/dues/periods", status_code=201)
async def generate(
    body: PeriodOrder, response: Response, runtime: RuntimeDependency, caller: Bookkeeper
) -> GeneratedPeriod:
    """Make a month's dues of every active member; 200 when nobody was missing."""
    answer = await service.generate(runtime, caller, body)
    if answer.generated == 0:
        response.status_code = 200
    return answer


@router.post("/dues/periods/{period_id}/close")
async def close(period_id: PathId, runtime: RuntimeDependency, caller: Bookkeeper) -> PeriodItem:
    """Close a month for good."""
    return await service.close(runtime, caller, period_id)


@router.get("/dues/periods/{period_id}/payments")
async def of_period(
    period_id: PathId,
    runtime: RuntimeDependency,
    caller: Bookkeeper,
    *,
    status: DuesStatus | None = None,
    after: Cursor = None,
    limit: Limit = 50,
) -> Page[MemberDuesItem]:
    """Who owes what for a month; the reading is recorded."""
    await record_read(runtime, caller, "dues_payments")
    return await service.of_period(runtime, caller, period_id, status, after=after, limit=limit)


@router.post("/dues/mark-overdue")
async def mark_overdue(runtime: RuntimeDependency, caller: Bookkeeper) -> OverdueResult:
    """Bring every status up to today; the nightly job does the same."""
    return await service.mark_overdue(runtime, caller)


@router.get("/dues/adjustments")
async def adjustments(
    runtime: RuntimeDependency,
    caller: Bookkeeper,
    status: AdjustmentStatus | None = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[AdjustmentItem]:
    """Adjustments, newest first; the reading is recorded."""
    await record_read(runtime, caller, "dues_adjustments")
    return await service.adjustments(runtime, caller, status, before=before, limit=limit)


@router.post("/dues/adjustments", status_code=201)
async def request_adjustment(
    body: AdjustmentOrder, key: IdempotencyKey, runtime: RuntimeDependency, caller: Bookkeeper
) -> AdjustmentItem:
    """Ask for a change of what is due; somebody else decides."""
    return await service.request_adjustment(runtime, caller, body, key)


@router.post("/dues/adjustments/{adjustment_id}/approve")
async def approve(adjustment_id: PathId, runtime: RuntimeDependency, caller: Approver) -> AdjustmentItem:
    """Change what is due."""
    return await service.decide(runtime, caller, adjustment_id, AdjustmentStatus.APPROVED)


@router.post("/dues/adjustments/{adjustment_id}/deny")
async def deny(adjustment_id: PathId, runtime: RuntimeDependency, caller: Approver) -> AdjustmentItem:
    """Leave what is due."""
    return await service.decide(runtime, caller, adjustment_id, AdjustmentStatus.DENIED)
