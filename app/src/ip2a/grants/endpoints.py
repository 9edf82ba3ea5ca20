"""`/api/v1/grants`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ip2a.grants import service
from ip2a.grants.models import GrantStatus
from ip2a.grants.schemas import (
    ExpenseItem,
    ExpenseOrder,
    GrantChange,
    GrantEnrollmentChange,
    GrantEnrollmentItem,
    GrantEnrollmentOrder,
    GrantItem,
    GrantOrder,
)
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId, Search

router = APIRouter(prefix="/api/v1", tags=["grants"])

Reader = Annotated[Caller, Depends(require("grants:read"))]
Creator = Annotated[Caller, Depends(require("grants:create"))]
Editor = Annotated[Caller, Depends(require("grants:update"))]


@router.get("/grants")
async def grants(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    status: GrantStatus | None = None,
    search: Search = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[GrantItem]:
    """Grants with what is spent of them, newest first; `search` begins words of number, name or source."""
    return await service.grants(runtime, caller, status=status, search=search, before=before, limit=limit)


@router.post("/grants", status_code=201)
async def new_grant(body: GrantOrder, runtime: RuntimeDependency, caller: Creator) -> GrantItem:
    """A new grant."""
    return await service.new_grant(runtime, caller, body)


@router.get("/grants/{grant_id}")
async def grant(grant_id: PathId, runtime: RuntimeDependency, caller: Reader) -> GrantItem:
    """One grant."""
    return await service.grant(runtime, caller, grant_id)


@router.patch("/grants/{grant_id}")
async def change(grant_id: PathId, body: GrantChange, runtime: RuntimeDependency, caller: Editor) -> GrantItem:
    """Change a grant."""
    return await service.change(runtime, caller, grant_id, body)


@router.get("/grants/{grant_id}/expenses")
async def expenses(
    grant_id: PathId, runtime: RuntimeDependency, caller: Reader, before: Cursor = None, limit: Limit = 50
) -> Page[ExpenseItem]:
    """What was spent of a grant."""
    return await service.expenses(runtime, caller, grant_id, before=before, limit=limit)


@router.post("/grants/{grant_id}/expenses", status_code=201)
async def spend(grant_id: PathId, body: ExpenseOrder, runtime: RuntimeDependency, caller: Editor) -> ExpenseItem:
    """Note what was spent of a grant."""
    return await service.spend(runtime, caller, grant_id, body)


@router.get("/grants/{grant_id}/enrollments")
async def enrollments(
    grant_id: PathId, runtime: RuntimeDependency, caller: Reader, before: Cursor = None, limit: Limit = 50
) -> Page[GrantEnrollmentItem]:
    """Who takes part in what a grant pays for; the reading is recorded."""
    return await service.enrollments(runtime, caller, grant_id, before=before, limit=limit)


@router.post("/grants/{grant_id}/enrollments", status_code=201)
async def enroll(
    grant_id: PathId, body: GrantEnrollmentOrder, runtime: RuntimeDependency, caller: Editor
) -> GrantEnrollmentItem:
    """Let a student take part."""
    return await service.enroll(runtime, caller, grant_id, body)


@router.patch("/grant-enrollments/{grant_enrollment_id}")
async def change_enrollment(
    grant_enrollment_id: PathId, body: GrantEnrollmentChange, runtime: RuntimeDependency, caller: Editor
) -> GrantEnrollmentItem:
    """Say what became of somebody who takes part."""
    return await service.change_enrollment(runtime, caller, grant_enrollment_id, body)
