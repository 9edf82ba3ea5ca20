"""The dashboard asks a real Prometheus about all processes, and does without one that is not there, slow or wrong."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import httpx
import pytest
from prometheus_client import REGISTRY, generate_latest

from devcluster.services.process import HOST, Server, free_port
from devcluster.services.prometheus import prometheus
from ip2a.observability import prometheus as asking
from ip2a.observability.fleet import Owner
from ip2a.observability.prometheus import Prometheus
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, browser, log_in

OWNER = Owner("members", "local46")
PAGE = "/admin/platform"


class Exporter(http.server.BaseHTTPRequestHandler):
    """This process' own series, as its port for operations would tell them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = generate_latest(REGISTRY)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


class Wrong(Exporter):
    """Whatever is asked, `answer`."""

    answer: ClassVar[tuple[int, bytes]] = (200, b"")

    def do_POST(self) -> None:
        status, body = self.answer
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(handler: type[Exporter]) -> Iterator[str]:
    """HOST:PORT where the handler answers."""
    server = http.server.ThreadingHTTPServer((HOST, 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"{HOST}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A Prometheus that knows two pods of ours and one of somebody else."""
    with serving(Exporter) as one, serving(Exporter) as two, serving(Exporter) as foreign:
        ours = {"namespace": OWNER.namespace, "ip2a": OWNER.name, "component": "app"}
        targets = [
            {"targets": [one, two], "labels": ours},
            {"targets": [foreign], "labels": {**ours, "ip2a": "other"}},
        ]
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "pods", "static_configs": targets}],
        }
        with prometheus(config) as running:
            yield running


@pytest.fixture
async def admin(runtime: Runtime, people: People) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator's browser, to which nobody has told a Prometheus yet."""
    async with browser(runtime) as client:
        await log_in(client, await people.make("admin"))
        yield client


async def look(runtime: Runtime, admin: httpx.AsyncClient, whole: Prometheus) -> str:
    """The dashboard of a process that asks this Prometheus."""
    async with browser(replace(runtime, prometheus=whole)) as client:
        client.cookies = admin.cookies
        answer = await client.get(PAGE)
        assert answer.status_code == 200, answer.text
        return answer.text


async def test_all_pods_of_this_platform_are_counted_and_nobody_elses(
    runtime: Runtime, admin: httpx.AsyncClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "KEPT", 0.0)
    whole = Prometheus(f"http://{server.endpoint}", OWNER)
    ends, seen = time.monotonic() + 60, await whole.look()
    while not (seen.fleet and seen.fleet.processes == 2 and seen.fleet.per_second > 0 and seen.fleet.pools):
        assert time.monotonic() < ends, seen
        assert (await admin.get("/api/v1/dues/rates")).status_code == 200
        await asyncio.sleep(0.2)
        seen = await whole.look()
    assert seen.trouble == ""
    assert seen.fleet.p95 is not None
    assert {pool.engine for pool in seen.fleet.pools} == {"read", "write"}
    of_one = runtime.history.looks()[-1].series["ip2a_db_pool_limit", (("engine", "write"),)]
    assert {pool.engine: pool.limit for pool in seen.fleet.pools}["write"] == 2 * of_one, "of both pods"
    page = await look(runtime, admin, whole)
    assert "The whole platform, the last minute" in page
    assert "The process that answers you" in page
    alone = Prometheus(f"http://{server.endpoint}", Owner("members", "nobody"))
    assert (await alone.look()).trouble == "it knows no process of this platform"


async def test_without_a_prometheus_the_process_is_shown_as_what_it_is(admin: httpx.AsyncClient) -> None:
    page = (await admin.get(PAGE)).text
    assert "The process that answers you" in page
    assert "The whole platform" not in page
    assert "Prometheus" not in page


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, b"{}"), "HTTP 500"),
        ((200, b"<html>"), "its answer is not understood"),
        ((200, b'{"data": {"result": [{}]}}'), "its answer is not understood"),
        ((200, b'{"data": {"result": []}}'), "it knows no process of this platform"),
        ((200, b" " * (asking.MAX_BYTES + 1)), "its answer is too large"),
    ],
)
async def test_a_wrong_answer_is_said_and_the_process_shown(
    runtime: Runtime, admin: httpx.AsyncClient, answer: tuple[int, bytes], said: str
) -> None:
    handler = type("Answering", (Wrong,), {"answer": answer})
    with serving(handler) as address:
        page = await look(runtime, admin, Prometheus(f"http://{address}", None))
    assert f"Prometheus tells nothing of the whole platform: {said}" in page
    assert "The process that answers you" in page


async def test_a_prometheus_that_is_away_or_silent_holds_nobody_up(
    runtime: Runtime, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TIMEOUT", 0.3)
    away = Prometheus(f"http://{HOST}:{free_port()}", None)
    assert "no connection: ConnectionRefusedError" in await look(runtime, admin, away)
    with socket.create_server((HOST, 0)) as silent:  # takes connections and never answers
        mute = Prometheus(f"http://{HOST}:{silent.getsockname()[1]}", None)
        seen = await asyncio.gather(*(mute.look() for _ in range(8)))
        assert {each.trouble for each in seen} == {"no connection: TimeoutError"}
        assert "no connection: TimeoutError" in await look(runtime, admin, mute)
        silent.settimeout(0)
        for _ in range(2):  # eight who look at the same time ask once: the figures and the course
            silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
