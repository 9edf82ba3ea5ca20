"""Cached answers that no task is started for keep every promise of the long way: limits, ended sessions, own changes,
order on a connection, Redis gone; and each request is counted once, whichever way it goes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from devcluster.services import PostgresServer, Redis
from devcluster.services.process import HOST
from tests.services.app.conftest import People, log_in, some_address
from tests.services.app.processes import Fleet, platform
from tests.services.app.served import NO_LIMIT

PROFILE = "/api/v1/my/profile"


@pytest.fixture(scope="module")
def fleet(app_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with platform(app_environment, tmp_path_factory.mktemp("platform")) as made:
        yield made


@pytest.fixture
async def member(fleet: Fleet, people: People) -> AsyncIterator[httpx.AsyncClient]:
    """A logged-in member, who was answered before."""
    headers = {"X-Forwarded-For": some_address()}
    async with httpx.AsyncClient(base_url=fleet.urls[0], headers=headers, timeout=20, trust_env=False) as client:
        await log_in(client, await people.make(months=1))
        for _ in range(3):
            assert (await client.get(PROFILE)).status_code == 200
        yield client


async def test_own_changes_are_read_at_once(
    member: httpx.AsyncClient, postgres_replica: PostgresServer, redis_server: Redis
) -> None:
    postgres_replica.pause_replay()
    try:
        for number in range(1, 31):
            if number % 10 == 0:
                redis_server.flush()
            changed = await member.patch(PROFILE, json={"phone": f"{1_000_000 + number}"})
            assert changed.status_code == 200
            seen = [(await member.get(PROFILE)).json()["phone"] for _ in range(3)]
            assert seen == [f"{1_000_000 + number}"] * 3
    finally:
        postgres_replica.resume_replay()


async def test_an_ended_session_is_refused(member: httpx.AsyncClient) -> None:
    cookies = dict(member.cookies)
    assert (await member.post("/api/v1/auth/logout")).status_code == 204
    member.cookies.update(cookies)
    assert (await member.get(PROFILE)).status_code == 401


async def test_answers_keep_the_order_of_questions(fleet: Fleet, member: httpx.AsyncClient) -> None:
    """Asked in one write: two that the cache has, one that it does not, and one for nobody's page."""
    jar = "; ".join(f"{name}={value}" for name, value in member.cookies.items())
    paths = (PROFILE, f"{PROFILE}?x=1", "/api/v1/my/dues", PROFILE, "/livez", PROFILE)
    asked = "".join(f"GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {jar}\r\n\r\n" for path in paths)
    reader, writer = await asyncio.open_connection(HOST, int(fleet.urls[0].rpartition(":")[2]))
    writer.write(asked.encode())
    bodies = []
    for _ in paths:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert head.startswith(b"HTTP/1.1 200"), head
        length = re.search(rb"content-length: (\d+)", head)
        assert length
        bodies.append(await reader.readexactly(int(length[1])))
    writer.close()
    profile = bodies[0]
    assert b"member_number" in profile
    assert [body == profile for body in bodies] == [True, True, False, True, False, True]
    assert b"summary" in bodies[2]


async def test_without_redis_the_long_way_answers(member: httpx.AsyncClient, redis_server: Redis) -> None:
    redis_server.kill()
    try:
        assert [(await member.get(PROFILE)).status_code for _ in range(5)] == [200] * 5
    finally:
        redis_server.start()


async def test_every_request_is_counted_once(fleet: Fleet, member: httpx.AsyncClient, redis_server: Redis) -> None:
    """By the metrics and by the limit: ten go the short way, and ten are told by the reply to go the long one."""
    offered, answered, in_flight = await _counted(fleet)
    assert (offered, in_flight) == (answered, 0)
    for _ in range(10):
        assert (await member.get(PROFILE)).status_code == 200
    for _ in range(10):
        redis_server.flush()
        lonely = await member.get(PROFILE)
        assert lonely.status_code == 200
        assert int(lonely.headers["ratelimit-remaining"]) == NO_LIMIT - 1
    assert await _counted(fleet) == (offered + 20, answered + 20, 0)


async def _counted(fleet: Fleet) -> tuple[float, float, float]:
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"{fleet.ops_urls[0]}/metrics")).text
    offered, answered, in_flight = (
        sum(float(value) for value in re.findall(f"^{pattern} (\\S+)$", text, re.MULTILINE))
        for pattern in (
            "ip2a_http_requests_offered_total",
            "ip2a_http_requests_total{[^}]*}",
            "ip2a_http_requests_in_flight",
        )
    )
    return offered, answered, in_flight
