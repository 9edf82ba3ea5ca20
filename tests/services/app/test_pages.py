"""The pages a member uses, without JavaScript, and the demo data they show."""

import re
from datetime import UTC, datetime

import httpx
import pytest

from ip2a.runtime import Runtime
from ip2a.seed.run import seed
from ip2a.settings import load_settings
from ip2a.web import cookies
from tests.services.app.conftest import browser

DEMO_PASSWORD = "demo password 46"


@pytest.fixture
async def demo(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("IP2A_DEMO_PASSWORD", DEMO_PASSWORD)
    return await seed(load_settings(), datetime(2026, 11, 22, tzinfo=UTC))


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"the page has no field {name}"
    return found.group(1)


async def log_in(client: httpx.AsyncClient, role: str, password: str = DEMO_PASSWORD) -> httpx.Response:
    page = (await client.get("/login", params={"next": "/my/dues"})).text
    return await client.post(
        "/login",
        data={
            "csrf_token": field(page, "csrf_token"),
            "next": field(page, "next"),
            "email": f"{role}@local46.example",
            "password": password,
        },
    )


async def test_a_member_logs_in_and_pays(client: httpx.AsyncClient, demo: str) -> None:
    assert (await client.get("/my/dues")).headers["location"] == "/login?next=/my/dues"
    assert (await log_in(client, "member")).headers["location"] == "/my/dues"
    page = (await client.get("/my/dues")).text
    assert 'id="balance">$225.00' in page
    form = {name: field(page, name) for name in ("csrf_token", "idempotency_key", "amount_cents")}
    action = re.search(r'action="(/my/dues/\d+/pay)"', page)
    assert action
    paid = await client.post(action.group(1), data=form)
    assert paid.status_code == 303
    twice = await client.post(action.group(1), data=form)
    assert twice.headers["location"] == paid.headers["location"]
    after = (await client.get(paid.headers["location"])).text
    assert 'id="balance">$150.00' in after
    assert "RCP-" in after
    assert "Maria Member" in (await client.get("/my/profile")).text


async def test_a_wrong_password_is_said_on_the_form(client: httpx.AsyncClient, demo: str) -> None:
    answer = await log_in(client, "member", "<script>")
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text
    assert 'value="member@local46.example"' in answer.text


async def test_forms_from_elsewhere_are_refused(client: httpx.AsyncClient, demo: str) -> None:
    without = await client.post("/login", data={"email": "member@local46.example", "password": DEMO_PASSWORD})
    assert without.status_code == 403
    await log_in(client, "member")
    assert (await client.post("/logout", data={"csrf_token": "x"})).status_code == 403
    assert (await client.get("/my/dues")).status_code == 200


async def test_an_expired_access_token_is_renewed_on_the_way(client: httpx.AsyncClient, demo: str) -> None:
    await log_in(client, "member")
    del client.cookies[cookies.ACCESS]
    page = await client.get("/my/dues")
    assert page.status_code == 200
    assert cookies.ACCESS in page.cookies


@pytest.mark.parametrize("role", ["admin", "officer", "staff", "organizer", "instructor", "member", "applicant"])
async def test_every_role_can_log_in(runtime: Runtime, demo: str, role: str) -> None:
    async with browser(runtime) as client:
        assert (await log_in(client, role)).status_code == 303
        home = await client.get("/", follow_redirects=True)
        assert home.status_code == 200
        assert (await client.get("/api/v1/my/dues")).status_code == (200 if role == "member" else 403)
        await client.post("/logout", data={"csrf_token": field(home.text, "csrf_token")})
        assert (await client.get("/")).headers["location"] == "/login"


async def test_seeding_twice_changes_nothing(runtime: Runtime, demo: str, client: httpx.AsyncClient) -> None:
    await log_in(client, "member")
    before = (await client.get("/api/v1/my/dues")).json()
    assert await seed(load_settings(), datetime(2026, 11, 22, tzinfo=UTC)) == demo
    assert (await client.get("/api/v1/my/dues")).json() == before


async def test_headers_allow_nothing_foreign(client: httpx.AsyncClient) -> None:
    page = await client.get("/login")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?! src=\"/static/)|style=|onclick|https?://", page.text)
    sheet = re.search(r'href="(/static/app\.css\?v=\w+)"', page.text)
    assert sheet
    assert "immutable" in (await client.get(sheet.group(1))).headers["cache-control"]


async def test_contact_details_are_changed_and_mistakes_said_by_the_field(client: httpx.AsyncClient, demo: str) -> None:
    await log_in(client, "member")
    page = (await client.get("/my/profile")).text
    form = {"csrf_token": field(page, "csrf_token"), "city": "Renton", "zip_code": "980"}
    wrong = await client.post("/my/profile", data=form)
    assert wrong.status_code == 422
    assert 'aria-describedby="zip_code-wrong"' in wrong.text
    assert 'name="city" type="text" maxlength="100" value="Renton"' in wrong.text, "what was typed is kept"
    saved = await client.post("/my/profile", data={**form, "zip_code": "98057"})
    page = (await client.get(saved.headers["location"])).text
    assert "Your contact details are saved" in page
    assert 'value="98057"' in page


async def test_the_office_finds_a_member_and_changes_the_record(client: httpx.AsyncClient, demo: str) -> None:
    await log_in(client, "staff")
    found = (await client.get("/office/members", params={"search": "member mar"})).text
    link = re.search(r'href="(/office/members/\d+)">Member, Maria', found)
    assert link
    page = (await client.get(link.group(1))).text
    form = {"csrf_token": field(page, "csrf_token"), "version": field(page, "version"), "status": "active"}
    changed = {**form, "classification": "foreman", "city": "Kent"}
    saved = await client.post(link.group(1), data=changed)
    page = (await client.get(saved.headers["location"])).text
    assert "The record is saved" in page
    assert "Foreman" in page
    late = await client.post(link.group(1), data=changed)
    assert (late.status_code, "is not the newest" in late.text) == (409, True)
    note = {"csrf_token": form["csrf_token"], "body": "<i>called</i>", "visibility": "all_authorized"}
    noted = await client.post(f"{link.group(1)}/notes", data=note)
    page = (await client.get(noted.headers["location"])).text
    assert "&lt;i&gt;called&lt;/i&gt;" in page
    assert "begins like that" in (await client.get("/office/members", params={"search": "qqq"})).text


async def test_the_platform_can_be_installed_and_says_when_it_is_offline(client: httpx.AsyncClient) -> None:
    page = (await client.get("/offline")).text
    manifest = re.search(r'rel="manifest" href="([^"]+)"', page)
    assert manifest
    described = (await client.get(manifest.group(1))).json()
    assert (described["start_url"], described["display"]) == ("/", "standalone")
    assert (await client.get(described["icons"][0]["src"])).status_code == 200
    worker = await client.get("/sw.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert "/offline" in worker.text
