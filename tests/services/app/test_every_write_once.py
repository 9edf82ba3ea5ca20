"""Every write is done once for its Idempotency-Key: its answer is kept with it, and given again to the last byte."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest

from ip2a.runtime import Runtime
from tests.services.app.conftest import People, browser, log_in
from tests.services.app.driving import Driver, driving, state
from tests.services.app.test_route_matrix import INSTEAD, ROWS, Order, order_of, success

NOT_KEPT = {
    "PATCH /api/v1/my/profile": "sets what is sent, however often",
    "POST /api/v1/auth/password": "ends the session that repeats it",
    "POST /api/v1/auth/logout": "ends the session that repeats it",
    "POST /api/v1/api-keys": "its answer holds a secret: the last test",
    "POST /api/v1/documents/{document_id}/confirm": "goes on where it ended: documents/test_documents.py",
    "POST /api/v1/my/documents/{document_id}/confirm": "goes on where it ended: documents/test_documents.py",
    "POST /api/v1/payments/refunds/{refund_id}/approve": "goes on where it ended: checkout/test_refunds.py",
}
WRITES = [
    row
    for row in ROWS
    if " /api/" in row and not row.startswith("GET ") and row not in NOT_KEPT.keys() | INSTEAD.keys()
]
STUDENTS = "/api/v1/training/students"


@pytest.fixture
async def driver(runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Driver]:
    async with driving(runtime, people, monkeypatch) as driver:
        yield driver


def told(answer: httpx.Response) -> tuple[int, bytes, str | None]:
    """What must be the same."""
    return answer.status_code, answer.content, answer.headers.get("content-type")


def is_replayed(answer: httpx.Response) -> bool:
    return "idempotent-replayed" in answer.headers


def other_than(order: Order) -> Order:
    """The same key for another request."""
    if isinstance(order["json"], dict):
        return {**order, "json": {**order["json"], "other": 1}}
    return {**order, "url": order["url"] + "?other=1"}


async def test_a_repeated_write_changes_nothing_and_gets_the_first_answer(driver: Driver) -> None:
    assert len(WRITES) > 60
    wrong = []
    for row in WRITES:
        world = await driver.set_up(row)
        order = order_of(row, world.ids, secrets.token_hex(8))
        send = driver.somebody.http.request
        first = await send(**order)
        after = await state(driver.runtime)
        again = await send(**order)
        reused = await send(**other_than(order))
        if first.status_code not in success(row) or is_replayed(first):
            wrong.append(f"{row}: {first.status_code} {first.text[:200]}")
        if told(again) != told(first) or not is_replayed(again):
            wrong.append(f"{row}: {again.status_code} {again.text[:200]}, not {first.status_code} {first.text[:200]}")
        kind = reused.json().get("type") if reused.content else None
        if reused.status_code != 422 or (kind != REUSED and order["json"] is None):
            wrong.append(f"{row}: another request under the key: {reused.status_code} {reused.text[:200]}")
        if await state(driver.runtime) != after:
            wrong.append(f"{row}: the repeated request changed something")
    assert not wrong, "\n".join(wrong)


PAGES_NOT_KEPT = {
    "POST /account/password": "ends the session that repeats it",
    "POST /logout": "ends the session that repeats it",
    "POST /my/profile": "sets what is sent, however often",
    "POST /admin/api-keys": "its answer holds a secret: the test after the next",
    "POST /my/documents/{document_id}/confirm": "goes on where it ended: documents/test_documents.py",
    "POST /office/documents/{document_id}/confirm": "goes on where it ended: documents/test_documents.py",
    "POST /my/dues/{dues_id}/pay": "in its own statement: test_pages.py",
    "POST /office/member-dues/{record_id}/payments": "in its own statement: records/test_office_pages.py",
    "POST /office/refunds/{record_id}/approve": "goes on where it ended: checkout/test_refunds.py",
}
FORMS_SENT = [
    row
    for row in ROWS
    if row.startswith("POST /") and " /api/" not in row and row not in PAGES_NOT_KEPT.keys() | INSTEAD.keys()
]


async def test_a_form_that_is_sent_again_changes_nothing_and_leads_to_the_same_page(driver: Driver) -> None:
    assert len(FORMS_SENT) > 50
    wrong = []
    for row in FORMS_SENT:
        world = await driver.set_up(row)
        order = order_of(row, world.ids, secrets.token_hex(8))
        send = driver.somebody.http.request
        first = await send(**order)
        after = await state(driver.runtime)
        again = await send(**order)
        if first.status_code != 303 or is_replayed(first):
            wrong.append(f"{row}: {first.status_code} {first.text[:200]}")
        if (again.status_code, again.headers.get("location")) != (303, first.headers["location"]):
            wrong.append(f"{row}: {again.status_code} {again.text[:200]}")
        if not is_replayed(again):
            wrong.append(f"{row}: done again")
        if await state(driver.runtime) != after:
            wrong.append(f"{row}: the form that was sent again changed something")
    assert not wrong, "\n".join(wrong)


async def test_a_form_with_something_else_in_it_is_another_one(client: httpx.AsyncClient, people: People) -> None:
    """Somebody goes back in the browser, which keeps the hidden key, and types anew."""
    await log_in(client, await people.make("instructor"))
    form = {**ANA, "idempotency_key": secrets.token_hex(8)}
    same = await asyncio.gather(*(client.post("/school/students", data=form) for _ in range(10)))
    assert {answer.status_code for answer in same} == {303}
    assert len({answer.headers["location"] for answer in same}) == 1
    other = await client.post("/school/students", data={**form, "last_name": "Ruiz"})
    assert (other.status_code, is_replayed(other)) == (303, False)
    assert other.headers["location"] != same[0].headers["location"]
    without = await client.post("/school/students", data=ANA)
    assert (without.status_code, is_replayed(without)) == (303, False), "of a page that is older than the keys"


async def test_a_form_whose_answer_held_a_secret_says_so(client: httpx.AsyncClient, people: People) -> None:
    admin = await people.make("admin")
    await log_in(client, admin)
    form = {"name": "By form", "user_id": str(admin.user_id), "scopes": "members:read", "days_valid": "30"}
    form["idempotency_key"] = secrets.token_hex(8)
    assert (await client.post("/admin/api-keys", data=form)).status_code == 201
    again = await client.post("/admin/api-keys", data=form)
    assert (again.status_code, "held a secret" in again.text) == (409, True)
    assert again.headers["content-type"].startswith("text/html")


REUSED = "urn:ip2a:problem:idempotency-key-reused"
ANA = {"first_name": "Ana", "last_name": "Diaz"}


async def numbers(client: httpx.AsyncClient) -> set[str]:
    return {item["student_number"] for item in (await client.get(STUDENTS, params={"limit": 200})).json()["items"]}


async def test_a_key_belongs_to_one_person_and_one_request(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    await log_in(client, await people.make("instructor"))
    key = {"Idempotency-Key": "shared-key-1"}
    first = await client.post(STUDENTS, json=ANA, headers=key)
    assert first.status_code == 201
    assert (await client.post(STUDENTS, json={**ANA, "last_name": "Ruiz"}, headers=key)).json()["type"] == REUSED
    course = {"code": "K-1", "name": "K", "course_type": "core", "hours": 1}
    assert (await client.post("/api/v1/training/courses", json=course, headers=key)).json()["type"] == REUSED
    async with browser(runtime) as other:
        await log_in(other, await people.make("instructor"))
        theirs = await other.post(STUDENTS, json=ANA, headers=key)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != first.json()["id"]


async def test_a_refusal_is_not_kept(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("instructor"))
    key, course = {"Idempotency-Key": "refused-1"}, {"code": "R-1", "name": "R", "course_type": "core", "hours": 1}
    assert (await client.post("/api/v1/training/courses", json={**course, "hours": 0}, headers=key)).status_code == 422
    made = await client.post("/api/v1/training/courses", json=course, headers=key)
    assert (made.status_code, is_replayed(made)) == (201, False)
    again = await client.post("/api/v1/training/courses", json=course, headers=key)
    assert told(again) == told(made)
    without = await client.post("/api/v1/training/courses", json=course)
    assert without.status_code == 409, "without the key it is another one with the same code"


@pytest.mark.parametrize("key", ["short", "x" * 101, "with blank in it", "café-café-café"])
async def test_a_key_that_cannot_be_kept_is_named(client: httpx.AsyncClient, people: People, key: str) -> None:
    await log_in(client, await people.make("instructor"))
    before = await numbers(client)
    answer = await client.post(STUDENTS, json=ANA, headers=[(b"Idempotency-Key", key.encode("latin-1"))])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await numbers(client) == before


async def test_an_answer_with_a_secret_is_given_once(client: httpx.AsyncClient, people: People) -> None:
    admin = await people.make("admin")
    await log_in(client, admin)
    order = {"name": "Once", "user_id": admin.user_id, "scopes": ["members:read"]}
    key = {"Idempotency-Key": "secret-key-1"}
    made = await client.post("/api/v1/api-keys", json=order, headers=key)
    assert made.status_code == 201, made.text
    again = await client.post("/api/v1/api-keys", json=order, headers=key)
    assert (again.status_code, again.json()["type"]) == (409, "urn:ip2a:problem:answered-before")
    listed = (await client.get("/api/v1/api-keys")).json()
    items = listed["items"] if isinstance(listed, dict) else listed
    assert [item["name"] for item in items].count("Once") == 1
