"""Parts of the platform on the platform's server, to see what each costs: BENCH_LAYER says which.

`constant`: the server alone, a ready answer without a task. `memory`: everything that a cached read is but Redis, whose
replies are remembered. `asgi`: the whole platform, but each request has its task, as on a server without our protocol.
`routes`: the whole platform with BENCH_ROUTES more routes before its own. `hash`: nothing but what a log-in hashes, on
the same small thread pool.
"""

from __future__ import annotations

import asyncio
import os

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from bench.app import hello
from bench.app.stage import PASSWORD
from ip2a.application import READS, create_api
from ip2a.cache.connection import CacheUnavailableError, Receiver, RedisConnection, Reply
from ip2a.edge.application import Edge
from ip2a.edge.protocol import Protocol
from ip2a.readiness import Readiness
from ip2a.runtime import create_runtime
from ip2a.security.passwords import PasswordHasher
from ip2a.settings import load_settings

HEAD = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b: %b\r\n" % header for header in hello.HEADERS)


class Constant:
    """The same answer to everything."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the server asks by itself."""
        await hello.app(scope, receive, send)

    def take(self, _connection: Protocol, cycle: RequestResponseCycle) -> bool:
        """Answer."""
        return Protocol.send_whole(cycle, HEAD, hello.BODY)


class Hashing:
    """Verifies the password of every account of the stage, whatever is asked, and answers as `hello`."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._stored = self._hasher.hash_now(PASSWORD)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One hash a request."""
        if scope["type"] == "http":
            await receive()
            assert await self._hasher.verify(PASSWORD, self._stored)
        await hello.app(scope, receive, send)


class Remembering:
    """A connection to Redis that asks each question once."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._replies: dict[bytes, Reply] = {}

    def ask(self, command: bytes, receiver: Receiver) -> None:
        """The remembered reply in the next turn of the loop, or Redis'."""
        if command in self._replies:
            asyncio.get_running_loop().call_soon(receiver, self._replies[command])
            return

        def learn(reply: Reply | CacheUnavailableError) -> None:
            if not isinstance(reply, CacheUnavailableError):
                self._replies[command] = reply
            receiver(reply)

        self._connection.ask(command, learn)


def application(layer: str) -> ASGIApp:
    """What to serve."""
    if layer == "constant":
        return Constant()
    if layer == "hash":
        return Hashing()
    runtime = create_runtime(load_settings())
    api = create_api(runtime, Readiness())
    if layer == "routes":
        _add_routes(api, int(os.environ["BENCH_ROUTES"]))
    edge = Edge(api, runtime, READS)
    assert edge.shortcut is not None
    assert runtime.redis is not None
    if layer == "asgi":
        edge.shortcut = None
    elif layer == "memory":
        edge.shortcut.redis = Remembering(runtime.redis)
    return edge


def _add_routes(api: FastAPI, number: int) -> None:
    async def nothing() -> PlainTextResponse:
        return PlainTextResponse("")

    for index in range(number):
        api.add_api_route(f"/filler/{index}/{{item}}", nothing, include_in_schema=False)
    api.router.routes.reverse()  # before everything else: the worst place for those behind them


async def serve(port: int) -> None:
    """On the platform's server, as `ip2a serve` sets it up."""
    config = uvicorn.Config(
        application(os.environ["BENCH_LAYER"]),
        http=Protocol,
        port=port,
        timeout_keep_alive=120,
        access_log=False,
        log_level="warning",
        backlog=4096,
        server_header=False,
        proxy_headers=False,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(serve(int(os.environ["BENCH_PORT"])))
