"""Pages of administration without a browser: parts for htmx, from where they may be used, and what refusals say."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import httpx
import pytest

from ip2a.runtime import Runtime
from tests.services.app.conftest import People, browser, log_in

PARTS = [
    ("/office/members", "found", "Members"),
    ("/office/members", "more", "Members"),
    ("/admin/users", "found", "Accounts"),
    ("/admin/users", "more", "Accounts"),
    ("/admin/api-keys", "more", "API keys"),
    ("/office/audit", "more", "Audit trail"),
    ("/admin/platform", "figures", "Platform"),
]
KEY = {"name": "Trust fund", "scopes": ["members:read"]}


@pytest.fixture
async def admin(client: httpx.AsyncClient, people: People) -> httpx.AsyncClient:
    """An administrator who has made a key, so that there is something to show."""
    person = await people.make("admin")
    await people.make()
    await log_in(client, person)
    made = await client.post("/api/v1/api-keys", json={**KEY, "user_id": person.user_id})
    assert made.status_code == 201
    return client


@pytest.mark.parametrize(("path", "part", "heading"), PARTS)
async def test_a_part_is_answered_only_to_whoever_asks_for_it(
    admin: httpx.AsyncClient, path: str, part: str, heading: str
) -> None:
    whole = await admin.get(path)
    piece = await admin.get(path, headers={"HX-Request": "true", "HX-Target": part})
    assert (whole.status_code, piece.status_code) == (200, 200)
    assert f"<h1>{heading}</h1>" in whole.text
    assert "<h1>" not in piece.text
    assert len(piece.text.strip()) > 100
    for headers in (
        {"HX-Target": part},
        {"HX-Request": "true", "HX-Target": "no-such-part"},
        {"HX-Request": "true", "HX-Target": part, "HX-Boosted": "true"},
    ):
        assert f"<h1>{heading}</h1>" in (await admin.get(path, headers=headers)).text, headers


@pytest.mark.parametrize("path", ["/admin/users", "/admin/users/new", "/admin/api-keys", "/admin/platform"])
async def test_administration_is_refused_from_other_addresses(runtime: Runtime, people: People, path: str) -> None:
    ranges = (ip_network("192.0.2.0/24"),)
    closed = replace(runtime, settings=runtime.settings.model_copy(update={"admin_ranges": ranges}))
    person = await people.make("admin")
    async with browser(closed) as outside:
        await log_in(outside, person)
        refused = await outside.get(path)
        assert refused.status_code == 403
        assert "own network" in refused.text
        outside.headers["X-Forwarded-For"] = "192.0.2.7"
        assert (await outside.get(path)).status_code == 200


async def test_forms_of_administration_need_their_token(admin: httpx.AsyncClient, people: People) -> None:
    person = await people.make()
    del admin.headers["X-CSRF-Token"]
    for step in ("lock", "roles", "sessions/end", "force-reset"):
        assert (await admin.post(f"/admin/users/{person.user_id}/{step}")).status_code == 403


async def test_a_refusal_is_in_words_and_keeps_the_way_on(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make())
    refused = await client.get("/admin/users")
    assert refused.status_code == 403
    assert "users:manage" not in refused.text
    assert "ask an administrator" in refused.text
    assert 'href="/my/dues"' in refused.text
    assert "Log out" in refused.text
    missing = await client.get("/no/such/page")
    assert missing.status_code == 404
    assert missing.text.lower().count("not found") == 0


async def test_mistakes_in_a_new_account_are_said_by_the_field(admin: httpx.AsyncClient, people: People) -> None:
    form = {"email": "no address", "first_name": "Nora", "last_name": "Hire", "role": "staff"}
    wrong = await admin.post("/admin/users", data=form)
    assert wrong.status_code == 422
    assert 'aria-describedby="email-wrong"' in wrong.text
    assert 'value="Nora"' in wrong.text, "what was typed is kept"
    taken = {**form, "email": (await people.make()).email}
    refused = await admin.post("/admin/users", data=taken)
    assert refused.status_code == 409
    assert "Email: there is an account with this address." in refused.text
    unknown = await admin.post("/admin/users", data={**form, "email": "n@test.example", "member_number": "none"})
    assert unknown.status_code == 422
    assert "there is no member with this number" in unknown.text


async def test_a_key_needs_a_permission_and_a_name(admin: httpx.AsyncClient, people: People) -> None:
    clerk = await people.make("staff")
    offered = (await admin.get(f"/admin/users/{clerk.user_id}/api-keys")).text
    assert 'value="members:read"' in offered
    assert 'value="organizing:read"' not in offered, "staff may not do that"
    wrong = await admin.post("/admin/api-keys", data={"user_id": str(clerk.user_id), "name": "x"})
    assert wrong.status_code == 422
    assert "Mark one thing" in wrong.text


async def test_the_audit_trail_hides_secrets_from_everybody_but_administrators(
    runtime: Runtime, people: People
) -> None:
    officer, admin = await people.make("officer"), await people.make("admin")
    shown = {}
    for person in (officer, admin):
        async with browser(runtime) as reader:
            await log_in(reader, person)
            page = await reader.get("/office/audit", params={"table": "users", "action": "create"})
            assert page.status_code == 200
            shown[person.email] = page.text
    assert "from 100." not in shown[officer.email], "addresses are for administrators"
    async with browser(runtime) as reader:
        await log_in(reader, admin)
        wrong = await reader.get("/office/audit", params={"since": "yesterday"})
        assert wrong.status_code == 422
        later = await reader.get("/office/audit", params={"since": "2100-01-01"})
        assert "Nothing that you may see is like that" in later.text
