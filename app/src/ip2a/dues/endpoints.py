"""`/api/v1/my/dues` and the rates."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ip2a.dues import service
from ip2a.dues.schemas import DuesRateItem, DuesResponse
from ip2a.web.answers import answer
from ip2a.web.dependencies import CallerDependency, OwnMember, RuntimeDependency

router = APIRouter(prefix="/api/v1", tags=["dues"])


@router.get("/my/dues", response_model=DuesResponse)
async def my_dues(
    runtime: RuntimeDependency,
    caller: CallerDependency,
    member_id: OwnMember,
    before: Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}$")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = service.PAGE_SIZE,
) -> Response:
    """The caller's own dues: totals, and months from the newest."""
    return await answer(runtime, caller, service.dues(caller.identity, member_id, before=before, limit=limit))


@router.get("/dues/rates", response_model=list[DuesRateItem])
async def rates(runtime: RuntimeDependency, caller: CallerDependency) -> Response:
    """Monthly dues by classification."""
    return await answer(runtime, caller, service.rates(caller.identity))
