"""Probes and metrics on a port of their own, answered by a thread and an event loop of their own.

A process whose event loop is full of requests still says that it lives, that it is ready and how full it is: a probe
or a scrape that waited in the same queue as the requests would take busy pods out of service, all of them at once.
"""

import asyncio
import threading
import time
from collections.abc import Callable

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

STUCK = 15.0  # seconds without a turn of the requests' event loop after which it is not busy, but stuck
PULSE = 0.5  # seconds between signs of life


class Pulse:
    """The sign of life of an event loop, read from another thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock()

    @property
    def alive(self) -> bool:
        """Whether the loop turned lately."""
        return self._clock() - self._at < STUCK

    async def beat(self) -> None:
        """Give signs of life until cancelled."""
        while True:
            self._at = self._clock()
            await asyncio.sleep(PULSE)


def ops_application(pulse: Pulse, state: Callable[[], str]) -> Starlette:
    """Metrics and probes. Alive: the loop turns. Ready: it does and `state` says `ready`."""

    async def metrics(_request: object) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def livez(_request: object) -> Response:
        alive = pulse.alive
        return JSONResponse({"status": "alive" if alive else "stuck"}, 200 if alive else 503)

    async def readyz(_request: object) -> Response:
        found = state() if pulse.alive else "stuck"
        return JSONResponse({"status": found}, 200 if found == "ready" else 503)

    return Starlette(routes=[Route("/metrics", metrics), Route("/livez", livez), Route("/readyz", readyz)])


class OpsThread:
    """Serves an application on its own thread between `start` and `stop`. A port in use ends the process at once."""

    def __init__(self, application: Starlette, host: str, port: int) -> None:
        config = uvicorn.Config(
            application, host=host, port=port, access_log=False, log_config=None, lifespan="off", loop="asyncio"
        )
        self._server = uvicorn.Server(config)
        self._socket = config.bind_socket()
        self._thread = threading.Thread(target=self._run, name="ops", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    async def stop(self) -> None:
        """Answer what is being asked, then end."""
        self._server.should_exit = True
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        with self._socket:
            asyncio.run(self._server.serve([self._socket]))
