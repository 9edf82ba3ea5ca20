"""Errors as RFC 9457 `application/problem+json`, or as a page for people.

A problem's text is for the client: it never carries internals.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
INVALID = "The request has fields that are missing or not valid."


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    message: str


class ProblemBody(BaseModel):
    """RFC 9457's members, and the fields at fault where there are any."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    errors: list[FieldProblem] | None = None


class Problem(Exception):
    """A failure the client should hear about. `kind` is a stable name clients may branch on."""

    def __init__(self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})


def problem_response(request: Request, problem: Problem, errors: list[FieldProblem] | None = None) -> JSONResponse:
    """The problem as a response to this request."""
    body = ProblemBody(
        type=f"urn:ip2a:problem:{problem.kind}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        instance=request.url.path,
        errors=errors,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True), problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


def from_http_exception(error: HTTPException) -> Problem:
    """Starlette's own refusals (no such path, method not allowed) in our form."""
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return Problem(error.status_code, kind, str(error.detail), headers=error.headers)


def from_validation(error: RequestValidationError) -> tuple[Problem, list[FieldProblem]]:
    """Every field at fault, without echoing what was sent."""
    fields = [
        FieldProblem(field=".".join(_place(item["loc"], error.body)) or str(item["loc"][0]), message=item["msg"])
        for item in error.errors()
    ]
    return Problem(422, "invalid-request", INVALID), fields


def _place(where: Sequence[int | str], body: object) -> list[str]:
    """The names that lead to a field. Which of several kinds the body is (pydantic names it) is none of them."""
    names = [str(part) for part in where[1:]]
    if len(names) > 1 and isinstance(body, dict) and names[0] not in body and names[0] in map(str, body.values()):
        del names[0]
    return names
