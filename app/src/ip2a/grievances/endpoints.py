"""`/api/v1/grievances`, and a member's own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from ip2a.grievances import service
from ip2a.grievances.models import GrievanceStatus
from ip2a.grievances.schemas import (
    GrievanceChange,
    GrievanceItem,
    GrievanceOrder,
    GrievanceStepItem,
    GrievanceStepOrder,
)
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Identifier, Limit, Page, PathId, Search

router = APIRouter(prefix="/api/v1", tags=["grievances"])

Reader = Annotated[Caller, Depends(require("grievances:read"))]
Creator = Annotated[Caller, Depends(require("grievances:create"))]
Editor = Annotated[Caller, Depends(require("grievances:update"))]


@router.get("/my/grievances")
async def my_grievances(
    runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember, before: Cursor = None, limit: Limit = 50
) -> Page[GrievanceItem]:
    """The caller's own grievances, newest first."""
    return await service.grievances(runtime, caller, status=None, member_id=member_id, before=before, limit=limit)


@router.get("/grievances")
async def grievances(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    status: GrievanceStatus | None = None,
    member_id: Annotated[Identifier | None, Query()] = None,
    search: Search = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[GrievanceItem]:
    """Grievances, newest first; `search` is a number or begins names. The reading is recorded."""
    return await service.grievances(
        runtime, caller, status=status, member_id=member_id, search=search, before=before, limit=limit
    )


@router.post("/grievances", status_code=201)
async def file(body: GrievanceOrder, runtime: RuntimeDependency, caller: Creator) -> GrievanceItem:
    """File a grievance."""
    return await service.file(runtime, caller, body)


@router.get("/grievances/{grievance_id}")
async def grievance(grievance_id: PathId, runtime: RuntimeDependency, caller: Reader) -> GrievanceItem:
    """One grievance; the reading is recorded."""
    return await service.grievance(runtime, caller, grievance_id)


@router.patch("/grievances/{grievance_id}")
async def change(
    grievance_id: PathId, body: GrievanceChange, runtime: RuntimeDependency, caller: Editor
) -> GrievanceItem:
    """Change a grievance; settling it needs `grievances:approve`."""
    return await service.change(runtime, caller, grievance_id, body)


@router.get("/grievances/{grievance_id}/steps")
async def steps(
    grievance_id: PathId, runtime: RuntimeDependency, caller: Reader, before: Cursor = None, limit: Limit = 50
) -> Page[GrievanceStepItem]:
    """The meetings about a grievance."""
    return await service.steps(runtime, caller, grievance_id, before=before, limit=limit)


@router.post("/grievances/{grievance_id}/steps", status_code=201)
async def add_step(
    grievance_id: PathId, body: GrievanceStepOrder, runtime: RuntimeDependency, caller: Editor
) -> GrievanceStepItem:
    """Note a meeting about a grievance."""
    return await service.add_step(runtime, caller, grievance_id, body)
