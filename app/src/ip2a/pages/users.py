"""Accounts for administrators: finding and making one, its roles, its sessions, whether it may log in."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ip2a.audit.service import record_read
from ip2a.auth.models import RoleName
from ip2a.members import service as members
from ip2a.pages.forms import messages_of
from ip2a.pages.session import PartDependency, Visit, VisitDependency, show
from ip2a.records import service as records
from ip2a.referrals.rules import LOCAL_TIME
from ip2a.runtime import Runtime
from ip2a.users import service
from ip2a.users.schemas import AccountChange, AccountOrder, RoleGrant, RolesOrder
from ip2a.web.dependencies import Caller, RuntimeDependency
from ip2a.web.keyset import PathId
from ip2a.web.problems import Problem

PATH = "/admin/users"
SHOWN = 50
SAID = {
    "created": "The account is made; a mail with a link for choosing a password is on its way.",
    "saved": "The account is saved.",
    "roles": "The roles are saved. They count on the account's next request.",
    "locked": "The account is deactivated and logged out everywhere.",
    "unlocked": "The account may log in again.",
    "reset": "The account is logged out everywhere; a mail with a link for a new password is on its way.",
    "mailed": "A mail with a link for choosing a password is on its way.",
    "ended": "The session is ended.",
    "all-ended": "Every session of the account is ended.",
}

router = APIRouter(prefix=PATH, include_in_schema=False)

Text = Annotated[str, Form(max_length=255)]
Roles = Annotated[list[str], Form(max_length=len(RoleName))]


@router.get("")
async def accounts(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    part: PartDependency,
    *,
    search: Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")] = "",
    role: Annotated[RoleName | Literal[""], Query()] = "",
    after: Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00]*$")] = None,
) -> Response:
    """A search, and whose accounts were found."""
    caller = _administrator(visit)
    await record_read(runtime, caller, "users")
    found = await service.page(runtime, caller, search=search, role=role or None, after=after, limit=SHOWN)
    values = {"found": found, "search": search, "role": role, "roles": list(RoleName)}
    return show(runtime, visit, "users.html", values, active="admin", part=part)


@router.get("/new")
async def new(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The form for a new account."""
    _administrator(visit)
    return _form(runtime, visit)


@router.post("")
async def create(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    email: Text = "",
    first_name: Text = "",
    last_name: Text = "",
    member_number: Text = "",
    role: Roles = [],  # noqa: B006 (FastAPI copies it)
) -> Response:
    """Make the account, or show the form again with what is wrong."""
    caller = _administrator(visit)
    given = {"email": email, "first_name": first_name, "last_name": last_name}
    form = {**given, "member_number": member_number, "role": role}
    try:
        member_id = await _member_of(runtime, caller, member_number.strip())
        grants = [{"role": name} for name in role]
        order = AccountOrder.model_validate({**given, "member_id": member_id, "roles": grants})
        item = await service.create(runtime, caller, order)
    except ValidationError as error:
        return _form(runtime, visit, form, messages_of(error))
    except Problem as problem:
        return _form(runtime, visit, form, problem=problem)
    return _back(item.id, "created")


