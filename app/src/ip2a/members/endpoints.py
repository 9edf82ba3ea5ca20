"""`/api/v1/my/profile` and members for those who may read them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from ip2a.audit.service import record_read
from ip2a.members import service
from ip2a.members.schemas import ContactChange, ProfileResponse
from ip2a.web.answers import answer
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require

router = APIRouter(prefix="/api/v1", tags=["members"])


@router.get("/my/profile", response_model=ProfileResponse)
async def my_profile(runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember) -> Response:
    """The caller's own member record."""
    return await answer(runtime, caller, service.profile(caller.identity, member_id))


@router.patch("/my/profile", response_model=ProfileResponse)
async def change_my_contact(
    body: ContactChange, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> Response:
    """Change the caller's own contact fields."""
    caller.wrote(await service.change_contact(runtime, caller.identity, member_id, body))
    return await answer(runtime, caller, service.profile(caller.identity, member_id))


@router.get("/members/{member_id}", response_model=ProfileResponse)
async def member(
    member_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("members:read"))],
) -> Response:
    """One member's record, for staff; the reading is recorded."""
    await record_read(runtime, caller, "members", member_id, member_id)
    return await answer(runtime, caller, service.profile(caller.identity, member_id))
