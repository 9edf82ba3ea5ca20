"""`/api/v1/organizing/activities`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from ip2a.organizing import service
from ip2a.organizing.models import ActivityType
from ip2a.organizing.schemas import ActivityChange, ActivityItem, ActivityOrder
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Identifier, Limit, Page, PathId, Search

router = APIRouter(prefix="/api/v1", tags=["organizing"])

Reader = Annotated[Caller, Depends(require("organizing:read"))]
Creator = Annotated[Caller, Depends(require("organizing:create"))]
Editor = Annotated[Caller, Depends(require("organizing:update"))]


@router.get("/organizing/activities")
async def activities(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    organization_id: Annotated[Identifier | None, Query()] = None,
    activity_type: ActivityType | None = None,
    search: Search = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[ActivityItem]:
    """Organizing activities, newest first; `search` begins names. The reading is recorded."""
    return await service.activities(
        runtime,
        caller,
        organization_id=organization_id,
        activity_type=activity_type,
        search=search,
        before=before,
        limit=limit,
    )


@router.post("/organizing/activities", status_code=201)
async def note(body: ActivityOrder, runtime: RuntimeDependency, caller: Creator) -> ActivityItem:
    """Note an activity."""
    return await service.note(runtime, caller, body)


@router.get("/organizing/activities/{activity_id}")
async def activity(activity_id: PathId, runtime: RuntimeDependency, caller: Reader) -> ActivityItem:
    """One activity; the reading is recorded."""
    return await service.activity(runtime, caller, activity_id)


@router.patch("/organizing/activities/{activity_id}")
async def change(activity_id: PathId, body: ActivityChange, runtime: RuntimeDependency, caller: Editor) -> ActivityItem:
    """Change an activity."""
    return await service.change(runtime, caller, activity_id, body)
