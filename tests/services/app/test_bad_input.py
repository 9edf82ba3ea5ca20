"""Input that nobody should send: too large, too deep, of another type, with unknown fields, with bytes that no text
has. It is refused with a problem that names what is wrong, and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import get_args

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from ip2a.edge.bodies import MAXIMUM_BODY, MAXIMUM_DEPTH, MAXIMUM_HEADERS
from ip2a.limits.rates import Rate
from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.test_route_matrix import ROWS, api_routes, ask, filled, ids_for
from tests.services.app.world import Somebody, World, make_world

PROFILE, LOGIN = "/api/v1/my/profile", "/api/v1/auth/login"
WITH_BODY = [row for row, (_, body) in ROWS.items() if body and "/api/" in row]


@pytest.fixture
async def world(runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("member", 1_000_000, 1_000_000))
    return await make_world(runtime, people)


@pytest.fixture
async def somebody(runtime: Runtime, world: World) -> AsyncIterator[Somebody]:
    """The member of the world."""
    somebody = Somebody(runtime)
    await somebody.become(world.person)
    yield somebody
    await somebody.http.aclose()


def problem(answer: httpx.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:ip2a:problem:{kind}"
    assert answer.json()["detail"]


async def test_bodies_are_bounded_whether_or_not_they_say_how_long_they_are(somebody: Somebody) -> None:
    headers = {"content-type": "application/json"}
    fitting = b'{"city":"' + b" " * (MAXIMUM_BODY - 15) + b'Kent"}'
    assert len(fitting) == MAXIMUM_BODY
    assert (await somebody.http.patch(PROFILE, content=fitting, headers=headers)).status_code == 200
    problem(await somebody.http.patch(PROFILE, content=fitting + b" ", headers=headers), 413, "body-too-large")

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(MAXIMUM_BODY // 1024 + 1):
            yield b"x" * 1024

    problem(await somebody.http.patch(PROFILE, content=unannounced(), headers=headers), 413, "body-too-large")
    problem(await somebody.http.post(LOGIN, content=unannounced(), headers=headers), 413, "body-too-large")


async def test_json_is_bounded_in_depth(somebody: Somebody) -> None:
    for depth, status in ((MAXIMUM_DEPTH + 1, 422), (10_000, 422)):
        body = b'{"city":' + b"[" * depth + b"]" * depth + b"}"
        answer = await somebody.http.patch(PROFILE, content=body, headers={"content-type": "application/json"})
        problem(answer, status, "too-deep")


async def test_headers_are_bounded(somebody: Somebody) -> None:
    answer = await somebody.http.get(PROFILE, headers={"X-Long": "x" * MAXIMUM_HEADERS})
    problem(answer, 431, "headers-too-large")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"city": "\xff"}'])
async def test_what_is_no_json_object_is_refused(somebody: Somebody, body: bytes) -> None:
    answer = await somebody.http.patch(PROFILE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
async def test_bodies_of_another_type_are_refused(somebody: Somebody, kind: str) -> None:
    answer = await somebody.http.patch(PROFILE, content=b'{"city": "Kent"}', headers={"content-type": kind})
    assert answer.status_code in {415, 422}, answer.text


def body_models(route: APIRoute) -> list[type[BaseModel]]:
    """The models of a route's body."""
    wanted = [field.field_info.annotation for field in route.dependant.body_params]
    kinds = [kind for annotation in wanted for kind in (annotation, *get_args(annotation))]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def with_nested(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The model and all that its fields hold."""
    found = {model}
    for field in model.model_fields.values():
        kinds = [field.annotation, *get_args(field.annotation)]
        kinds += [deeper for kind in kinds for deeper in get_args(kind)]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
                found |= with_nested(kind)
    return found


def test_every_schema_of_a_body_refuses_unknown_fields() -> None:
    models = {nested for route in api_routes() for model in body_models(route) for nested in with_nested(model)}
    assert len(models) > 15
    assert [model.__name__ for model in models if model.model_config.get("extra") != "forbid"] == []


@pytest.mark.parametrize("row", WITH_BODY)
async def test_unknown_fields_and_nul_bytes_are_refused_by_name(
    runtime: Runtime, people: People, world: World, somebody: Somebody, row: str
) -> None:
    allowed = ROWS[row][0].split()
    if "member" not in allowed:
        await somebody.become(await people.make(allowed[0]))
    method, _, path = row.partition(" ")
    ids = ids_for(row, world.ids)
    body = filled(ROWS[row][1], ids)
    assert isinstance(body, dict)
    headers = {"Idempotency-Key": "bad-input-1"}
    answer = await somebody.http.request(method, path.format(**ids), json={**body, "no_such": 1}, headers=headers)
    problem(answer, 422, "invalid-request")
    assert [error["field"] for error in answer.json()["errors"]] == ["no_such"]
    for name, value in body.items():
        if isinstance(value, str):
            wrong = json.dumps({**body, name: value + "\x00"})
            answer = await somebody.http.request(
                method, path.format(**ids), content=wrong, headers={**headers, "content-type": "application/json"}
            )
            assert answer.status_code == 422, f"{name}: {answer.text}"
            assert [error["field"] for error in answer.json()["errors"]] == [name]


async def test_dates_and_money_are_named_by_field(runtime: Runtime, people: People, world: World) -> None:
    somebody = Somebody(runtime)
    await somebody.become(await people.make("staff"))
    order = {"employer_id": world.ids["employer_id"], "book_id": world.ids["book_id"], "workers_requested": 1}
    for wrong in ("2026-02-30", "tomorrow", "", None, 20260101.5, "0000-01-01"):
        answer = await somebody.http.post("/api/v1/referrals/requests", json={**order, "start_date": wrong})
        assert answer.status_code == 422, answer.text
        assert [error["field"] for error in answer.json()["errors"]] == ["start_date"]
    for money in (-1, 0.5, "12", 10**9, None, True, 1e400):
        content = json.dumps({"amount_cents": money})
        answer = await somebody.http.post(
            f"/api/v1/dues/{world.ids['dues_id']}/payments",
            content=content,
            headers={"Idempotency-Key": "bad-money-1", "content-type": "application/json"},
        )
        assert answer.status_code == 422, f"{money}: {answer.text}"
        assert [error["field"] for error in answer.json()["errors"]] == ["amount_cents"], money


async def test_ids_out_of_range_are_refused_not_looked_for(runtime: Runtime, people: People, world: World) -> None:
    somebody, wrong = Somebody(runtime), []
    for row in ROWS:
        path = row.partition(" ")[2]
        allowed = ROWS[row][0].split()
        if "{" not in path or not path.startswith("/api/"):
            continue
        own = "member" in allowed and "/my/" in path
        await somebody.become(world.person if own else await people.make(allowed[0]))
        for identifier in (0, -1, 2**31, 2**63, 10**30):
            if "{payment_id}" in path and identifier == 2**31:
                continue  # payments are counted in 64 bits
            answer = await ask(somebody.http, row, dict.fromkeys(world.ids, identifier) | {"book_id": 1})
            if answer.status_code != 422 and "{session_id}" not in path and "{book_id}" not in path:
                wrong.append(f"{row} {identifier}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
