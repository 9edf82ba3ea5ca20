"""`/api/v1/members/…/notes`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ip2a.notes import service
from ip2a.notes.schemas import NoteChange, NoteItem, NoteOrder
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["notes"])

Reader = Annotated[Caller, Depends(require("members:read"))]


@router.get("/members/{member_id}/notes")
async def notes(
    member_id: PathId, runtime: RuntimeDependency, caller: Reader, before: Cursor = None, limit: Limit = 50
) -> Page[NoteItem]:
    """The notes about a member that are meant for the caller; the reading is recorded."""
    return await service.notes(runtime, caller, member_id, before=before, limit=limit)


@router.post("/members/{member_id}/notes", status_code=201)
async def write(member_id: PathId, body: NoteOrder, runtime: RuntimeDependency, caller: Reader) -> NoteItem:
    """Write a note about a member."""
    return await service.write(runtime, caller, member_id, body)


@router.patch("/notes/{note_id}")
async def change(note_id: PathId, body: NoteChange, runtime: RuntimeDependency, caller: Reader) -> NoteItem:
    """Change a note of one's own."""
    return await service.change(runtime, caller, note_id, body)
