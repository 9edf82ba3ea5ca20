"""The OpenAPI document is complete: every operation, no exception."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from ip2a.application import create_api
from ip2a.readiness import Readiness
from ip2a.runtime import create_runtime
from ip2a.settings import load_settings
from ip2a.web.openapi import ANONYMOUS, TAGS
from ip2a.web.problems import MEDIA_TYPE

SETTINGS = {
    "ENVIRONMENT": "development",
    "PUBLIC_URL": "http://localhost",
    "DB_WRITE_HOST": "nowhere.example",
    "DB_NAME": "ip2a",
    "DB_USER": "ip2a_app",
    "DB_PASSWORD": "never-asked",
    "JWT_KEY": "j" * 64,
    "COOKIE_KEY": "c" * 64,
}
Operation = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As published."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SETTINGS.items():
            environment.setenv(f"IP2A_{name}", value)
        runtime = create_runtime(load_settings())
    api = create_api(runtime, Readiness())
    runtime.passwords.close()
    return api.openapi()


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Operation]:
    """(method and path, operation)."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def check(document: dict[str, Any], media: dict[str, Any]) -> None:
    """The example fits the schema."""
    schema = {**media["schema"], "components": document["components"]}
    jsonschema.validate(media["example"], schema, jsonschema.Draft202012Validator)


def resolved(document: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in response:
        return response
    found: dict[str, Any] = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    return found


def test_every_operation_says_what_it_is(operations: list[Operation]) -> None:
    assert len(operations) > 150
    for name, operation in operations:
        assert operation["summary"], name
        assert operation["description"].endswith((".", "?")), name
        assert len(operation["tags"]) == 1, name


def test_operation_ids_are_tag_and_function_and_unique(operations: list[Operation]) -> None:
    ids = [operation["operationId"] for _, operation in operations]
    assert len(set(ids)) == len(ids)
    for name, operation in operations:
        tag = operation["tags"][0].replace("-", "_")
        assert operation["operationId"].startswith(f"{tag}_"), name
        assert "api_v1" not in operation["operationId"], "not the path, which may change"


def test_tags_are_described(document: dict[str, Any], operations: list[Operation]) -> None:
    described = {tag["name"] for tag in document["tags"]}
    assert described == {operation["tags"][0] for _, operation in operations}
    assert described <= TAGS.keys()


def test_bodies_have_examples_that_fit(document: dict[str, Any], operations: list[Operation]) -> None:
    bodies = [(name, operation["requestBody"]) for name, operation in operations if "requestBody" in operation]
    assert len(bodies) > 50
    for name, body in bodies:
        for media in body["content"].values():
            schema = media["schema"]
            written = document["components"]["schemas"].get(schema.get("$ref", "").rsplit("/", 1)[-1], {})
            assert "example" in media or written.get("examples"), name
            check(document, {**media, "example": media.get("example", written.get("examples", [None])[0])})


def test_answers_have_examples_that_fit(document: dict[str, Any], operations: list[Operation]) -> None:
    for name, operation in operations:
        good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        assert good, name
        for status, answer in good.items():
            assert ("content" in answer) == (status != "204"), name
            for media in answer.get("content", {}).values():
                check(document, media)


def test_errors_are_problems(document: dict[str, Any], operations: list[Operation]) -> None:
    for name, operation in operations:
        bad = {status: answer for status, answer in operation["responses"].items() if not status.startswith("2")}
        method, _, path = name.partition(" ")
        wanted = {"422", "429", "503", "default"} | (set() if path in ANONYMOUS else {"401", "403"})
        wanted |= {"404"} if "{" in path else set()
        wanted |= set() if method == "GET" else {"409"}
        assert wanted <= bad.keys(), name
        for answer in bad.values():
            assert list(resolved(document, answer)["content"]) == [MEDIA_TYPE], name
    for answer in document["components"]["responses"].values():
        check(document, answer["content"][MEDIA_TYPE])


def test_parameters_are_described(operations: list[Operation]) -> None:
    for name, operation in operations:
        for parameter in operation.get("parameters", []):
            assert parameter["description"], f"{name} {parameter['name']}"


def test_every_write_takes_a_key_and_everybody_else_a_session(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    assert {"session", "bearer"} == document["components"]["securitySchemes"].keys()
    for name, operation in operations:
        method, _, path = name.partition(" ")
        assert bool(operation["security"]) == (path not in ANONYMOUS), name
        keyed = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
        assert keyed == (method != "GET" and path not in ANONYMOUS), name
