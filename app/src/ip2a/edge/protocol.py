"""uvicorn's HTTP protocol with two things more: an application is told of a request before a task is started for it,
and may take it over.

Told, because tasks wait for each other where the process is full: what waits must count as arrived. Taken over, because
the task and ASGI's two messages cost as much as everything else together where the answer's bytes are ready. On another
server, and for what the application does not take, ASGI's way is gone.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class Protocol(HttpToolsProtocol):
    """One connection."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 (uvicorn's type)
        take = getattr(app, "take", None)
        if take is None or not take(self, cycle):
            arrive = getattr(app, "arrive", None)
            if arrive is not None:
                arrive(cycle)
            super()._start_asgi_task(cycle, app)

    def go_on(self, cycle: RequestResponseCycle) -> None:
        """ASGI's way after all, for a request that was taken."""
        super()._start_asgi_task(cycle, self.app)

    @staticmethod
    def send_whole(cycle: RequestResponseCycle, head: bytes, body: bytes) -> bool:
        """Write status line and headers (each ended by CRLF) and the body; False when ASGI's way must be gone."""
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
