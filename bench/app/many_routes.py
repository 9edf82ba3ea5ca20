"""The platform with as many routes as the first version of it had, to see whether their number costs anything."""

import os

from starlette.responses import PlainTextResponse

from ip2a.application import READS, create_api
from ip2a.edge.application import Edge
from ip2a.readiness import Readiness
from ip2a.runtime import create_runtime
from ip2a.settings import load_settings

_runtime = create_runtime(load_settings())
_api = create_api(_runtime, Readiness())


async def _nothing() -> PlainTextResponse:
    return PlainTextResponse("")


for _number in range(int(os.environ["BENCH_ROUTES"])):
    _api.add_api_route(f"/filler/{_number}/{{item}}", _nothing, include_in_schema=False)
# Before everything else: the worst place for those behind them.
_api.router.routes.reverse()
app = Edge(_api, _runtime, READS)
