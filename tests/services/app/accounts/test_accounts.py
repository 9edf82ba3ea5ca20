"""Passwords, mailed links, API keys and the administration of accounts."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from ipaddress import ip_network

import bcrypt
import httpx
import pytest
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from ip2a.worker.kinds import KINDS
from ip2a.worker.runner import Pace, Runner
from ip2a.worker.work import Tools
from tests.services.app.conftest import PASSWORD, People, Person, browser, log_in, some_address
from tests.services.app.post_office import Mailbox

LOGIN, ME, KEYS, USERS = "/api/v1/auth/login", "/api/v1/auth/me", "/api/v1/api-keys", "/api/v1/users"
RESET = "/api/v1/auth/password-reset"
NEW = "ladder crane voltage 9"


async def log_in_with(runtime: Runtime, email: str, password: str) -> int:
    async with browser(runtime) as client:
        return (await client.post(LOGIN, json={"email": email, "password": password})).status_code


async def mailed(tools: Tools, box: Mailbox, email: str) -> str:
    """The token in the newest mail to this address, after the worker sent what waits."""
    await Runner(tools, KINDS, Pace(), "here").run_once()
    newest = [content for to, content in box.mails if to == email][-1]
    body = message_from_bytes(newest, policy=policy.default).get_content()
    found = re.search(r"token=([\w-]+)", body)
    assert found, body
    return found[1]


async def test_changing_the_password_ends_every_other_session(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    person = await people.make()
    await log_in(client, person)
    path = "/api/v1/auth/password"
    async with browser(runtime) as phone:
        await log_in(phone, person)
        for body, status in (
            ({"current_password": "nope", "new_password": NEW}, 403),
            ({"current_password": PASSWORD, "new_password": "short"}, 422),
            ({"current_password": PASSWORD, "new_password": PASSWORD}, 422),
            ({"current_password": PASSWORD, "new_password": NEW}, 200),
        ):
            assert (await client.post(path, json=body)).status_code == status
        assert (await phone.get(ME)).status_code == 401
    assert (await client.get(ME)).status_code == 200
    assert len((await client.get("/api/v1/auth/sessions")).json()) == 1
    assert await log_in_with(runtime, person.email, PASSWORD) == 401
    assert await log_in_with(runtime, person.email, NEW) == 200


async def test_a_bcrypt_password_is_upgraded_at_the_log_in(runtime: Runtime, people: People) -> None:
    person = await people.make()
    stored = "SELECT password_hash FROM users WHERE id = :id"
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        old = bcrypt.hashpw(b"from the old platform", bcrypt.gensalt(rounds=4)).decode()
        await connection.execute(
            text("UPDATE users SET password_hash = :hash WHERE id = :id"), {"hash": old, "id": person.user_id}
        )
    assert await log_in_with(runtime, person.email, "from the old platform") == 200
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        upgraded = (await connection.execute(text(stored), {"id": person.user_id})).scalar_one()
    assert upgraded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await log_in_with(runtime, person.email, "from the old platform") == 200


async def test_a_forgotten_password_is_replaced_by_mail(
    runtime: Runtime, client: httpx.AsyncClient, people: People, tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    person = await people.make()
    async with browser(runtime) as thief:
        await log_in(thief, person)
        known = await client.post(RESET, json={"email": person.email})
        unknown = await client.post(RESET, json={"email": "nobody@test.example"})
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, b"null")
        first = await mailed(tools, smtp[0], person.email)
        await client.post(RESET, json={"email": person.email})
        token = await mailed(tools, smtp[0], person.email)
        assert "nobody@test.example" not in {to for to, _ in smtp[0].mails}
        for given, password, status in (
            (first, NEW, 422),
            (token, "aaaaaaaaaaaa", 422),
            (token, f"{person.email} 1", 422),
            (token, NEW, 204),
            (token, NEW, 422),
        ):
            answer = await client.post(f"{RESET}/confirm", json={"token": given, "new_password": password})
            assert answer.status_code == status, answer.text
        assert (await thief.get(ME)).status_code == 401
    assert await log_in_with(runtime, person.email, NEW) == 200
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        hashes = await connection.execute(text("SELECT token_hash FROM email_tokens"))
        assert all(token.encode() not in bytes(row[0]) for row in hashes)


async def test_a_link_expires_and_mails_are_limited(
    runtime: Runtime, client: httpx.AsyncClient, people: People, tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    person = await people.make()
    answers = [(await client.post(RESET, json={"email": person.email})).status_code for _ in range(4)]
    assert answers == [202, 202, 202, 429]
    token = await mailed(tools, smtp[0], person.email)
    later = replace(runtime, now=lambda: runtime.now() + timedelta(minutes=61))
    async with browser(later) as late:
        answer = await late.post(f"{RESET}/confirm", json={"token": token, "new_password": NEW})
    assert answer.json()["type"] == "urn:ip2a:problem:invalid-token"


async def test_what_people_do_to_their_accounts_is_recorded_as_theirs(
    runtime: Runtime, client: httpx.AsyncClient, people: People, tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    """A new password, a verified address, and a password by mail, which is theirs whose link it is."""
    person = await people.make()
    await log_in(client, person)
    changed = await client.post("/api/v1/auth/password", json={"current_password": PASSWORD, "new_password": NEW})
    assert changed.status_code == 200
    client.headers["X-CSRF-Token"] = changed.json()["csrf_token"]
    assert (await client.post("/api/v1/auth/email-verification")).status_code == 202
    token = await mailed(tools, smtp[0], person.email)
    assert (await client.post("/api/v1/auth/email-verification/confirm", json={"token": token})).status_code == 204
    async with browser(runtime) as elsewhere:
        await elsewhere.post(RESET, json={"email": person.email})
        token = await mailed(tools, smtp[0], person.email)
        body = {"token": token, "new_password": f"{NEW} again"}
        assert (await elsewhere.post(f"{RESET}/confirm", json=body)).status_code == 204
        places = [client.headers["X-Forwarded-For"], elsewhere.headers["X-Forwarded-For"]]
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        found = await connection.execute(
            text(
                "SELECT user_id, address, changed_fields, correlation_id FROM audit_logs WHERE table_name = 'users'"
                " AND record_id = :id AND action = 'update' ORDER BY id"
            ),
            {"id": str(person.user_id)},
        )
        rows = found.all()
    assert [(row.user_id, row.address) for row in rows] == [
        (person.user_id, places[0]),
        (person.user_id, places[0]),
        (person.user_id, places[1]),
    ]
    assert ["is_verified" in row.changed_fields for row in rows] == [False, True, False]
    assert all(row.correlation_id for row in rows)


async def test_an_address_is_verified(
    client: httpx.AsyncClient, people: People, tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    person = await people.make()
    await log_in(client, person)
    assert (await client.post("/api/v1/auth/email-verification")).status_code == 202
    token = await mailed(tools, smtp[0], person.email)
    path = "/api/v1/auth/email-verification/confirm"
    assert [(await client.post(path, json={"token": token})).status_code for _ in range(2)] == [204, 422]


@pytest.fixture
async def admin(client: httpx.AsyncClient, people: People) -> httpx.AsyncClient:
    await log_in(client, await people.make("admin"))
    return client


async def test_an_api_key_may_what_it_says_until_it_is_revoked(
    runtime: Runtime, admin: httpx.AsyncClient, people: People
) -> None:
    staff, member = await people.make("staff"), await people.make()
    order = {"name": "Trust fund", "user_id": staff.user_id, "scopes": ["members:read"]}
    refused = await admin.post(KEYS, json={**order, "scopes": ["users:manage", "members:read"]})
    assert (refused.status_code, "users:manage" in refused.json()["detail"]) == (422, True)
    made = (await admin.post(KEYS, json=order)).json()
    assert made["key"].startswith(f"ip2a_{staff.user_id}_")
    assert "key" not in (await admin.get(KEYS)).json()["items"][0]
    async with browser(runtime) as program:
        program.headers["Authorization"] = f"Bearer {made['key']}"
        seen = await program.get(f"/api/v1/members/{member.member_id}")
        assert (seen.status_code, seen.headers["ratelimit-limit"]) == (200, "1000")
        for path, status in (("/api/v1/dues/periods", 403), ("/api/v1/my/dues", 403), (ME, 403)):
            assert (await program.get(path)).status_code == status, path
        await runtime.key_uses.write()
        assert (await admin.get(KEYS)).json()["items"][0]["last_used_at"] is not None
        await admin.put(f"{USERS}/{staff.user_id}/roles", json={"roles": [{"role": "instructor"}]})
        assert (await program.get(f"/api/v1/members/{member.member_id}")).status_code == 403
        await admin.put(f"{USERS}/{staff.user_id}/roles", json={"roles": [{"role": "staff"}]})
        assert (await program.get(f"/api/v1/members/{member.member_id}")).status_code == 200
        assert (await admin.delete(f"{KEYS}/{made['id']}")).status_code == 204
        assert (await program.get(f"/api/v1/members/{member.member_id}")).status_code == 401
        assert (await admin.delete(f"{KEYS}/{made['id']}")).status_code == 404
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        rows = await connection.execute(text("SELECT row_to_json(k)::text FROM api_keys k"))
        assert made["key"] not in str(list(rows))


async def test_an_expired_key_and_a_guessed_one_are_nobodys(
    runtime: Runtime, admin: httpx.AsyncClient, people: People
) -> None:
    staff = await people.make("staff")
    order = {"name": "Short", "user_id": staff.user_id, "scopes": ["dues:read"], "days_valid": 1}
    made = (await admin.post(KEYS, json=order)).json()
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = :id"), {"id": made["id"]}
        )
    async with browser(runtime) as program:
        for key in (made["key"], f"ip2a_{staff.user_id}_{'x' * 43}", "ip2a_0_x", "ip2a_"):
            answer = await program.get("/api/v1/dues/rates", headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 401, key


async def test_roles_and_locks_count_on_the_next_request(
    runtime: Runtime, admin: httpx.AsyncClient, people: People
) -> None:
    person = await people.make("instructor")
    path = f"{USERS}/{person.user_id}"
    async with browser(runtime) as desk:
        await log_in(desk, person)
        assert (await desk.get("/api/v1/dues/periods")).status_code == 403
        given = await admin.put(f"{path}/roles", json={"roles": [{"role": "staff"}]})
        assert [role["role"] for role in given.json()["roles"]] == ["staff"]
        assert (await desk.get("/api/v1/dues/periods")).status_code == 200
        assert len((await admin.get(f"{path}/sessions")).json()) == 1
        assert (await admin.post(f"{path}/lock")).json()["is_active"] is False
        assert (await desk.get(ME)).status_code == 401
    assert await log_in_with(runtime, person.email, PASSWORD) == 403
    assert (await admin.post(f"{path}/unlock")).json()["is_active"] is True
    async with browser(runtime) as desk:
        await log_in(desk, person)
        assert (await admin.delete(f"{path}/sessions")).json() == {"ended": 1}
        assert (await desk.get(ME)).status_code == 401


async def test_a_forced_reset_lets_nothing_else_happen_first(
    runtime: Runtime, admin: httpx.AsyncClient, people: People, tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    person = await people.make()
    assert (await admin.post(f"{USERS}/{person.user_id}/force-reset")).json()["must_change_password"] is True
    token = await mailed(tools, smtp[0], person.email)
    async with browser(runtime) as client:
        await log_in(client, person)
        for path in ("/api/v1/my/dues", "/api/v1/my/profile", "/api/v1/dues/rates"):
            assert (await client.get(path)).json()["type"] == "urn:ip2a:problem:password-change-needed"
        assert (await client.get("/my/dues")).headers["location"] == "/account/password"
        assert (await client.get(ME)).json()["must_change_password"] is True
        await client.post(f"{RESET}/confirm", json={"token": token, "new_password": NEW})
    assert await log_in_with(runtime, person.email, NEW) == 200


async def test_a_new_account_is_invited(
    runtime: Runtime, admin: httpx.AsyncClient, tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    order = {"email": "Nora@Test.Example", "first_name": "Nora", "last_name": "Zzyzx", "roles": [{"role": "staff"}]}
    made = (await admin.post(USERS, json=order)).json()
    assert (made["email"], made["is_verified"]) == ("nora@test.example", False)
    assert (await admin.post(USERS, json=order)).status_code == 409
    assert (await admin.post(USERS, json={**order, "email": "x@y.z", "member_id": 2**31 - 1})).status_code == 422
    token = await mailed(tools, smtp[0], "nora@test.example")
    async with browser(runtime) as client:
        answer = await client.post(f"{RESET}/confirm", json={"token": token, "new_password": NEW})
        assert answer.status_code == 204
    assert await log_in_with(runtime, "nora@test.example", NEW) == 200
    for search in ("zzy", "NORA@"):
        found = (await admin.get(USERS, params={"search": search})).json()["items"]
        assert [item["email"] for item in found] == ["nora@test.example"]
    assert found[0]["is_verified"] is True
    changed = await admin.patch(f"{USERS}/{made['id']}", json={"email": "nora2@test.example"})
    assert (changed.json()["email"], changed.json()["is_verified"]) == ("nora2@test.example", False)


async def test_somebody_stays_administrator(runtime: Runtime, people: People) -> None:
    one, two = await people.make("admin"), await people.make("admin")
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text("UPDATE users SET is_active = false WHERE id <> ALL(:ids)"), {"ids": [one.user_id, two.user_id]}
        )
    async with browser(runtime) as client:
        await log_in(client, one)
        assert (await client.post(f"{USERS}/{one.user_id}/lock")).status_code == 409
        assert (await client.put(f"{USERS}/{one.user_id}/roles", json={"roles": []})).status_code == 409
        assert (await client.post(f"{USERS}/{two.user_id}/lock")).status_code == 200
        assert (await client.get(USERS, params={"role": "admin", "limit": 1})).json()["next"]


async def test_administration_only_from_the_ranges(runtime: Runtime, people: People) -> None:
    settings = runtime.settings.model_copy(update={"admin_ranges": (ip_network("192.0.2.0/24"),)})
    person: Person = await people.make("admin")
    async with browser(replace(runtime, settings=settings)) as client:
        await log_in(client, person)
        outside = await client.get(USERS)
        assert outside.json()["type"] == "urn:ip2a:problem:address-not-allowed"
        assert (await client.get("/api/v1/dues/periods")).status_code == 200
        inside = await client.get(USERS, headers={"X-Forwarded-For": "192.0.2.7"})
        assert inside.status_code == 200
        forged = await client.get(USERS, headers={"X-Forwarded-For": f"192.0.2.7, {some_address()}"})
        assert forged.status_code == 403


async def test_a_person_may_try_seven_log_ins_and_a_limit_is_a_page(client: httpx.AsyncClient, people: People) -> None:
    for role in ("admin", "officer", "staff", "organizer", "instructor", "member", "applicant"):
        assert (await client.get("/")).status_code == 303
        assert (await client.get("/login")).status_code == 200
        await log_in(client, await people.make(role))
        assert (await client.get("/", follow_redirects=True)).status_code == 200
        assert (await client.post("/api/v1/auth/logout")).status_code == 204
        client.cookies.clear()
    answers = [await client.get("/") for _ in range(60)]
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "text/html; charset=utf-8"
    assert int(refused.headers["retry-after"]) > 0
    assert "<h1>One moment, please</h1>" in refused.text


async def test_every_answer_carries_the_security_headers(runtime: Runtime) -> None:
    settings = runtime.settings.model_copy(update={"environment": "production"})
    async with browser(replace(runtime, settings=settings)) as client:
        for path in ("/login", "/api/v1/auth/me", "/static/app.css", "/nowhere"):
            headers = (await client.get(path)).headers
            assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert "camera=()" in headers["permissions-policy"]
            assert "form-action 'self' http://127.0.0.1:" in headers["content-security-policy"]


async def test_the_pages_of_the_mails_work_without_javascript(
    client: httpx.AsyncClient, people: People, tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    person = await people.make()

    async def send(path: str, **fields: str) -> httpx.Response:
        page = (await client.get(path)).text
        hidden = dict(re.findall(r'name="(csrf_token|token)" value="([^"]*)"', page))
        return await client.post(path.partition("?")[0], data={**hidden, **fields})

    assert (await client.post("/forgot-password", data={"email": person.email})).status_code == 403
    asked = await send("/forgot-password", email=person.email)
    assert (asked.status_code, "on its way" in asked.text) == (200, True)
    token = await mailed(tools, smtp[0], person.email)
    weak = await send(f"/reset-password?token={token}", new_password="short")
    assert (weak.status_code, "12 to 128 characters" in weak.text) == (422, True)
    assert (await send(f"/reset-password?token={token}", new_password=NEW)).headers["location"] == "/login"
    client.headers.pop("X-CSRF-Token", None)
    answer = await client.post(LOGIN, json={"email": person.email, "password": NEW})
    assert answer.status_code == 200
    changed = await send("/account/password", current_password=NEW, new_password=PASSWORD)
    assert changed.headers["location"] == "/account"
    page = (await client.get("/account")).text
    assert "This session" in page
