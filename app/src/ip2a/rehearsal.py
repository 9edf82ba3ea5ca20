"""What a process's first requests would pay for, paid before it says that it is ready.

FastAPI builds an included router's routes when it is first asked whether one of them matches, so the first request that
no router before answers pays for all of them: half a second of CPU, seconds in a pod that has a seventh of one.
"""

import asyncio

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Message

from ip2a.edge.context import KEY, Context

ASKED = ("/login", "/my/dues", "/api/v1/my/profile", "/static/app.css", "/not-a-page")
"""By nobody: the log-in form, the way to it, a problem, a file (whose threads are set up with the first) and an error
page. None of them asks the database or Redis.
"""


async def rehearse(app: FastAPI) -> None:
    """Ask what stands behind the edge, so that nothing is counted, limited, logged or recorded.

    Others get their turn after each router, so that it can be given up. Raises what the application raises.
    """
    for route in app.routes:
        for _ in iter_route_contexts([route]):
            pass  # built by being looked at
        await asyncio.sleep(0)
    for path in ASKED:
        await _ask(app, path)


async def _ask(app: FastAPI, path: str) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": None,
        "server": None,
        KEY: Context(),
    }

    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
    answered = asyncio.Event()

    async def receive() -> Message:
        if not messages:
            await answered.wait()  # some answers listen meanwhile for whether somebody still waits for them
            return {"type": "http.disconnect"}
        return messages.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            answered.set()

    await app(scope, receive, send)
