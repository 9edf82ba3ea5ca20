"""When a process says that it wants requests."""

import asyncio
import socket

import pytest

from ip2a.readiness import Readiness
from ip2a.runtime import create_runtime
from ip2a.settings import load_settings

SILENT = "127.0.0.9"
"""An address of this host at which a test listens and never answers, as a pooler does that waits for a replica."""
LOOK_EVERY = 0.05


async def state_after_start(within: float) -> str:
    """What readiness says once it is ready, or after so many seconds."""
    runtime, readiness = create_runtime(load_settings()), Readiness()
    await readiness.start(runtime)
    for _ in range(round(within / LOOK_EVERY)):
        if readiness.ready:
            break
        await asyncio.sleep(LOOK_EVERY)
    state = readiness.state
    readiness.drain()
    await runtime.close()
    return state


async def test_a_replica_that_is_silent_or_gone_keeps_nobody_out_of_service(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IP2A_DB_READ_HOST", SILENT)
    with socket.create_server((SILENT, int(environment["IP2A_DB_PORT"]))):
        assert await state_after_start(within=10) == "ready"
    assert await state_after_start(within=10) == "ready"


async def test_without_the_primary_a_process_is_not_ready(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IP2A_DB_WRITE_HOST", SILENT)
    assert await state_after_start(within=2) == "starting"
