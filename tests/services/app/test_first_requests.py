"""A process that says it is ready has done what its first requests would wait for."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys

import psycopg
import pytest
from prometheus_client import generate_latest
from redis import Redis as RedisClient

from devcluster.paths import CHECKOUT
from devcluster.services import Redis
from ip2a import readiness as readiness_module
from ip2a.application import create_api
from ip2a.readiness import Readiness
from ip2a.rehearsal import rehearse
from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.statements import traced, watch

PEOPLE = 3
PATIENCE = 60.0  # seconds for a process that starts, serves twenty requests and ends
NO_MORE_THAN, OTHERS = 2.0, 1000
"""Times the calls of functions that the last request of the kind takes, and calls of background tasks in between.
Without a rehearsal the log-in form takes more than a hundred times as many, and an error page seven times.
"""
COUNTED = (b"ip2a_http_", b"ip2a_users_active", b"ip2a_rate_", b"ip2a_admission_", b"ip2a_cache_requests")


async def test_first_requests_cost_about_what_later_ones_do(environment: dict[str, str], people: People) -> None:
    made = [await people.make() for _ in range(PEOPLE)]
    given = json.dumps([(person.email, person.dues_ids[0]) for person in made])
    path = os.pathsep.join((str(CHECKOUT / "app" / "src"), str(CHECKOUT / "devcluster" / "src"), str(CHECKOUT)))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.services.app.first_requests", given),
        env={**os.environ, **environment, "PYTHONPATH": path},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    assert process.returncode == 0
    costs = json.loads(output)
    assert {status for kind in costs.values() for _, _, status in kind} == {200, 201, 404}
    assert {kind: found[0][1] for kind, found in costs.items() if found[0][1]} == {}
    calls = {kind: [count for count, _, _ in found] for kind, found in costs.items()}
    assert not {kind: counts for kind, counts in calls.items() if counts[0] > NO_MORE_THAN * counts[-1] + OTHERS}, calls


def counted() -> list[bytes]:
    """What metrics say of requests."""
    return [line for line in generate_latest().splitlines() if line.startswith(COUNTED)]


async def test_a_rehearsal_leaves_no_trace(
    runtime: Runtime,
    redis_server: Redis,
    as_owner: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch(runtime, monkeypatch)
    caplog.set_level(logging.INFO)
    api, before = create_api(runtime, Readiness()), counted()
    assert before
    with traced() as trace:
        await rehearse(api)
    assert counted() == before
    assert trace.seen == []
    assert not [record for record in caplog.records if record.name.startswith("ip2a")]
    with RedisClient.from_url(redis_server.url) as cache:
        assert cache.keys() == []
    with psycopg.connect(as_owner) as connection:
        assert connection.execute("SELECT count(*) FROM audit_logs").fetchone() == (0,)


async def fails() -> None:
    raise RuntimeError("on purpose")


async def never_ends() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(("rehearsal", "told"), [(fails, "failed"), (never_ends, "took too long")])
async def test_a_broken_rehearsal_keeps_nobody_out_of_service(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, rehearsal: object, told: str
) -> None:
    monkeypatch.setattr(readiness_module, "REHEARSAL_PATIENCE", 0.1)
    readiness = Readiness()
    await readiness.start(runtime, rehearsal)  # type: ignore[arg-type]  # parametrize types it object
    for _ in range(600):
        if readiness.ready:
            break
        await asyncio.sleep(0.05)
    assert readiness.ready
    readiness.drain()
    assert f"the rehearsal {told}" in caplog.text


async def test_who_drains_meanwhile_does_not_become_ready(runtime: Runtime) -> None:
    begun, readiness = asyncio.Event(), Readiness()

    async def begins() -> None:
        begun.set()
        await asyncio.Event().wait()

    await readiness.start(runtime, begins)
    async with asyncio.timeout(30):
        await begun.wait()
    readiness.drain()
    await asyncio.sleep(0)
    assert readiness.state == "draining"
