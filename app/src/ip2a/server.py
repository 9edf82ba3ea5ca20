"""Runs the platform on its two ports in one process, and ends it gracefully."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Iterator

import uvicorn

from ip2a.application import create_application
from ip2a.edge.protocol import Protocol
from ip2a.ops import OpsThread, Pulse, ops_application
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
    """uvicorn without its own signal handling."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`."""
        yield


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

    def state() -> str:
        return "starting" if readiness.ready and not platform.started else readiness.state

    pulse = Pulse()
    ops = OpsThread(ops_application(pulse, state), host, ops_port)
    _calm_garbage_collection()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beating = asyncio.create_task(pulse.beat())
    ops.start()
    serving = asyncio.create_task(platform.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    readiness.drain()
    if stopping.done():
        await asyncio.sleep(drain_delay)
    stopping.cancel()
    platform.should_exit = True
    try:
        await serving
    finally:
        beating.cancel()
        await ops.stop()


def _calm_garbage_collection() -> None:
    """What is loaded by now lives as long as the process, and requests leave few cycles behind: look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()
