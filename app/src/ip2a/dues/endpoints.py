"""`/api/v1/my/dues` and the rates."""

from typing import Annotated

from fastapi import APIRouter, Query

from ip2a.dues import service
from ip2a.dues.schemas import DuesRateItem, DuesResponse
from ip2a.web.dependencies import CallerDependency, OwnMember, RuntimeDependency

router = APIRouter(prefix="/api/v1", tags=["dues"])


@router.get("/my/dues")
async def my_dues(
    runtime: RuntimeDependency,
    caller: CallerDependency,
    member_id: OwnMember,
    before: Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}$")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
) -> DuesResponse:
    """The caller's own dues: totals, and months from the newest."""
    return await service.dues(runtime.databases, caller.identity, member_id, before=before, limit=limit)


@router.get("/dues/rates")
async def rates(runtime: RuntimeDependency, caller: CallerDependency) -> list[DuesRateItem]:
    """Monthly dues by classification."""
    return await service.rates(runtime.databases, caller.identity)
