"""The OpenAPI document: what FastAPI derives from the code, with what it cannot know.

Errors in their real media type, who may call, the headers that every write takes and gives, and an example wherever
none was written.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from ip2a.web.problems import MEDIA_TYPE

Json = dict[str, Any]

API = "/api/v1"
ANONYMOUS = (
    f"{API}/auth/login",
    f"{API}/auth/refresh",
    f"{API}/auth/password-reset",
    f"{API}/auth/password-reset/confirm",
    f"{API}/auth/email-verification/confirm",
    f"{API}/webhooks/stripe",
)
DESCRIPTION = """The membership system of the local. Members read and change what is theirs under `/my`; the office
works on the rest as its roles allow.

Errors are RFC 9457 problems; `type` is a name to branch on, `errors` names the fields at fault. 503 means that nothing
was changed: repeat after `Retry-After`. Lists are pages: pass `next` on. Amounts are integer cents, times UTC."""
TAGS = {
    "accounts": "Choosing and recovering passwords, verified addresses.",
    "api-keys": "Keys of integrations.",
    "applications": "Applying for the apprenticeship.",
    "audit": "The trail of changes and reads.",
    "auth": "Sessions.",
    "benevolence": "The hardship fund.",
    "bids": "Bids for open jobs.",
    "deleted": "What was deleted and may be restored.",
    "dispatches": "Who was sent to which job.",
    "documents": "Files in the object store.",
    "dues": "What is owed: rates, months, adjustments.",
    "employments": "Work histories.",
    "grants": "Grants and what they were spent on.",
    "grievances": "Grievances and their steps.",
    "labor-requests": "What employers ask for.",
    "members": "The membership.",
    "notes": "Notes about members.",
    "organizations": "Employers and their contacts.",
    "organizing": "Organizing.",
    "payments": "Money received and given back.",
    "referrals": "Out-of-work books and places on them.",
    "reports": "Lists made in the background, to download.",
    "training": "Courses, classes, grades, certificates.",
    "users": "Administration of accounts.",
}
PROBLEMS = {
    "400": ("invalid-signature", "The message is not signed."),
    "401": ("not-authenticated", "Log in first."),
    "403": ("not-permitted", "This needs a permission that the caller's roles do not grant."),
    "404": ("not-found", "There is nothing to be seen here."),
    "409": ("conflict", "Things are not as the request expects; the detail says what to do."),
    "413": ("body-too-large", "The body is too large."),
    "422": ("invalid-request", "The request has fields that are missing or not valid."),
    "429": ("rate-limited", "Too many requests; come back after Retry-After."),
    "503": ("overloaded", "Nothing was changed; repeat after Retry-After."),
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A fresh random value for each change; the same request with it again gets the first answer.",
    "schema": {"type": "string", "minLength": 8, "maxLength": 100, "pattern": "^[\\x21-\\x7e]+$"},
    "example": "0b5e7f4c-3f0f-4f29-9d1c-6a2b8f1f7a10",
}
SAMPLES: dict[str, object] = {
    "date": "2026-11-27",
    "date-time": "2026-11-27T17:30:00Z",
    "time": "07:00:00",
    "uuid": "0b5e7f4c-3f0f-4f29-9d1c-6a2b8f1f7a10",
    "email": "member@local46.example",
    "uri": "https://local46.example/",
    "duration": "PT1H",
}
DEEPEST = 8


def operation_id(route: APIRoute) -> str:
    """Tag and function: stays when a path changes, and is what generated clients call it."""
    tag = str(route.tags[0]) if route.tags else "page"
    return f"{tag.replace('-', '_')}_{route.name}"


def install(app: FastAPI) -> None:
    """Have the application publish the document."""

    def document() -> Json:
        if not app.openapi_schema:
            app.openapi_schema = describe(
                get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def describe(document: Json) -> Json:
    """The document, complete."""
    components = document["components"]
    components["responses"] = {f"Problem{status}": _problem(status) for status in PROBLEMS}
    components["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "ip2a_access"},
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token, or an API key made at /api/v1/api-keys.",
        },
    }
    example = _examples(components["schemas"])
    used = set()
    for path, method, operation in _operations(document):
        used |= set(operation.get("tags", ()))
        anonymous = path in ANONYMOUS
        operation["security"] = [] if anonymous else [{"session": []}, {"bearer": []}]
        writes = method not in {"get", "head"}
        _add_parameters(operation, example, keyed=writes and not anonymous)
        _add_problems(operation, anonymous=anonymous, writes=writes, path=path)
        _add_examples(operation, example)
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
    return document


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _add_parameters(operation: Json, example: Callable[[Json], object], *, keyed: bool) -> None:
    parameters: list[Json] = operation.setdefault("parameters", [])
    if keyed and all(parameter["name"] != KEY["name"] for parameter in parameters):
        parameters.append(dict(KEY))
    for parameter in parameters:
        name = parameter["name"].replace("_", " ")
        parameter.setdefault("description", f"The {name}.")
        if parameter.get("required") and "example" not in parameter:
            parameter["example"] = KEY["example"] if parameter["name"] == KEY["name"] else example(parameter["schema"])
    if not parameters:
        del operation["parameters"]


def _add_problems(operation: Json, *, anonymous: bool, writes: bool, path: str) -> None:
    wanted = {"422", "429", "503"} if anonymous else {"401", "403", "422", "429", "503"}
    if anonymous:
        wanted |= {"401"} if "/auth/" in path else {"400"}
    if "{" in path:
        wanted.add("404")
    if writes:
        wanted |= {"409", "413"}
    responses: Json = operation["responses"]
    for status in sorted(wanted):
        responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    responses["default"] = {
        "description": "Any other problem.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
    if writes and not anonymous:
        for status, response in responses.items():
            if status.startswith("2"):
                response.setdefault("headers", {})["Idempotent-Replayed"] = {
                    "description": "`true` where this is the first answer to the same request, given again.",
                    "schema": {"type": "string", "enum": ["true"]},
                }


def _add_examples(operation: Json, example: Callable[[Json], object]) -> None:
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    bodies += [response for status, response in operation["responses"].items() if status.startswith("2")]
    for body in bodies:
        for media in body.get("content", {}).values():
            if "schema" in media and "example" not in media and "examples" not in media:
                media["example"] = example(media["schema"])


def _problem(status: str) -> Json:
    kind, detail = PROBLEMS[status]
    body: Json = {"type": f"urn:ip2a:problem:{kind}", "title": detail.split(";")[0], "status": int(status)}
    body |= {"detail": detail, "instance": "/api/v1/my/dues"}
    if status == "422":
        body["errors"] = [{"field": "amount_cents", "message": "Input should be a valid integer"}]
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}, "example": body}}
    answer: Json = {"description": detail, "content": content}
    if status in {"429", "503"}:
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return answer


def _examples(schemas: Mapping[str, Json]) -> Callable[[Json], object]:
    """A function that makes a value that fits a schema: what its author wrote, or the simplest there is."""

    def of(schema: Json, depth: int = 0) -> object:
        if "$ref" in schema:
            return of(schemas[schema["$ref"].rsplit("/", 1)[1]], depth)
        for name in ("example", "const", "default"):
            if name in schema and schema[name] is not None:
                return schema[name]
        for name in ("examples", "enum"):
            if schema.get(name):
                return schema[name][0]
        for name in ("anyOf", "oneOf", "allOf"):
            if name in schema:
                return of(schema[name][0], depth)
        return _plain(schema, lambda inner: of(inner, depth + 1), nested=depth < DEEPEST)

    return of


def _plain(schema: Json, of: Callable[[Json], object], *, nested: bool) -> object:
    kind = schema.get("type")
    if kind == "object":
        return {name: of(inner) for name, inner in schema.get("properties", {}).items()} if nested else {}
    if kind == "array":
        return [of(schema["items"])] if nested and "items" in schema else []
    if kind == "string":
        return SAMPLES.get(schema.get("format", ""), "text"[: schema.get("maxLength", 4)])
    if kind in {"integer", "number"}:
        return max(1, schema.get("minimum", 1))
    return kind == "boolean" or None
