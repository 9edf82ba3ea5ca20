"""`ip2a-app worker`: the runner, with probes and metrics on the ops port, ended gracefully."""

import asyncio
import signal
import socket
from datetime import UTC, datetime

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ip2a.database.engines import create_databases
from ip2a.server import Server
from ip2a.settings import Settings
from ip2a.worker.kinds import KINDS
from ip2a.worker.runner import Pace, Runner
from ip2a.worker.work import Tools

STUCK = 120.0  # seconds without a turn of the loop after which the process had better be restarted


def ops_application(runner: Runner) -> Starlette:
    """Metrics and probes. Ready: the queue was reached once. Alive: the loop turns."""

    async def metrics(_request: object) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def livez(_request: object) -> Response:
        alive = runner.healthy(STUCK)
        return JSONResponse({"status": "alive" if alive else "stuck"}, 200 if alive else 503)

    async def readyz(_request: object) -> Response:
        return JSONResponse({"status": runner.state}, 200 if runner.state == "ready" else 503)

    return Starlette(routes=[Route("/metrics", metrics), Route("/livez", livez), Route("/readyz", readyz)])


async def work(settings: Settings, *, host: str, ops_port: int, pace: Pace) -> None:
    """Work until SIGTERM or SIGINT; then nothing more is taken, and what is in progress finishes or goes back."""
    databases = create_databases(settings)
    tools = Tools(settings, databases, lambda: datetime.now(UTC))
    runner = Runner(tools, KINDS, pace, socket.gethostname())
    ops = Server(
        uvicorn.Config(
            ops_application(runner), host=host, port=ops_port, access_log=False, log_config=None, lifespan="off"
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runner.stop)
    serving = asyncio.create_task(ops.serve())
    try:
        await runner.run()
    finally:
        ops.should_exit = True
        await serving
        await databases.close()
