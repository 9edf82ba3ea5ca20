"""A member asks for help: one's own applications, a new one, a draft that is changed, one that is taken back."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from ip2a.benevolence import service
from ip2a.benevolence.models import BenevolenceStatus
from ip2a.benevolence.rules import OPEN_TO_MEMBER
from ip2a.benevolence.schemas import BenevolenceItem, OwnBenevolenceChange, OwnBenevolenceOrder
from ip2a.pages.records import inputs
from ip2a.pages.records.inputs import Input
from ip2a.pages.records.routes import STALE, Filled, read, typed_in
from ip2a.pages.session import Visit, VisitDependency, show
from ip2a.runtime import Runtime
from ip2a.web.dependencies import RuntimeDependency, own_member
from ip2a.web.keyset import Cursor, PathId
from ip2a.web.problems import Problem

PATH = "/my/benevolence"
SHOWN = 50
SAID = {
    "submitted": "Your application is handed in.",
    "draft": "The draft is kept. Nobody decides on it before you hand it in.",
    "withdrawn": "The application is withdrawn.",
}
INPUTS = (
    Input("reason", "Reason"),
    Input("amount_requested_cents", "Asked for, in dollars"),
    Input("description", "What happened"),
    Input("status", "Keep it as"),
)
NEW = inputs.fields_of(OwnBenevolenceOrder, INPUTS, OwnBenevolenceOrder)
EDIT = inputs.fields_of(OwnBenevolenceChange, INPUTS, OwnBenevolenceOrder)

router = APIRouter(prefix=PATH, include_in_schema=False)


@router.get("")
async def own(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    before: Cursor = None,
    said: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The member's own applications, and the form for another."""
    return await _own(runtime, visit, Filled(NEW, inputs.defaults_of(NEW)), before=before, said=SAID.get(said, ""))


@router.post("")
async def ask(request: Request, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Hand an application in or begin a draft, or show the form again."""
    member_id = await own_member(visit.caller)
    filled = Filled(NEW, await typed_in(request))
    order = await read(runtime, visit.caller, filled, OwnBenevolenceOrder)
    if not isinstance(order, OwnBenevolenceOrder):
        return await _own(runtime, visit, filled)
    made = await service.apply_myself(runtime, visit.caller, member_id, order)
    return RedirectResponse(f"{PATH}?said={made.status.value}", 303)


@router.get("/{benevolence_id}/edit")
async def editing(benevolence_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The form that changes a draft."""
    current = await _stored(runtime, visit, benevolence_id)
    return _edit(runtime, visit, Filled(EDIT, inputs.typed_of(EDIT, current)), current)


@router.post("/{benevolence_id}")
async def save(
    benevolence_id: PathId, request: Request, runtime: RuntimeDependency, visit: VisitDependency
) -> Response:
    """Change the draft, or show the form again."""
    current = await _stored(runtime, visit, benevolence_id)
    filled = Filled(EDIT, await typed_in(request))
    if filled.typed.get("version") != str(current.version):
        filled.alert, filled.status = STALE, 409
        return _edit(runtime, visit, filled, current)
    change = await read(runtime, visit.caller, filled, OwnBenevolenceChange, current)
    if not isinstance(change, OwnBenevolenceChange):
        return _edit(runtime, visit, filled, current)
    saved = await service.change_own(runtime, visit.caller, current.member_id, benevolence_id, change)
    return RedirectResponse(f"{PATH}?said={saved.status.value}", 303)


@router.post("/{benevolence_id}/withdraw")
async def withdraw(benevolence_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Take an application back."""
    await service.withdraw(runtime, visit.caller, await own_member(visit.caller), benevolence_id)
    return RedirectResponse(f"{PATH}?said=withdrawn", 303)


async def _stored(runtime: Runtime, visit: Visit, benevolence_id: int) -> BenevolenceItem:
    """A draft of the member's own. Raises Problem 404, 409 (handed in)."""
    current = await service.own_application(runtime, visit.caller, await own_member(visit.caller), benevolence_id)
    if current.status is not BenevolenceStatus.DRAFT:
        raise Problem(409, "handed-in", f"The application is {current.status.value}: only drafts are changed.")
    return current


async def _own(runtime: Runtime, visit: Visit, form: Filled, *, before: str | None = None, said: str = "") -> Response:
    member_id = await own_member(visit.caller)
    found = await service.own_applications(runtime, visit.caller, member_id, before=before, limit=SHOWN)
    values = {"found": found, "form": form, "said": said, "open": OPEN_TO_MEMBER, "path": PATH}
    return show(runtime, visit, "own_benevolence.html", values, active="benevolence", status=form.status)


def _edit(runtime: Runtime, visit: Visit, form: Filled, current: BenevolenceItem) -> Response:
    values = {"form": form, "record": current, "path": PATH}
    return show(runtime, visit, "own_benevolence_edit.html", values, active="benevolence", status=form.status)
