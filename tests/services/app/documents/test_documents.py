"""Documents against a real S3 server: straight from the browser, looked at, kept, handed out, deleted."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from devcluster.services import S3
from ip2a.database.engines import create_databases
from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.runtime import Runtime
from ip2a.worker.kinds import KINDS
from ip2a.worker.runner import Pace, Runner
from ip2a.worker.work import Tools
from tests.services.app.conftest import People, browser, log_in

MINE, OFFICE = "/api/v1/my/documents", "/api/v1/documents"
PDF = b"%PDF-1.7\n" + b"x" * 2000


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    """A browser on the way to S3: no session, no proxy."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        yield client


async def work(runtime: Runtime) -> None:
    """Do what is queued, as the worker's own role."""
    password = runtime.settings.db_password.get_secret_value().replace("ip2a_app", "ip2a_worker")
    settings = runtime.settings.model_copy(update={"db_user": "ip2a_worker", "db_password": SecretStr(password)})
    databases = create_databases(settings)
    await Runner(Tools(settings, databases, runtime.now), KINDS, Pace(), "here").run_once()
    await databases.close()


async def begin(client: httpx.AsyncClient, path: str = MINE, **fields: object) -> dict[str, object]:
    answer = await client.post(path, json={"title": "OSHA card", **fields})
    assert answer.status_code == 201, answer.text
    started: dict[str, object] = answer.json()
    return started


async def send(web: httpx.AsyncClient, started: dict[str, object], content: bytes) -> httpx.Response:
    fields = started["fields"]
    assert isinstance(fields, dict)
    return await web.post(str(started["url"]), data=fields, files={"file": ("card.pdf", content)})


def id_of(started: dict[str, object]) -> int:
    document = started["document"]
    assert isinstance(document, dict)
    number: int = document["id"]
    return number


async def test_a_member_uploads_and_downloads(
    runtime: Runtime, client: httpx.AsyncClient, web: httpx.AsyncClient, people: People
) -> None:
    await log_in(client, await people.make())
    started = await begin(client)
    path = f"{MINE}/{id_of(started)}"
    assert (await client.post(f"{path}/confirm")).json()["type"] == "urn:ip2a:problem:not-uploaded"
    assert (await client.get(f"{path}/file")).status_code == 409
    assert (await send(web, started, PDF)).status_code == 204
    kept = await client.post(f"{path}/confirm")
    assert kept.status_code == 200, kept.text
    assert (kept.json()["media_type"], kept.json()["size_bytes"]) == ("application/pdf", len(PDF))
    assert (await client.post(f"{path}/confirm")).json() == kept.json()
    link = (await client.get(f"{path}/file")).json()
    file = await web.get(link["url"])
    assert file.content == PDF
    assert file.headers["content-type"] == "application/pdf"
    assert "OSHA%20card.pdf" in file.headers["content-disposition"]
    assert (await web.get(link["url"].partition("?")[0])).status_code == 403, "not without a signature"
    await send(web, started, b"%PDF-changed")
    assert (await web.get(link["url"])).content == PDF, "the form cannot change what was kept"


@pytest.mark.parametrize("content", [b"MZ\x90\x00 a program", b"<html><script>alert(1)</script>"])
async def test_what_is_no_document_is_refused_and_removed(
    runtime: Runtime, client: httpx.AsyncClient, web: httpx.AsyncClient, people: People, content: bytes
) -> None:
    await log_in(client, await people.make())
    started = await begin(client)
    await send(web, started, content)
    refused = await client.post(f"{MINE}/{id_of(started)}/confirm")
    assert refused.status_code == 422
    assert "PDF" in refused.json()["detail"]
    assert (await client.get(MINE)).json()["items"] == []
    fields = started["fields"]
    assert isinstance(fields, dict)
    assert runtime.storage is not None
    assert await runtime.storage.stat(fields["key"]) is not None
    await work(runtime)
    assert await runtime.storage.stat(fields["key"]) is None


