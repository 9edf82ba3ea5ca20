"""The operator's own HTTP server: probes and metrics, up before the first watch and after the last."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

STALL_SECONDS: Final = 30.0
"""An event loop that did not run for so long is not going to."""


class Health:
    """What the probes are answered from."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beat = monotonic()
        self.is_ready = False
        """Set once the API server was reached; a standby is ready too."""

    async def beat(self) -> None:
        """Prove that the event loop runs; never returns."""
        while True:
            self._beat = self._monotonic()
            await asyncio.sleep(1.0)

    @property
    def is_alive(self) -> bool:
        """Whether the event loop ran lately."""
        return self._monotonic() - self._beat < STALL_SECONDS


class ProbeServer:
    """/livez, /readyz and /metrics."""

    def __init__(self, health: Health, registry: CollectorRegistry, port: int) -> None:
        self._health = health
        self._registry = registry
        self._port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        application = web.Application()
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, None, self._port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        return _answer(self._health.is_alive)

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self._health.is_alive and self._health.is_ready)

    async def _metrics(self, _: web.Request) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def _answer(good: bool) -> web.Response:
    return web.Response(text="ok\n" if good else "not ok\n", status=200 if good else 503)
