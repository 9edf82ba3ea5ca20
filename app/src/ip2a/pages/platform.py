"""How the platform is doing, for administrators: all of it as Prometheus tells, and this process, the databases and the
queue by themselves.
"""

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from ip2a import __version__
from ip2a.database.identity import Identity, transaction
from ip2a.observability.dashboard import dashboard
from ip2a.observability.fleet import SECONDS
from ip2a.observability.prometheus import Seen
from ip2a.pages.session import PartDependency, VisitDependency, show
from ip2a.runtime import Runtime
from ip2a.web.dependencies import RuntimeDependency
from ip2a.worker import queue

router = APIRouter(include_in_schema=False)

PATH = "/admin/platform"
QUEUE = Identity(resources=frozenset({"jobs"}))
WIDTH, HEIGHT = 300, 40  # of the curve, in its own units


@router.get(PATH)
async def platform(runtime: RuntimeDependency, visit: VisitDependency, part: PartDependency) -> Response:
    """The figures of the last minute."""
    visit.caller.need("system:config")
    (replica, primary), jobs, seen = await asyncio.gather(runtime.reader.positions(), _jobs(runtime), _whole(runtime))
    figures = dashboard(runtime.history.looks())
    values = {
        "figures": figures,
        "fleet": None if seen is None else seen.fleet,
        "trouble": "" if seen is None else seen.trouble,
        "fleet_course": points([] if seen is None else seen.course, WIDTH, HEIGHT),
        "fleet_highest": max([] if seen is None else seen.course, default=0.0),
        "minutes": SECONDS // 60,
        "jobs": jobs,
        "split": runtime.databases.split,
        "replica": replica,
        "primary": primary,
        "lag": None if replica is None or primary is None else max(0, primary - replica),
        "course": points(figures.course, WIDTH, HEIGHT),
        "width": WIDTH,
        "height": HEIGHT,
        "highest": max(figures.course, default=0.0),
        "now": runtime.now(),
        "version": __version__,
    }
    return show(runtime, visit, "platform.html", values, active="admin", part=part)


async def _whole(runtime: Runtime) -> Seen | None:
    """All processes together; None where no Prometheus is named."""
    return None if runtime.prometheus is None else await runtime.prometheus.look()


def points(values: list[float], width: int, height: int) -> str:
    """The points of an SVG polyline through the values, the highest at the top."""
    top, steps = max([*values, 0.001]), max(1, len(values) - 1)
    return " ".join(
        f"{number * width / steps:.1f},{height - 1 - value * (height - 2) / top:.1f}"
        for number, value in enumerate(values)
    )


async def _jobs(runtime: Runtime) -> list[dict[str, object]]:
    async with transaction(runtime.databases.write, QUEUE) as connection:
        return [dict(row) for row in await queue.counts(connection)]
