"""Notes about members. Row-level security decides who reads which: by visibility, and authors their own."""

from ip2a.members.models import Member
from ip2a.notes import repository
from ip2a.notes.models import MemberNote
from ip2a.notes.schemas import NoteChange, NoteItem, NoteOrder
from ip2a.records import service as records
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page
from ip2a.web.problems import Problem

EVERY_NOTE = "notes_staff_only"
NOTES = Kind(name="note", model=MemberNote, item=NoteItem, shown=repository.SHOWN)


async def notes(runtime: Runtime, caller: Caller, member_id: int, *, before: str | None, limit: int) -> Page[NoteItem]:
    """The notes about a member the caller may read, newest first; Problem 404."""
    of = (Member, member_id)
    conditions = [MemberNote.member_id == member_id]
    return await records.page(runtime, caller, NOTES, conditions, before=before, limit=limit, of=of)


async def note(runtime: Runtime, caller: Caller, identifier: int) -> NoteItem:
    """One note; Problem 404."""
    return await records.one(runtime, caller, NOTES, identifier)


def may_change(caller: Caller, note: NoteItem) -> bool:
    """Whether the caller wrote the note, or reads every note."""
    return note.author_id == caller.principal.user_id or EVERY_NOTE in caller.identity.resources


async def write(runtime: Runtime, caller: Caller, member_id: int, order: NoteOrder) -> NoteItem:
    """Write a note about a member.

    Raises Problem 422 (no such member).
    """
    about = {"member_id": member_id, "author_id": caller.principal.user_id}
    return await records.add(runtime, caller, NOTES, order.model_dump() | about)


async def change(runtime: Runtime, caller: Caller, identifier: int, change: NoteChange) -> NoteItem:
    """Change a note; only its author and those who read every note may.

    Raises Problem 403, 404, 409 (changed meanwhile), 422.
    """
    if not may_change(caller, await records.read(runtime, caller, NOTES, identifier)):
        raise Problem(403, "not-the-author", "Only its author may change a note.")
    return await records.change(runtime, caller, NOTES, identifier, change.model_dump(exclude_unset=True))
