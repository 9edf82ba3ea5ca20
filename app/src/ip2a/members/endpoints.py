"""`/api/v1/my/profile` and members for those who may read them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from ip2a.audit.service import record_read
from ip2a.members import service
from ip2a.members.models import MemberClassification, MemberStatus
from ip2a.members.schemas import ContactChange, MemberChange, MemberItem, MemberOrder, MemberRecord, ProfileResponse
from ip2a.web.answers import answer
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require
from ip2a.web.keyset import Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["members"])

Reader = Annotated[Caller, Depends(require("members:read"))]
Search = Annotated[
    str, Query(max_length=100, pattern=r"^[^\x00]*$", description="Beginnings of names or of the number.")
]
MemberCursor = Annotated[
    str | None, Query(max_length=250, pattern=r"^[^\x00]*$", description="The `next` of the page before.")
]


@router.get("/my/profile", response_model=ProfileResponse)
async def my_profile(runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember) -> Response:
    """The caller's own member record."""
    return await answer(runtime, caller, service.profile(caller.identity, member_id))


@router.patch("/my/profile", response_model=ProfileResponse)
async def change_my_contact(
    body: ContactChange, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> Response:
    """Change the caller's own contact fields."""
    return Response(await service.change_contact(runtime, caller, member_id, body), media_type="application/json")


@router.get("/members")
async def members(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    search: Search = "",
    status: MemberStatus | None = None,
    classification: MemberClassification | None = None,
    after: MemberCursor = None,
    limit: Limit = 50,
) -> Page[MemberItem]:
    """Members by name; each word of `search` begins a name or the number. The reading is recorded."""
    return await service.members(
        runtime, caller, search=search, status=status, classification=classification, after=after, limit=limit
    )


@router.post("/members", status_code=201)
async def new_member(
    body: MemberOrder, runtime: RuntimeDependency, caller: Annotated[Caller, Depends(require("members:create"))]
) -> MemberRecord:
    """Take somebody in."""
    return await service.new_member(runtime, caller, body)


@router.get("/members/{member_id}", response_model=ProfileResponse)
async def member(member_id: PathId, runtime: RuntimeDependency, caller: Reader) -> Response:
    """One member's record, for staff; the reading is recorded."""
    await record_read(runtime, caller, "members", member_id, member_id)
    return await answer(runtime, caller, service.profile(caller.identity, member_id))


@router.patch("/members/{member_id}")
async def change_member(
    member_id: PathId,
    body: MemberChange,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("members:update"))],
) -> MemberRecord:
    """Change a member's record: the version that was read becomes the next, or nothing happens."""
    return await service.change(runtime, caller, member_id, body)
