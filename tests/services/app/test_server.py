"""The platform on its own server: what the edge writes itself must be the HTTP that ASGI would have sent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from devcluster.paths import CHECKOUT
from devcluster.services import process
from devcluster.services.process import HOST
from tests.services.app.conftest import People, log_in, some_address

PROFILE = "/api/v1/my/profile"
READY_SECONDS = 30
VARYING = {"date", "traceparent", "ratelimit-remaining", "ratelimit-reset"}


@pytest.fixture
def server(app_environment: dict[str, str]) -> Iterator[str]:
    """Where a platform process listens."""
    port, ops = process.free_port(), process.free_port()
    environment = {
        **app_environment,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT / "app" / "src"),
        "IP2A_TRUSTED_PROXIES": "127.0.0.1/32",
    }
    command = [sys.executable, "-m", "ip2a", "serve", "--host", HOST, "--port", str(port), "--ops-port", str(ops)]
    with subprocess.Popen([*command, "--drain-delay", "0"], env=environment, stderr=subprocess.DEVNULL) as program:
        try:
            wait_ready(f"http://{HOST}:{ops}/readyz")
            yield f"http://{HOST}:{port}"
        finally:
            program.terminate()
            program.wait(timeout=30)


def wait_ready(url: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end
        time.sleep(0.1)


def telling(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in VARYING}


async def test_a_whole_answer_is_what_asgi_would_have_sent(
    server: str, client: httpx.AsyncClient, people: People
) -> None:
    await log_in(client, await people.make())
    await client.get(PROFILE)
    through_asgi = await client.get(PROFILE)
    etag = {"If-None-Match": through_asgi.headers["etag"]}
    jar = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {"X-Forwarded-For": some_address(), "Cookie": jar}
    async with httpx.AsyncClient(base_url=server, headers=headers, trust_env=False) as browser:
        answers = [await browser.get(PROFILE) for _ in range(3)]
        unchanged = await browser.get(PROFILE, headers=etag)
        last = await browser.get(PROFILE, headers={"Connection": "close"})
    assert {answer.status_code for answer in answers} == {200}
    for answer in (*answers, last):
        assert answer.content == through_asgi.content
    assert telling(answers[0]) == telling(through_asgi)
    assert last.headers["connection"] == "close"
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert telling(unchanged) == telling(await client.get(PROFILE, headers=etag))
    remaining = [int(answer.headers["ratelimit-remaining"]) for answer in answers]
    assert remaining == sorted(remaining, reverse=True)
    assert len({answer.headers["traceparent"] for answer in answers}) == len(answers)
