"""The session behind a page: like the API's, but a page continues an expired one by its refresh cookie."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.responses import Response

from ip2a.auth import service as auth_service
from ip2a.auth.service import Client, Session
from ip2a.edge.context import KEY, Context, context_of
from ip2a.pages.rendering import render
from ip2a.runtime import Runtime
from ip2a.security.tokens import csrf_token
from ip2a.web import cookies
from ip2a.web.dependencies import (
    SAFE_METHODS,
    Caller,
    ClientDependency,
    RuntimeDependency,
    authenticate,
    caller_at,
    password_change_needed,
)
from ip2a.web.problems import Problem


@dataclass(frozen=True, slots=True)
class Visit:
    """The caller of a page, the token for its forms, and new tokens if the session was continued."""

    caller: Caller
    csrf_token: str
    renewed: Session | None

    def keep(self, response: Response, *, secure: bool) -> Response:
        """Hand renewed tokens to the browser."""
        if self.renewed is not None:
            cookies.set_session_cookies(response, self.renewed.access_token, self.renewed.refresh_token, secure=secure)
        return response


def show(
    runtime: Runtime,
    visit: Visit,
    template: str,
    values: Mapping[str, object],
    *,
    active: str = "",
    status: int = 200,
    part: str = "",
) -> Response:
    """A page for this visit; `active` is the link of the navigation it belongs to, `part` all that is wanted of it."""
    frame = {"account": visit.caller.principal, "csrf_token": visit.csrf_token, "active": active}
    page = render(template, {**values, **frame}, status, part)
    return visit.keep(page, secure=runtime.settings.in_production)


async def visit_of(request: Request, runtime: RuntimeDependency, client: ClientDependency) -> Visit:
    """Dependency of every page behind the log-in.

    Raises Problem 401 and, for an account that must choose a new password, 403; the error handler sends people to the
    page where they can.
    """
    visit = await any_visit_of(request, runtime, client)
    if visit.caller.principal.must_change_password:
        raise password_change_needed()
    return visit


async def any_visit_of(request: Request, runtime: RuntimeDependency, client: ClientDependency) -> Visit:
    """Dependency of the pages about one's own session and password."""
    try:
        caller = await authenticate(request, runtime, client)
    except Problem as problem:
        refresh_token = request.cookies.get(cookies.REFRESH)
        if problem.status != 401 or refresh_token is None or request.method not in SAFE_METHODS:
            raise
        return await _continue(request, runtime, refresh_token, client)
    return Visit(caller, csrf_token(str(caller.session_id), runtime.cookie_key), None)


async def _continue(request: Request, runtime: Runtime, refresh_token: str, client: Client) -> Visit:
    session = await auth_service.refresh(runtime, refresh_token, client)
    principal = await auth_service.principal(runtime, session.account.user_id)
    if principal is None:
        raise auth_service.invalid_session()
    caller = caller_at(runtime, principal, session.session_id, client, context_of(request.scope))
    return Visit(caller, session.csrf_token, session)


def frame_of(request: Request) -> dict[str, object]:
    """What a page about a failure shows around it: who asks, where the edge found that out."""
    context = request.scope.get(KEY)
    if not isinstance(context, Context) or context.principal is None or context.credentials is None:
        return {}
    runtime: Runtime = request.app.state.runtime
    token = csrf_token(context.credentials.claims.session_id, runtime.cookie_key)
    return {"account": context.principal, "csrf_token": token}


async def part_of(
    asks: Annotated[str, Header(alias="HX-Request", max_length=10)] = "",
    target: Annotated[str, Header(alias="HX-Target", max_length=50)] = "",
    boosted: Annotated[str, Header(alias="HX-Boosted", max_length=10)] = "",
) -> str:
    """The part of the page that htmx asks for; empty for whoever wants the whole page, as a form in place does."""
    return target if asks == "true" and not boosted else ""


PartDependency = Annotated[str, Depends(part_of)]
VisitDependency = Annotated[Visit, Depends(visit_of)]
AnyVisitDependency = Annotated[Visit, Depends(any_visit_of)]
