"""`/api/v1/my/employments`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from ip2a.employments import service
from ip2a.employments.schemas import EmployeeItem, EmploymentChange, EmploymentOrder, EmploymentPage, EmploymentRecord
from ip2a.web.answers import answer
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["employments"])

Reader = Annotated[Caller, Depends(require("members:read"))]
Editor = Annotated[Caller, Depends(require("members:update"))]


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


@router.get("/members/{member_id}/employments")
async def of_member(
    member_id: PathId, runtime: RuntimeDependency, caller: Reader, before: Cursor = None, limit: Limit = 50
) -> Page[EmploymentRecord]:
    """A member's jobs as they were entered; the reading is recorded."""
    return await service.of_member(runtime, caller, member_id, before=before, limit=limit)


@router.get("/organizations/{organization_id}/employments")
async def of_organization(
    organization_id: PathId,
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    current: bool = False,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[EmployeeItem]:
    """Members who work (`current`) or ever worked at an organization; the reading is recorded."""
    return await service.of_organization(runtime, caller, organization_id, current=current, before=before, limit=limit)


@router.post("/members/{member_id}/employments", status_code=201)
async def enter(
    member_id: PathId, body: EmploymentOrder, runtime: RuntimeDependency, caller: Editor
) -> EmploymentRecord:
    """Enter a job of a member."""
    return await service.enter(runtime, caller, member_id, body)


@router.patch("/employments/{employment_id}")
async def change(
    employment_id: PathId, body: EmploymentChange, runtime: RuntimeDependency, caller: Editor
) -> EmploymentRecord:
    """Change a job, or end it."""
    return await service.change(runtime, caller, employment_id, body)