async def test_too_large_and_other_keys_are_refused_by_the_signature(
    client: httpx.AsyncClient, web: httpx.AsyncClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ip2a.documents.service.MAXIMUM_BYTES", 1000)
    await log_in(client, await people.make())
    started = await begin(client)
    assert (await send(web, started, PDF)).status_code == 400
    fields = started["fields"]
    assert isinstance(fields, dict)
    assert (await send(web, {**started, "fields": {**fields, "key": "uploads/other"}}, b"%PDF-")).status_code == 403


async def test_nobody_reaches_another_members_document(
    runtime: Runtime, client: httpx.AsyncClient, web: httpx.AsyncClient, people: People
) -> None:
    owner, other, staff = await people.make(), await people.make(), await people.make("staff")
    await log_in(client, owner)
    started = await begin(client)
    await send(web, started, PDF)
    number = id_of(started)
    await client.post(f"{MINE}/{number}/confirm")
    async with browser(runtime) as thief:
        await log_in(thief, other)
        for method, tail in (("POST", "/confirm"), ("GET", "/file"), ("DELETE", "")):
            assert (await thief.request(method, f"{MINE}/{number}{tail}")).status_code == 404
            assert (await thief.request(method, f"{OFFICE}/{number}{tail}")).status_code == 403
        assert (await thief.get(MINE)).json()["items"] == []
    async with transaction(runtime.databases.write, Identity(other.user_id, other.member_id)) as connection:
        assert (await connection.execute(text("SELECT count(*) FROM documents"))).scalar_one() == 0
        changed = await connection.execute(text("UPDATE documents SET title = 'x'"))
        assert changed.rowcount == 0
    async with browser(runtime) as desk:
        await log_in(desk, staff)
        shown = (await desk.get(OFFICE, params={"member_id": owner.member_id})).json()["items"]
        assert [item["id"] for item in shown] == [number]
        assert (await desk.get(f"{OFFICE}/{number}/file")).status_code == 200
        given = await begin(desk, OFFICE, member_id=owner.member_id, title="Letter")
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        reads = await connection.execute(
            text(
                "SELECT user_id FROM audit_logs WHERE table_name = 'documents' AND action = 'read' AND record_id = :r"
            ),
            {"r": str(number)},
        )
        assert reads.scalars().all() == [staff.user_id]
    assert [item["title"] for item in (await client.get(MINE)).json()["items"]] == ["Letter", "OSHA card"]
    assert (await client.delete(f"{MINE}/{id_of(given)}")).status_code == 404, "staff's letter is staff's to delete"


async def test_an_applicants_document_is_attached_to_the_application(
    runtime: Runtime, client: httpx.AsyncClient, web: httpx.AsyncClient, people: People
) -> None:
    await log_in(client, await people.make("applicant"))
    application = (await client.post("/api/v1/my/application", json={"phone": "206 555 0100"})).json()["id"]
    started = await begin(client, category="application")
    document = started["document"]
    assert isinstance(document, dict)
    assert document["application_id"] == application


async def test_s3_away_says_when_to_come_back(
    client: httpx.AsyncClient, web: httpx.AsyncClient, people: People, s3_server: S3
) -> None:
    await log_in(client, await people.make())
    started = await begin(client)
    await send(web, started, PDF)
    s3_server.stop()
    try:
        away = await client.post(f"{MINE}/{id_of(started)}/confirm")
    finally:
        s3_server.start()
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert (await client.post(f"{MINE}/{id_of(started)}/confirm")).status_code == 200


async def test_deleted_bytes_leave_s3(
    runtime: Runtime, client: httpx.AsyncClient, web: httpx.AsyncClient, people: People
) -> None:
    await log_in(client, await people.make())
    started = await begin(client)
    await send(web, started, PDF)
    path = f"{MINE}/{id_of(started)}"
    await client.post(f"{path}/confirm")
    url = (await client.get(f"{path}/file")).json()["url"]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(f"{path}/file")).status_code == 404
    assert (await web.get(url)).status_code == 200
    await work(runtime)
    assert (await web.get(url)).status_code == 404
