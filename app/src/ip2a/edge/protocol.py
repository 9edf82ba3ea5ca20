"""uvicorn's HTTP protocol with one thing more: an application that has a whole answer ready may hand it over as bytes.

ASGI takes an answer in two messages and the server checks and writes each; for answers whose bytes are ready that is a
third of their cost. The way is offered in the scope as an extension; without it (another server, tests) ASGI does.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

EXTENSION = "ip2a.whole_answer"

SendWhole = Callable[[bytes, bytes], bool]
"""Takes status line and headers (each ended by CRLF) and the body; False when ASGI's way must be gone instead."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 (uvicorn's type)
        cycle.scope["extensions"] = {EXTENSION: partial(_send_whole, cycle)}  # type: ignore[dict-item]  # any value is ASGI
        super()._start_asgi_task(cycle, app)


def whole_answer(scope: Scope) -> SendWhole | None:
    """The extension, where the server has it."""
    send: SendWhole | None = scope.get("extensions", {}).get(EXTENSION)
    return send


def _send_whole(cycle: RequestResponseCycle, head: bytes, body: bytes) -> bool:
    if cycle.disconnected:
        return True
    if cycle.response_started or not cycle.keep_alive or cycle.flow.write_paused:
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    parts = [head]
    for name, value in cycle.default_headers:
        parts += (name, b": ", value, b"\r\n")
    parts += (b"\r\n", body)
    cycle.transport.write(b"".join(parts))
    cycle.on_response()
    return True
