"""`/api/v1/referrals/books`, `/api/v1/referrals/registrations` and `/api/v1/my/registrations`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ip2a.audit.service import record_read
from ip2a.referrals import service
from ip2a.referrals.schemas import (
    ActivityItem,
    BookItem,
    EnforcementPreview,
    ExemptionRequest,
    OwnRegistration,
    OwnRegistrationRequest,
    QueueItem,
    RegistrationItem,
    RegistrationRequest,
    RollOffRequest,
)
from ip2a.web.dependencies import Caller, CallerDependency, OwnMember, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["referrals"])

Reader = Annotated[Caller, Depends(require("referrals:read"))]
Clerk = Annotated[Caller, Depends(require("referrals:update"))]


@router.get("/my/registrations")
async def my_registrations(
    runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember, before: Cursor = None, limit: Limit = 50
) -> Page[OwnRegistration]:
    """The caller's places on books, with position and estimated wait."""
    return await service.own_registrations(runtime, caller, member_id, before=before, limit=limit)


@router.post("/my/registrations", status_code=201)
async def register_myself(
    body: OwnRegistrationRequest, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> RegistrationItem:
    """Take a place at the end of a book."""
    return await service.register(runtime, caller, member_id=member_id, book_id=body.book_id)


@router.post("/my/registrations/{registration_id}/re-sign")
async def re_sign_mine(
    registration_id: PathId, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> RegistrationItem:
    """Sign again for another 30 days."""
    return await service.re_sign(runtime, caller, registration_id, member_id)


@router.post("/my/registrations/{registration_id}/resign")
async def resign_mine(
    registration_id: PathId, runtime: RuntimeDependency, caller: CallerDependency, member_id: OwnMember
) -> RegistrationItem:
    """Give up the caller's own place."""
    return await service.resign(runtime, caller, registration_id, member_id)


@router.get("/referrals/books")
async def books(runtime: RuntimeDependency, caller: CallerDependency) -> list[BookItem]:
    """Every book, in the order of the morning."""
    return await service.books(runtime, caller)


@router.get("/referrals/books/{book_id}/queue")
async def queue(
    book_id: PathId, runtime: RuntimeDependency, caller: Reader, after: Cursor = None, limit: Limit = 50
) -> Page[QueueItem]:
    """Who waits on a book, longest first; the reading is recorded."""
    await record_read(runtime, caller, "book_registrations")
    return await service.queue(runtime, caller, book_id, after=after, limit=limit)


@router.post("/referrals/books/{book_id}/registrations", status_code=201)
async def register(
    book_id: PathId,
    body: RegistrationRequest,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("referrals:create"))],
) -> RegistrationItem:
    """Register a member at the office."""
    return await service.register(runtime, caller, member_id=body.member_id, book_id=book_id)


@router.get("/referrals/enforcement")
async def enforcement_preview(runtime: RuntimeDependency, caller: Reader) -> EnforcementPreview:
    """What the night's enforcement would do if it ran now; nothing is done."""
    return await service.enforcement_preview(runtime, caller)


@router.get("/referrals/registrations/{registration_id}/history")
async def history(
    registration_id: PathId, runtime: RuntimeDependency, caller: Reader, before: Cursor = None, limit: Limit = 50
) -> Page[ActivityItem]:
    """What happened to a registration, newest first; the reading is recorded."""
    await record_read(runtime, caller, "book_registrations", registration_id)
    return await service.history(runtime, caller, registration_id, before=before, limit=limit)


@router.post("/referrals/registrations/{registration_id}/re-sign")
async def re_sign(registration_id: PathId, runtime: RuntimeDependency, caller: Clerk) -> RegistrationItem:
    """Sign again on a member's behalf."""
    return await service.re_sign(runtime, caller, registration_id)


@router.post("/referrals/registrations/{registration_id}/resign")
async def resign(registration_id: PathId, runtime: RuntimeDependency, caller: Clerk) -> RegistrationItem:
    """Give up the place on a member's behalf."""
    return await service.resign(runtime, caller, registration_id)


@router.post("/referrals/registrations/{registration_id}/roll-off")
async def roll_off(
    registration_id: PathId, body: RollOffRequest, runtime: RuntimeDependency, caller: Clerk
) -> RegistrationItem:
    """Take the place away."""
    return await service.roll_off(runtime, caller, registration_id, body)


@router.post("/referrals/registrations/{registration_id}/check-mark")
async def check_mark(registration_id: PathId, runtime: RuntimeDependency, caller: Clerk) -> RegistrationItem:
    """A check mark, once a day; the third rolls off."""
    return await service.check_mark(runtime, caller, registration_id)


@router.post("/referrals/registrations/{registration_id}/exemption")
async def exempt(
    registration_id: PathId, body: ExemptionRequest, runtime: RuntimeDependency, caller: Clerk
) -> RegistrationItem:
    """Keep the place without re-signing for a while."""
    return await service.exempt(runtime, caller, registration_id, body)


@router.delete("/referrals/registrations/{registration_id}/exemption")
async def end_exemption(registration_id: PathId, runtime: RuntimeDependency, caller: Clerk) -> RegistrationItem:
    """Back to waiting, with seven days at least to re-sign."""
    return await service.end_exemption(runtime, caller, registration_id)
