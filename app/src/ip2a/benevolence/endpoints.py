"""`/api/v1/benevolence`, and a member's own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from ip2a.benevolence import service
from ip2a.benevolence.models import BenevolenceStatus
from ip2a.benevolence.schemas import (
    BenevolenceChange,
    BenevolenceItem,
    BenevolenceOrder,
    OwnBenevolenceChange,
    OwnBenevolenceOrder,
    ReviewItem,
    ReviewOrder,
)
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Identifier, Limit, Page, PathId, Search

router = APIRouter(prefix="/api/v1", tags=["benevolence"])

Reader = Annotated[Caller, Depends(require("benevolence:read"))]
Creator = Annotated[Caller, Depends(require("benevolence:create"))]
Editor = Annotated[Caller, Depends(require("benevolence:update"))]
Approver = Annotated[Caller, Depends(require("benevolence:approve"))]


@router.get("/my/benevolence")
async def my_applications(
    runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember, before: Cursor = None, limit: Limit = 50
) -> Page[BenevolenceItem]:
    """The caller's own applications for help, newest first."""
    return await service.own_applications(runtime, caller, member_id, before=before, limit=limit)


@router.post("/my/benevolence", status_code=201)
async def apply_myself(
    body: OwnBenevolenceOrder, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> BenevolenceItem:
    """Ask for help, or begin a draft of that."""
    return await service.apply_myself(runtime, caller, member_id, body)


@router.patch("/my/benevolence/{benevolence_id}")
async def change_mine(
    benevolence_id: PathId,
    body: OwnBenevolenceChange,
    runtime: RuntimeDependency,
    caller: CallerDependency,
    member_id: OwnMember,
) -> BenevolenceItem:
    """Change a draft of the caller's own, or hand it in."""
    return await service.change_own(runtime, caller, member_id, benevolence_id, body)


@router.post("/my/benevolence/{benevolence_id}/withdraw")
async def withdraw_mine(
    benevolence_id: PathId, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> BenevolenceItem:
    """Take an application back that nobody has looked at yet."""
    return await service.withdraw(runtime, caller, member_id, benevolence_id)


@router.get("/benevolence")
async def applications(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    status: BenevolenceStatus | None = None,
    member_id: Annotated[Identifier | None, Query()] = None,
    search: Search = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[BenevolenceItem]:
    """Applications for help, newest first; `search` begins the member's names. The reading is recorded."""
    return await service.applications(
        runtime, caller, status=status, member_id=member_id, search=search, before=before, limit=limit
    )


@router.post("/benevolence", status_code=201)
async def apply(body: BenevolenceOrder, runtime: RuntimeDependency, caller: Creator) -> BenevolenceItem:
    """Take an application for help."""
    return await service.apply(runtime, caller, body)


@router.get("/benevolence/{benevolence_id}")
async def application(benevolence_id: PathId, runtime: RuntimeDependency, caller: Reader) -> BenevolenceItem:
    """One application; the reading is recorded."""
    return await service.application(runtime, caller, benevolence_id)


@router.patch("/benevolence/{benevolence_id}")
async def change(
    benevolence_id: PathId, body: BenevolenceChange, runtime: RuntimeDependency, caller: Editor
) -> BenevolenceItem:
    """Change an application; deciding needs `benevolence:approve`."""
    return await service.change(runtime, caller, benevolence_id, body)


@router.get("/benevolence/{benevolence_id}/reviews")
async def reviews(
    benevolence_id: PathId, runtime: RuntimeDependency, caller: Reader, before: Cursor = None, limit: Limit = 50
) -> Page[ReviewItem]:
    """The reviews of an application."""
    return await service.reviews(runtime, caller, benevolence_id, before=before, limit=limit)


@router.post("/benevolence/{benevolence_id}/reviews", status_code=201)
async def add_review(
    benevolence_id: PathId, body: ReviewOrder, runtime: RuntimeDependency, caller: Approver
) -> ReviewItem:
    """Review an application."""
    return await service.add_review(runtime, caller, benevolence_id, body)