@router.get("/{user_id}")
async def account(
    user_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    said: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """One account with its sessions."""
    return await _account(runtime, visit, user_id, said=said)


@router.post("/{user_id}")
async def change(
    user_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    email: Text = "",
    first_name: Text = "",
    last_name: Text = "",
    member_number: Text = "",
) -> Response:
    """Change name, address and the member behind it, or show the page again with what is wrong."""
    caller = _administrator(visit)
    given: dict[str, object] = {"email": email, "first_name": first_name, "last_name": last_name}
    form = {**given, "member_number": member_number}
    try:
        now = await service.find(runtime, caller, user_id)
        member_id = await _member_of(runtime, caller, member_number.strip())
        links = {} if member_id == now.member_id else {"member_id": member_id}
        order = AccountChange.model_validate({**given, **links})
        await service.change(runtime, caller, user_id, order)
    except ValidationError as error:
        return await _account(runtime, visit, user_id, form=form, wrong=messages_of(error))
    except Problem as problem:
        if problem.status == 404:
            raise
        return await _account(runtime, visit, user_id, form=form, problem=problem)
    return _back(user_id, "saved")


@router.post("/{user_id}/roles")
async def set_roles(user_id: PathId, request: Request, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Give exactly the roles that are marked, each until the end of its day where one is given."""
    caller = _administrator(visit)
    form = await request.form()
    try:
        marked = [RoleName(str(name)) for name in form.getlist("role")]
        grants = [RoleGrant(role=role, expires_at=_end_of(str(form.get(f"until-{role}", "")))) for role in marked]
        await service.set_roles(runtime, caller, user_id, RolesOrder(roles=grants))
    except ValueError:
        problem = Problem(422, "invalid-request", "A role ends on a day such as 2027-01-31.")
        return await _account(runtime, visit, user_id, problem=problem)
    except Problem as problem:
        if problem.status == 404:
            raise
        return await _account(runtime, visit, user_id, problem=problem)
    return _back(user_id, "roles")


@router.post("/{user_id}/lock")
async def lock(user_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Deactivate the account."""
    await service.lock(runtime, _administrator(visit), user_id)
    return _back(user_id, "locked")


@router.post("/{user_id}/unlock")
async def unlock(user_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Let the account log in again."""
    await service.unlock(runtime, _administrator(visit), user_id)
    return _back(user_id, "unlocked")


@router.post("/{user_id}/force-reset")
async def force_reset(user_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Have its owner choose a new password."""
    await service.force_reset(runtime, _administrator(visit), user_id)
    return _back(user_id, "reset")


@router.post("/{user_id}/reset-mail")
async def send_reset(user_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Mail a link for choosing a password."""
    await service.send_reset(runtime, _administrator(visit), user_id)
    return _back(user_id, "mailed")


@router.post("/{user_id}/sessions/end")
async def end_sessions(user_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """End every session of the account."""
    await service.end_sessions(runtime, _administrator(visit), user_id)
    return _back(user_id, "all-ended")


@router.post("/{user_id}/sessions/{session_id}/end")
async def end_session(
    user_id: PathId, session_id: UUID, runtime: RuntimeDependency, visit: VisitDependency
) -> Response:
    """End one session of the account."""
    await service.end_session(runtime, _administrator(visit), user_id, session_id)
    return _back(user_id, "ended")


async def _account(
    runtime: Runtime,
    visit: Visit,
    user_id: int,
    *,
    said: str = "",
    form: Mapping[str, object] | None = None,
    wrong: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    caller = _administrator(visit)
    await record_read(runtime, caller, "users", user_id)
    item = await service.find(runtime, caller, user_id)
    member = None if item.member_id is None else await records.one(runtime, caller, members.MEMBERS, item.member_id)
    known = {**item.model_dump(), "member_number": member.member_number if member else ""}
    values = {
        "item": item,
        "held": {held.role: _last_day(held.expires_at) for held in item.roles},
        "is_locked": item.locked_until is not None and item.locked_until > runtime.now(),
        "sessions": await service.sessions(runtime, caller, user_id),
        "current": str(visit.caller.session_id),
        "roles": list(RoleName),
        "form": {**known, **(form or {})},
        "wrong": wrong or {},
        "problem": problem,
        "said": SAID.get(said, ""),
    }
    status = 422 if wrong else problem.status if problem else 200
    return show(runtime, visit, "user.html", values, active="admin", status=status)


async def _member_of(runtime: Runtime, caller: Caller, number: str) -> int | None:
    """The member with this number. Raises Problem 422 when there is none."""
    if not number:
        return None
    found = await members.members(
        runtime, caller, search=number, status=None, classification=None, after=None, limit=SHOWN
    )
    for member in found.items:
        if member.member_number.lower() == number.lower():
            return member.id
    raise Problem(422, "no-such-member", "`member_number`: there is no member with this number.")


def _form(
    runtime: Runtime,
    visit: Visit,
    form: Mapping[str, object] | None = None,
    wrong: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    empty = {"email": "", "first_name": "", "last_name": "", "member_number": "", "role": []}
    values = {"form": {**empty, **(form or {})}, "wrong": wrong or {}, "problem": problem, "roles": list(RoleName)}
    status = 422 if wrong else problem.status if problem else 200
    return show(runtime, visit, "user_new.html", values, active="admin", status=status)


def _end_of(day: str) -> datetime | None:
    """The moment after the local's day, None for no day. Raises ValueError."""
    if not day:
        return None
    return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), LOCAL_TIME)


def _last_day(end: datetime | None) -> str:
    """The day that `_end_of` would turn into this end."""
    return "" if end is None else (end.astimezone(LOCAL_TIME) - timedelta(seconds=1)).date().isoformat()


def _administrator(visit: Visit) -> Caller:
    visit.caller.need("users:manage")
    return visit.caller


def _back(user_id: int, said: str) -> Response:
    return RedirectResponse(f"{PATH}/{user_id}?said={said}", 303)
