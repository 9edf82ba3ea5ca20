"""`/api/v1/my/profile` and members for those who may read them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from ip2a.members import service
from ip2a.members.schemas import ContactChange, ProfileResponse
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require

router = APIRouter(prefix="/api/v1", tags=["members"])


@router.get("/my/profile")
async def my_profile(runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember) -> ProfileResponse:
    """The caller's own member record."""
    return await service.profile(runtime.databases, caller.identity, member_id)


@router.patch("/my/profile")
async def change_my_contact(
    body: ContactChange, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> ProfileResponse:
    """Change the caller's own contact fields."""
    return await service.change_contact(runtime.databases, caller.identity, member_id, body)


@router.get("/members/{member_id}")
async def member(
    member_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("members:read"))],
) -> ProfileResponse:
    """One member's record, for staff."""
    return await service.profile(runtime.databases, caller.identity, member_id)
