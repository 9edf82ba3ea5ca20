"""`/api/v1/my/employments`."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ip2a.employments import service
from ip2a.employments.schemas import EmploymentPage
from ip2a.web.answers import answer
from ip2a.web.dependencies import CallerDependency, OwnMember, RuntimeDependency

router = APIRouter(prefix="/api/v1", tags=["employments"])


@router.get("/my/employments", response_model=EmploymentPage)
async def my_employments(
    runtime: RuntimeDependency,
    caller: CallerDependency,
    member_id: OwnMember,
    after: Annotated[str | None, Query(max_length=25)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = service.PAGE_SIZE,
) -> Response:
    """The caller's own employments, newest first."""
    return await answer(runtime, caller, service.employments(caller.identity, member_id, after=after, limit=limit))
