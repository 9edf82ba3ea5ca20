"""One's own account: password and sessions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from ip2a.accounts import service as accounts
from ip2a.auth import service as auth_service
from ip2a.pages.rendering import render
from ip2a.pages.session import AnyVisitDependency, Visit, VisitDependency
from ip2a.runtime import Runtime
from ip2a.security.passwords import MAXIMUM_LENGTH
from ip2a.web import cookies
from ip2a.web.dependencies import ClientDependency, RuntimeDependency
from ip2a.web.problems import Problem

router = APIRouter(prefix="/account", include_in_schema=False)

Password = Annotated[str, Form(max_length=MAXIMUM_LENGTH)]


@router.get("")
async def account(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Who one is here, and where one is logged in."""
    sessions = await auth_service.sessions(runtime, visit.caller.principal.user_id)
    return _page(runtime, visit, "account.html", {"sessions": sessions, "current": visit.caller.session_id})


@router.post("/sessions/{session_id}/end")
async def end(session_id: UUID, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """End a session."""
    caller = visit.caller
    if not await auth_service.end_session(runtime, caller.principal.user_id, session_id, caller.client):
        raise Problem(404, "no-such-session", "This session has ended already.")
    return RedirectResponse("/account", 303)


@router.get("/password")
async def password(runtime: RuntimeDependency, visit: AnyVisitDependency) -> Response:
    """The form."""
    return _page(runtime, visit, "password.html", {"problem": None})


@router.post("/password")
async def change(
    runtime: RuntimeDependency,
    visit: AnyVisitDependency,
    client: ClientDependency,
    current_password: Password = "",
    new_password: Password = "",
) -> Response:
    """Change it, or say what is wrong."""
    try:
        session = await accounts.change_password(runtime, visit.caller, current_password, new_password, client)
    except Problem as problem:
        return _page(runtime, visit, "password.html", {"problem": problem}, problem.status)
    response = RedirectResponse("/account", 303)
    secure = runtime.settings.in_production
    cookies.set_session_cookies(response, session.access_token, session.refresh_token, secure=secure)
    return response


def _page(runtime: Runtime, visit: Visit, template: str, values: dict[str, object], status: int = 200) -> Response:
    frame = {"account": visit.caller.principal, "csrf_token": visit.csrf_token, "active": "account"}
    return visit.keep(render(template, {**values, **frame}, status), secure=runtime.settings.in_production)
