"""What waits for its turn in a process that is full has arrived, and is counted from when it was read."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ip2a.edge.protocol import Protocol

REQUESTS = 5
REQUEST = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Recorder:
    """An application that writes down what happens to it."""

    def __init__(self) -> None:
        self.course: list[str] = []

    def arrive(self, _cycle: RequestResponseCycle) -> None:
        self.course.append("arrived")

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError  # uvicorn goes on without a lifespan
        self.course.append("answered")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def test_requests_count_before_the_first_of_them_is_worked_on() -> None:
    recorder = Recorder()
    config = uvicorn.Config(recorder, host="127.0.0.1", port=0, http=Protocol, proxy_headers=False, log_config=None)
    bound = config.bind_socket()
    server: Any = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([bound]))
    connections: list[socket.socket] = []

    def ask(number: int) -> bytes:
        connections[number].sendall(REQUEST % number)
        return connections[number].recv(1000)

    def ask_all() -> None:
        for connection in connections:
            connection.sendall(REQUEST % 0)

    try:
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        for number in range(REQUESTS):
            connections.append(await asyncio.to_thread(socket.create_connection, bound.getsockname(), 10))
            assert b"204" in await asyncio.to_thread(ask, number)
        recorder.course.clear()
        sending = threading.Thread(target=ask_all)
        sending.start()
        sending.join(timeout=30)  # the event loop is busy meanwhile
        for connection in connections:
            assert b"204" in await asyncio.to_thread(connection.recv, 1000)
    finally:
        for connection in connections:
            connection.close()
        server.should_exit = True
        await serving
    assert recorder.course == ["arrived"] * REQUESTS + ["answered"] * REQUESTS
