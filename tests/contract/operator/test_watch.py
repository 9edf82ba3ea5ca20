"""The whole operator process against watches that break: it goes on, or it ends visibly, but never lives on deaf.

To be run again on every new kopf: this is the bug that killed other operators silently.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ip2a_operator.api.kinds import RESOURCE
from tests.contract.operator.scripted_api import Answer, ScriptedApi, status
from tests.control_plane.operator.process import OperatorProcess
from tests.unit.operator.worlds import sample

SECONDS = 40.0
"""Room for a busy machine; what is waited for takes about two."""


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    server = ScriptedApi()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def operator(api: ScriptedApi, tmp_path: Path) -> AsyncIterator[OperatorProcess]:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": api.url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config), encoding="utf-8")
    with OperatorProcess(file, "members", tmp_path / "operator.log") as process:
        yield process


async def until(what: str, probe: Callable[[], Any]) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            while not probe():  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise AssertionError(f"not within {SECONDS:g} s: {what}") from error


def make(api: ScriptedApi) -> None:
    api.put(RESOURCE, sample("minimal"))


def is_reconciled(api: ScriptedApi) -> bool:
    return ("services", "local46-app") in api.objects


async def test_broken_watches_are_opened_again(api: ScriptedApi, operator: OperatorProcess) -> None:
    await until("watching", lambda: api.watches("ip2as") and api.watches("services"))
    before = api.opened.copy()
    api.break_watches()
    await until("opened again", lambda: api.opened["ip2as"] > before["ip2as"])
    make(api)
    await until("reconciled", lambda: is_reconciled(api))
    assert operator.exit_status() is None


async def test_expired_watch_is_listed_again(api: ScriptedApi, operator: OperatorProcess) -> None:
    gone = iter([True])

    async def expired(request: web.Request) -> Answer | None:
        if request.query.get("watch") != "true" or not request.path.endswith("ip2as") or not next(gone, False):
            return None
        return await error_event(request, 410)

    api.faults.append(expired)
    await until("watching", lambda: api.watches("ip2as"))
    make(api)
    await until("reconciled", lambda: is_reconciled(api))
    assert operator.exit_status() is None


async def test_watch_that_the_server_fails_ends_the_process(api: ScriptedApi, operator: OperatorProcess) -> None:
    async def failing(request: web.Request) -> Answer | None:
        if request.query.get("watch") == "true" and request.path.endswith("deployments"):
            return await error_event(request, 500)
        return None

    api.faults.append(failing)
    await until("the process has ended", lambda: operator.exit_status() is not None)
    assert operator.exit_status() != 0


async def test_overloaded_server_at_the_start_is_waited_for(api: ScriptedApi, operator: OperatorProcess) -> None:
    async def overloaded(_: web.Request) -> Answer | None:
        return status(429, "too many") if len(api.requests) < 6 else None

    api.faults.append(overloaded)
    make(api)
    await until("reconciled", lambda: is_reconciled(api))
    assert operator.exit_status() is None


async def error_event(request: web.Request, code: int) -> Answer:
    response = web.StreamResponse()
    await response.prepare(request)
    event = {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "scripted"}}
    await response.write(json.dumps(event).encode() + b"\n")
    return response
