"""Members for the office: finding one, and the record with what belongs to it."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Query
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ip2a.dues import service as dues_service
from ip2a.dues.schemas import DuesResponse
from ip2a.employments import service as employments
from ip2a.members import service
from ip2a.members.models import MemberClassification, MemberStatus
from ip2a.members.schemas import MemberChange
from ip2a.notes import service as notes
from ip2a.notes.models import NoteVisibility
from ip2a.notes.schemas import NoteOrder
from ip2a.pages.forms import messages_of
from ip2a.pages.session import PartDependency, Visit, VisitDependency, show
from ip2a.records import service as records
from ip2a.referrals import service as referrals
from ip2a.referrals.schemas import OwnRegistration
from ip2a.removals import service as removals
from ip2a.removals.kinds import RemovedKind
from ip2a.runtime import Runtime
from ip2a.web.answers import body_of
from ip2a.web.dependencies import Caller, RuntimeDependency
from ip2a.web.keyset import Page, PathId
from ip2a.web.problems import Problem

router = APIRouter(prefix="/office/members", include_in_schema=False)

SHOWN = 50
MONTHS = 6  # of dues beside the record
PLACES = 10  # on books beside it
CONTACT = ("address", "city", "state", "zip_code", "phone", "email")

Text = Annotated[str, Form(max_length=255)]


@router.get("")
async def members(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    part: PartDependency,
    *,
    search: Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")] = "",
    after: Annotated[str | None, Query(max_length=250, pattern=r"^[^\x00]*$")] = None,
    said: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """A search, and who was found."""
    caller = _permitted(visit, "members:read")
    found = await service.members(
        runtime, caller, search=search, status=None, classification=None, after=after, limit=SHOWN
    )
    values = {"found": found, "search": search, "said": said, "may_add": caller.may("members:create")}
    return show(runtime, visit, "members.html", values, active="members", part=part)


@router.get("/{member_id}")
async def member(
    member_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    said: Annotated[str, Query(max_length=20)] = "",
    earlier: Annotated[str | None, Query(alias="notes", max_length=200)] = None,
    months: Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}$")] = None,
) -> Response:
    """A member's record with jobs, places on books, dues and notes."""
    return await _record(runtime, visit, member_id, said=said, earlier=earlier, months=months)


@router.post("/{member_id}")
async def change(
    member_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    address: Text = "",
    city: Text = "",
    state: Text = "",
    zip_code: Text = "",
    phone: Text = "",
    email: Text = "",
    status: Text = "",
    classification: Text = "",
    version: Annotated[int, Form(ge=1)],
) -> Response:
    """Change the record, or show the form again with what is wrong."""
    caller = _permitted(visit, "members:update")
    contact = dict(zip(CONTACT, (address, city, state, zip_code, phone, email), strict=True))
    fields = {name: value.strip() or None for name, value in contact.items()}
    given = {**fields, "status": status, "classification": classification, "version": version}
    try:
        await service.change(runtime, caller, member_id, MemberChange.model_validate(given))
    except ValidationError as error:
        return await _record(runtime, visit, member_id, given=given, wrong=messages_of(error))
    except Problem as problem:
        if problem.status != 409:
            raise
        return await _record(runtime, visit, member_id, problem=problem)
    return RedirectResponse(f"/office/members/{member_id}?said=saved", 303)


@router.post("/{member_id}/deletion")
async def delete(member_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Delete the member; with them their account ends."""
    caller = _permitted(visit, "members:delete")
    try:
        await removals.delete(runtime, caller, RemovedKind.MEMBERS, member_id)
    except Problem as problem:
        if problem.status != 409:
            raise
        return await _record(runtime, visit, member_id, problem=problem)
    return RedirectResponse("/office/members?said=deleted", 303)


@router.post("/{member_id}/notes")
async def write_note(
    member_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    body: Annotated[str, Form(min_length=1, max_length=4000)],
    visibility: Annotated[NoteVisibility, Form()],
) -> Response:
    """Write a note."""
    caller = _permitted(visit, "members:read")
    try:
        order = NoteOrder(body=body, visibility=visibility)
    except ValidationError:
        raise Problem(422, "invalid-request", "A note needs some text.") from None
    await notes.write(runtime, caller, member_id, order)
    return RedirectResponse(f"/office/members/{member_id}?said=noted", 303)


async def _record(
    runtime: Runtime,
    visit: Visit,
    member_id: int,
    *,
    said: str = "",
    earlier: str | None = None,
    months: str | None = None,
    given: Mapping[str, object] | None = None,
    wrong: dict[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    caller = _permitted(visit, "members:read")
    record = await records.one(runtime, caller, service.MEMBERS, member_id)
    dues = None
    if caller.may("dues:read"):
        query = dues_service.dues(caller.identity, member_id, before=months, limit=MONTHS)
        dues = DuesResponse.model_validate_json(await body_of(runtime, caller, query))
    found = await notes.notes(runtime, caller, member_id, before=earlier, limit=10)
    values = {
        "member": record,
        "form": {**record.model_dump(mode="json"), **(given or {})},
        "wrong": wrong or {},
        "problem": problem,
        "said": said,
        "places": await _places(runtime, caller, member_id),
        "jobs": await employments.of_member(runtime, caller, member_id, before=None, limit=10),
        "notes": found,
        "changeable": {note.id for note in found.items if notes.may_change(caller, note)},
        "dues": dues,
        "statuses": list(MemberStatus),
        "classifications": list(MemberClassification),
        "visibilities": list(NoteVisibility),
        "may_change": caller.may("members:update"),
        "may_process_dues": caller.may("dues:process"),
        "may_delete": caller.may("members:delete"),
        "may_see_files": caller.may("files:read"),
    }
    status = 422 if wrong else 409 if problem else 200
    return show(runtime, visit, "member.html", values, active="members", status=status)


async def _places(runtime: Runtime, caller: Caller, member_id: int) -> Page[OwnRegistration] | None:
    """The member's places on books, for those who take care of them."""
    if not caller.may("referrals:read"):
        return None
    return await referrals.own_registrations(runtime, caller, member_id, before=None, limit=PLACES)


def _permitted(visit: Visit, permission: str) -> Caller:
    visit.caller.need(permission)
    return visit.caller
