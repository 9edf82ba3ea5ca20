"""Runs the platform on its two ports in one process and one event loop, and ends it gracefully."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Iterator

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ip2a.application import create_application
from ip2a.edge.protocol import Protocol
from ip2a.readiness import Readiness
from ip2a.runtime import create_runtime
from ip2a.settings import Settings

HTTP_PORT = 8000
OPS_PORT = 9100
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 (a pod's network is its own)
DRAIN_DELAY = 5.0  # seconds between readiness going off and the listener closing: endpoints need to hear of it
GARBAGE_THRESHOLDS = (20_000, 20, 20)  # objects until a look at the young; young looks until the middle-aged, and so on
KEEP_ALIVE = 120  # seconds an idle connection is kept: longer than ingresses keep theirs, or they race with its end
GRACE = 20  # seconds requests in flight are given


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: two servers share one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`."""
        yield


def ops_application(readiness: Readiness) -> Starlette:
    """Metrics and probes, on a port the ingress never reaches."""

    async def metrics(_request: object) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def livez(_request: object) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: object) -> Response:
        return JSONResponse({"status": readiness.state}, 200 if readiness.ready else 503)

    return Starlette(routes=[Route("/metrics", metrics), Route("/livez", livez), Route("/readyz", readyz)])


async def serve(
    settings: Settings,
    *,
    host: str = ALL_ADDRESSES,
    port: int = HTTP_PORT,
    ops_port: int = OPS_PORT,
    drain_delay: float = DRAIN_DELAY,
) -> None:
    """Serve until SIGTERM or SIGINT; then readiness goes off, requests in flight finish, pools close."""
    readiness = Readiness()
    runtime = create_runtime(settings)
    platform = Server(
        uvicorn.Config(
            create_application(runtime, readiness),
            http=Protocol,
            host=host,
            port=port,
            timeout_keep_alive=KEEP_ALIVE,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
            log_config=None,
            backlog=4096,
        )
    )
    ops = Server(
        uvicorn.Config(
            ops_application(readiness),
            host=host,
            port=ops_port,
            access_log=False,
            log_config=None,
            lifespan="off",
        )
    )
    _calm_garbage_collection()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = [asyncio.create_task(platform.serve()), asyncio.create_task(ops.serve())]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([*serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    readiness.drain()
    if stopping.done():
        await asyncio.sleep(drain_delay)
    stopping.cancel()
    platform.should_exit = True
    await serving[0]
    ops.should_exit = True
    await serving[1]


def _calm_garbage_collection() -> None:
    """What is loaded by now lives as long as the process, and requests leave few cycles behind: look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
