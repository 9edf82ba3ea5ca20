"""Pages for people who cannot log in: ask for a link, choose a new password, verify an address."""

import secrets
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from ip2a.accounts import service
from ip2a.accounts.schemas import MailedToken
from ip2a.pages.rendering import render
from ip2a.runtime import Runtime
from ip2a.security.passwords import MAXIMUM_LENGTH
from ip2a.security.tokens import csrf_matches, csrf_token
from ip2a.web import cookies
from ip2a.web.dependencies import ClientDependency, RuntimeDependency
from ip2a.web.problems import Problem

router = APIRouter(include_in_schema=False)

FORGOT, RESET, VERIFY = "/forgot-password", "/reset-password", "/verify-email"
TokenField = Annotated[MailedToken, Form()]
CsrfField = Annotated[str, Form(alias="csrf_token", max_length=200)]


@router.get(FORGOT)
async def forgot(request: Request, runtime: RuntimeDependency) -> Response:
    """Asks for the address."""
    return _form(request, runtime, "forgot.html", {"sent": False})


@router.post(FORGOT)
async def send(
    request: Request,
    runtime: RuntimeDependency,
    client: ClientDependency,
    *,
    email: Annotated[str, Form(min_length=3, max_length=255)],
    given: CsrfField = "",
    tasks: BackgroundTasks,
) -> Response:
    """Says the same whoever asks."""
    _check(request, runtime, given)
    await service.limit_recovery(runtime, email)
    tasks.add_task(service.send_reset, runtime, email, client)
    return _form(request, runtime, "forgot.html", {"sent": True})


@router.get(RESET)
async def choose(request: Request, runtime: RuntimeDependency, token: Annotated[MailedToken, Query()]) -> Response:
    """Asks for the new password."""
    return _form(request, runtime, "reset.html", {"token": token})


@router.post(RESET)
async def reset(
    request: Request,
    runtime: RuntimeDependency,
    client: ClientDependency,
    *,
    token: TokenField,
    new_password: Annotated[str, Form(max_length=MAXIMUM_LENGTH)] = "",
    given: CsrfField = "",
) -> Response:
    """Sets it, or says what is wrong with it."""
    _check(request, runtime, given)
    try:
        await service.reset_password(runtime, token, new_password, client)
    except Problem as problem:
        return _form(request, runtime, "reset.html", {"token": token}, problem)
    return RedirectResponse("/login", 303)


@router.get(VERIFY)
async def ask(request: Request, runtime: RuntimeDependency, token: Annotated[MailedToken, Query()]) -> Response:
    """A button: what only looks at links in mails must not verify anything."""
    return _form(request, runtime, "verify.html", {"token": token})


@router.post(VERIFY)
async def verify(
    request: Request, runtime: RuntimeDependency, client: ClientDependency, token: TokenField, given: CsrfField = ""
) -> Response:
    """Verifies the address."""
    _check(request, runtime, given)
    await service.verify_email(runtime, token, client)
    return RedirectResponse("/", 303)


def _check(request: Request, runtime: Runtime, given: str) -> None:
    visitor = request.cookies.get(cookies.VISITOR, "")
    if not visitor or not csrf_matches(given, f"visitor:{visitor}", runtime.cookie_key):
        raise Problem(403, "csrf", "The form has expired; load the page again and repeat.")


def _form(
    request: Request, runtime: Runtime, template: str, values: dict[str, object], problem: Problem | None = None
) -> Response:
    visitor = request.cookies.get(cookies.VISITOR) or secrets.token_urlsafe(24)
    token = csrf_token(f"visitor:{visitor}", runtime.cookie_key)
    page = render(template, {**values, "form_token": token, "problem": problem}, problem.status if problem else 200)
    cookies.set_visitor_cookie(page, visitor, secure=runtime.settings.in_production)
    return page
