"""The log-in page, logging out, and the start page."""

import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from ip2a.auth import service
from ip2a.pages.rendering import render
from ip2a.pages.session import AnyVisitDependency, VisitDependency
from ip2a.security.passwords import MAXIMUM_LENGTH
from ip2a.security.tokens import csrf_matches, csrf_token
from ip2a.web import cookies
from ip2a.web.dependencies import ClientDependency, RuntimeDependency
from ip2a.web.problems import Problem

router = APIRouter(include_in_schema=False)

HOME = "/"


def safe_target(target: str) -> str:
    """Where to go after log-in: a path of ours, never another site."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    return target if ours and "\\" not in target else HOME


@router.get("/login")
async def login_page(
    request: Request,
    runtime: RuntimeDependency,
    target: Annotated[str, Query(alias="next", max_length=500)] = HOME,
) -> Response:
    """The form."""
    return _form(request, runtime.cookie_key, target, secure=runtime.settings.in_production)


@router.post("/login")
async def log_in(
    request: Request,
    runtime: RuntimeDependency,
    client: ClientDependency,
    *,
    email: Annotated[str, Form(max_length=255)] = "",
    password: Annotated[str, Form(max_length=MAXIMUM_LENGTH)] = "",
    given_token: Annotated[str, Form(alias="csrf_token", max_length=200)] = "",
    target: Annotated[str, Form(alias="next", max_length=500)] = HOME,
) -> Response:
    """Begin a session, or show the form again with what is wrong."""
    secure = runtime.settings.in_production
    visitor = request.cookies.get(cookies.VISITOR, "")
    if not visitor or not csrf_matches(given_token, f"visitor:{visitor}", runtime.cookie_key):
        problem = Problem(403, "csrf", "The form has expired; please try again.")
        return _form(request, runtime.cookie_key, target, secure=secure, email=email, problem=problem)
    try:
        session = await service.log_in(runtime, email, password, client)
    except Problem as problem:
        return _form(request, runtime.cookie_key, target, secure=secure, email=email, problem=problem)
    response = RedirectResponse(safe_target(target), 303)
    cookies.set_session_cookies(response, session.access_token, session.refresh_token, secure=secure)
    return response


@router.post("/logout")
async def log_out(runtime: RuntimeDependency, visit: AnyVisitDependency) -> Response:
    """End the session."""
    caller = visit.caller
    await service.end_session(runtime, caller.principal.user_id, caller.session_id, caller.client)
    response = RedirectResponse("/login", 303)
    cookies.clear_session_cookies(response, secure=runtime.settings.in_production)
    return response


@router.get(HOME)
async def home(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Members go to their dues; others see what their account is."""
    secure = runtime.settings.in_production
    if visit.caller.principal.own_data:
        return visit.keep(RedirectResponse("/my/dues", 303), secure=secure)
    page = render("home.html", {"account": visit.caller.principal, "csrf_token": visit.csrf_token, "active": "home"})
    return visit.keep(page, secure=secure)


def _form(
    request: Request,
    key: bytes,
    target: str,
    *,
    secure: bool,
    email: str = "",
    problem: Problem | None = None,
) -> Response:
    visitor = request.cookies.get(cookies.VISITOR) or secrets.token_urlsafe(24)
    page = render(
        "login.html",
        {
            "form_token": csrf_token(f"visitor:{visitor}", key),
            "email": email,
            "problem": problem,
            "target": safe_target(target),
        },
        problem.status if problem else 200,
    )
    if problem is not None:
        page.headers.update(problem.headers)
    cookies.set_visitor_cookie(page, visitor, secure=secure)
    return page
