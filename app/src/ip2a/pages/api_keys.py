"""API keys for administrators: who has one, making one for an account, ending one."""

from typing import Annotated

from fastapi import APIRouter, Form, Query
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ip2a.api_keys import service
from ip2a.api_keys.schemas import LONGEST_DAYS, ApiKeyOrder
from ip2a.audit.service import record_read
from ip2a.pages.forms import messages_of
from ip2a.pages.session import PartDependency, Visit, VisitDependency, show
from ip2a.runtime import Runtime
from ip2a.security.api_keys import OFFERED_SCOPES
from ip2a.security.permissions import permits
from ip2a.users import service as users
from ip2a.users.schemas import AccountItem
from ip2a.web.dependencies import Caller, RuntimeDependency
from ip2a.web.keyset import Cursor, Identifier, PathId

PATH, USERS = "/admin/api-keys", "/admin/users"
SHOWN = 50
LIFETIMES = (30, 90, 180, LONGEST_DAYS)

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def keys(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    part: PartDependency,
    before: Cursor = None,
    said: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Every key, the newest first."""
    caller = _administrator(visit)
    await record_read(runtime, caller, "api_keys")
    found = await service.page(runtime, caller, before=before, limit=SHOWN)
    values = {"found": found, "now": runtime.now(), "said": said}
    return show(runtime, visit, "api_keys.html", values, active="admin", part=part)


@router.get(USERS + "/{user_id}/api-keys")
async def new(user_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The form for a key of an account: only what the account may do is offered."""
    caller = _administrator(visit)
    await record_read(runtime, caller, "users", user_id)
    return _form(runtime, visit, await users.find(runtime, caller, user_id))


@router.post(PATH)
async def create(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    user_id: Annotated[Identifier, Form()],
    name: Annotated[str, Form(max_length=100)] = "",
    scopes: Annotated[list[str], Form(max_length=50)] = [],  # noqa: B006 (FastAPI copies it)
    days_valid: Annotated[int, Form(ge=1, le=LONGEST_DAYS)] = 90,
) -> Response:
    """Make the key and show it, this once; or show the form again with what is wrong."""
    caller = _administrator(visit)
    given = {"name": name, "scopes": scopes, "days_valid": days_valid}
    try:
        order = ApiKeyOrder.model_validate({**given, "user_id": user_id})
    except ValidationError as error:
        item = await users.find(runtime, caller, user_id)
        return _form(runtime, visit, item, given, messages_of(error))
    made = await service.create(runtime, caller, order)
    return show(runtime, visit, "api_key_made.html", {"made": made}, active="admin", status=201)


@router.post(PATH + "/{key_id}/revoke")
async def revoke(key_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """End a key."""
    await service.revoke(runtime, _administrator(visit), key_id)
    return RedirectResponse(f"{PATH}?said=revoked", 303)


def _form(
    runtime: Runtime,
    visit: Visit,
    item: AccountItem,
    given: dict[str, object] | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    roles = [held.role.value for held in item.roles]
    values = {
        "item": item,
        "offered": [scope for scope in OFFERED_SCOPES if permits(roles, scope)],
        "lifetimes": LIFETIMES,
        "form": {"name": "", "scopes": [], "days_valid": 90, **(given or {})},
        "wrong": wrong or {},
    }
    return show(runtime, visit, "api_key_new.html", values, active="admin", status=422 if wrong else 200)


def _administrator(visit: Visit) -> Caller:
    visit.caller.need("users:manage")
    return visit.caller
