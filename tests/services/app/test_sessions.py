"""Logging in, refreshing, locking out, logging out."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from ip2a.auth.service import SESSIONS
from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from ip2a.web import cookies
from tests.services.app.conftest import PASSWORD, People, browser, log_in, some_address

LOGIN, REFRESH, ME = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/me"


class Clock:
    """A clock the test moves."""

    def __init__(self, real: Callable[[], datetime]) -> None:
        self._real = real
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return self._real() + self.ahead


@pytest.fixture
def clock(runtime: Runtime) -> Clock:
    return Clock(runtime.now)


async def test_cookies_are_out_of_reach_of_scripts(client: httpx.AsyncClient, people: People) -> None:
    person = await people.make()
    answer = await client.post(LOGIN, json={"email": person.email.upper(), "password": PASSWORD})
    flags = {line.split("=")[0]: line for line in answer.headers.get_list("set-cookie")}
    for name in (cookies.ACCESS, cookies.REFRESH):
        assert "HttpOnly" in flags[name]
        assert "SameSite=lax" in flags[name]
    assert "Max-Age=1800" in flags[cookies.ACCESS]
    assert (await client.get(ME)).json()["email"] == person.email


async def test_wrong_password_and_unknown_account_look_the_same(client: httpx.AsyncClient, people: People) -> None:
    person = await people.make()
    wrong = await client.post(LOGIN, json={"email": person.email, "password": "nope"})
    unknown = await client.post(LOGIN, json={"email": "nobody@test.example", "password": "nope"})
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json() == unknown.json()


async def test_lockout_is_exact_under_parallel_guesses(
    runtime: Runtime, client: httpx.AsyncClient, people: People, clock: Clock
) -> None:
    person = await people.make()
    guesses = await asyncio.gather(
        *(
            client.post(
                LOGIN,
                json={"email": person.email, "password": f"guess {n}"},
                headers={"X-Forwarded-For": some_address()},
            )
            for n in range(12)
        )
    )
    assert sorted(guess.status_code for guess in guesses) == [401] * 5 + [423] * 7
    right = await client.post(LOGIN, json={"email": person.email, "password": PASSWORD})
    assert right.status_code == 423
    assert 0 < int(right.headers["Retry-After"]) <= 1800
    clock.ahead = timedelta(minutes=31)
    async with browser(replace(runtime, now=clock)) as later:
        assert (await later.post(LOGIN, json={"email": person.email, "password": "nope"})).status_code == 401
        assert (await later.post(LOGIN, json={"email": person.email, "password": PASSWORD})).status_code == 200


async def test_success_forgets_failures(client: httpx.AsyncClient, people: People) -> None:
    person = await people.make()
    for _ in range(3):
        for _ in range(4):
            address = {"X-Forwarded-For": some_address()}
            await client.post(LOGIN, json={"email": person.email, "password": "nope"}, headers=address)
        await log_in(client, person)


async def test_parallel_refreshes_get_one_successor(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make())
    token = client.cookies[cookies.REFRESH]
    answers = await asyncio.gather(*(client.post(REFRESH, json={"refresh_token": token}) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert successors != {token}


async def test_late_reuse_ends_the_session(
    runtime: Runtime, client: httpx.AsyncClient, people: People, clock: Clock
) -> None:
    await log_in(client, await people.make())
    stolen = client.cookies[cookies.REFRESH]
    assert (await client.post(REFRESH)).status_code == 200
    successor = client.cookies[cookies.REFRESH]
    assert (await client.get(ME)).status_code == 200
    clock.ahead = timedelta(minutes=1)
    async with browser(replace(runtime, now=clock)) as thief:
        assert (await thief.post(REFRESH, json={"refresh_token": stolen})).status_code == 401
        assert (await thief.post(REFRESH, json={"refresh_token": successor})).status_code == 401
    assert (await client.get(ME)).status_code == 401


async def test_log_out_ends_the_access_token_too(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make())
    bearer = {"Authorization": f"Bearer {client.cookies[cookies.ACCESS]}"}
    assert (await client.post("/api/v1/auth/logout")).status_code == 204
    client.cookies.clear()
    assert (await client.get(ME, headers=bearer)).status_code == 401


async def test_sessions_are_listed_and_ended_one_by_one(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    person = await people.make()
    await log_in(client, person)
    async with browser(runtime) as phone:
        await log_in(phone, person)
        listed = (await client.get("/api/v1/auth/sessions")).json()
        assert [item["current"] for item in listed] == [False, True]
        other = next(item["session_id"] for item in listed if not item["current"])
        assert (await client.delete(f"/api/v1/auth/sessions/{other}")).status_code == 204
        assert (await client.delete(f"/api/v1/auth/sessions/{other}")).status_code == 404
        assert (await phone.get(ME)).status_code == 401
    assert (await client.get(ME)).status_code == 200


async def test_cookie_writes_need_the_token_of_this_session(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    person = await people.make()
    await log_in(client, person)
    own = client.headers.pop("X-CSRF-Token")
    assert (await client.patch("/api/v1/my/profile", json={"city": "Kent"})).status_code == 403
    async with browser(runtime) as elsewhere:
        other = await log_in(elsewhere, await people.make())
    for token, status in ((other, 403), ("", 403), (own, 200)):
        answer = await client.patch("/api/v1/my/profile", json={"city": "Kent"}, headers={"X-CSRF-Token": token})
        assert answer.status_code == status
    bearer = {"Authorization": f"Bearer {client.cookies[cookies.ACCESS]}"}
    assert (await client.patch("/api/v1/my/profile", json={"city": "Kent"}, headers=bearer)).status_code == 200


async def test_no_more_sessions_are_listed_than_a_page_holds(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    """The last used ones, whoever asks; the own one is among them."""
    person, admin = await people.make(), await people.make("admin")
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text(
                "INSERT INTO refresh_tokens (user_id, session_id, token_hash, issued_at, expires_at)"
                " SELECT :user, gen_random_uuid(), sha256(:name || n::text::bytea), now() - make_interval(mins => n),"
                " now() + interval '1 day' FROM generate_series(1, :count) n"
            ),
            {"user": person.user_id, "name": person.email.encode(), "count": SESSIONS + 5},
        )
    await log_in(client, person)
    own = (await client.get("/api/v1/auth/sessions")).json()
    assert (len(own), own[0]["current"]) == (SESSIONS, True)
    async with browser(runtime) as office:
        await log_in(office, admin)
        seen = (await office.get(f"/api/v1/users/{person.user_id}/sessions")).json()
    assert [item["session_id"] for item in seen] == [item["session_id"] for item in own]
