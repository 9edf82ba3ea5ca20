"""Turns exceptions into answers: problem+json for programs, a page for people, and never a trace."""

import logging
import random
from urllib.parse import quote

import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ip2a.database.once import AnsweredBeforeError
from ip2a.edge import routing
from ip2a.limits.admission import ShedError
from ip2a.pages.rendering import render_error
from ip2a.pages.session import frame_of
from ip2a.web.problems import FieldProblem, Problem, from_http_exception, from_validation, problem_response

LOGGER = logging.getLogger(__name__)
UNAVAILABLE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(AnsweredBeforeError, _on_answered_before)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(PoolTimeout, _on_overload)
    app.add_exception_handler(ShedError, _on_overload)
    app.add_exception_handler(TimeoutError, _on_overload)
    app.add_exception_handler(psycopg.Error, _on_database)
    app.add_exception_handler(DBAPIError, _on_database)
    app.add_exception_handler(Exception, _on_unexpected)


def is_page(request: Request) -> bool:
    """Whether a person looks at the answer."""
    return routing.is_page(request.url.path)


def _answer(request: Request, problem: Problem, fields: list[FieldProblem] | None = None) -> Response:
    if not is_page(request):
        return problem_response(request, problem, fields)
    if problem.status == 401 and request.method in {"GET", "HEAD"}:
        path = request.url.path
        return RedirectResponse("/login" if path == "/" else f"/login?next={quote(path)}", 303)
    if problem.kind == "password-change-needed":
        return RedirectResponse("/account/password", 303)
    return render_error(problem, frame_of(request))


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 (Starlette's handler type is wider than what it passes)
    return _answer(request, error)


async def _on_answered_before(request: Request, _error: Exception) -> Response:
    return _answer(request, Problem(409, "answered-before", "The edge gives the first answer instead of this one."))


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    problem, fields = from_validation(error)
    return _answer(request, problem, fields)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return _answer(request, from_http_exception(error))


async def _on_overload(request: Request, _error: Exception) -> Response:
    return _answer(request, overloaded())


def overloaded() -> Problem:
    """The database cannot take this request now; the client should try again."""
    return Problem(
        503,
        "overloaded",
        "The platform is busy; try again in a moment.",
        headers={"Retry-After": str(random.randint(1, 4))},  # noqa: S311 (jitter)
    )


async def _on_database(request: Request, error: Exception) -> Response:
    if isinstance(error, UNAVAILABLE):
        LOGGER.warning("database unavailable: %s", type(getattr(error, "orig", error)).__name__)
        return _answer(request, overloaded())
    return await _on_unexpected(request, error)


async def _on_unexpected(request: Request, error: Exception) -> Response:
    LOGGER.error("unexpected error in %s %s", request.method, request.url.path, exc_info=error)
    return _answer(request, Problem(500, "internal-error", "Something went wrong on our side; it has been recorded."))
