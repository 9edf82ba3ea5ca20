"""What the first requests of a fresh process cost, as JSON on standard output; started by `test_first_requests`.

Counted are calls of functions, which say the same on every machine, and modules imported meanwhile.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import pstats
import sys

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from ip2a.application import READS, create_api
from ip2a.edge.application import Edge
from ip2a.readiness import Readiness
from ip2a.runtime import create_runtime
from ip2a.settings import load_settings
from tests.services.app.conftest import DUE_CENTS, PASSWORD, some_address

LOOK_EVERY, LOOKS = 0.05, 600


class Counted:
    """An application that notes what its last request cost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.calls = 0
        self.imported: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's call."""
        before, profile = set(sys.modules), cProfile.Profile()
        profile.enable()
        try:
            await self._app(scope, receive, send)
        finally:
            profile.disable()
            self.calls = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]  # its stub lacks it
            self.imported = sorted(set(sys.modules) - before)


async def measure(people: list[tuple[str, int]]) -> dict[str, list[tuple[int, list[str], int]]]:
    """By kind of request, what it cost for each of the people (address, open dues): calls, imports, status."""
    runtime, readiness = create_runtime(load_settings()), Readiness()
    api = create_api(runtime, readiness)
    counted = Counted(Edge(api, runtime, READS))
    costs: dict[str, list[tuple[int, list[str], int]]] = {}

    async def note(kind: str, client: httpx.AsyncClient, method: str, path: str, **given: object) -> httpx.Response:
        response = await client.request(method, path, **given)  # type: ignore[arg-type]
        costs.setdefault(kind, []).append((counted.calls, counted.imported, response.status_code))
        return response

    async with api.router.lifespan_context(api):
        for _ in range(LOOKS):
            if readiness.ready:
                break
            await asyncio.sleep(LOOK_EVERY)
        assert readiness.ready
        for address, dues in people:
            headers = {"X-Forwarded-For": some_address()}
            transport = httpx.ASGITransport(counted)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
                await note("log-in form", client, "GET", "/login")
                credentials = {"email": address, "password": PASSWORD}
                session = await note("log-in", client, "POST", "/api/v1/auth/login", json=credentials)
                client.headers["X-CSRF-Token"] = session.json()["csrf_token"]
                await note("profile, missed", client, "GET", "/api/v1/my/profile")
                await note("profile, cached", client, "GET", "/api/v1/my/profile")
                await note("dues page", client, "GET", "/my/dues")
                key, order = {"Idempotency-Key": f"first-payment-{dues}"}, {"amount_cents": DUE_CENTS}
                await note("payment", client, "POST", f"/api/v1/my/dues/{dues}/payments", json=order, headers=key)
                await note("no such page", client, "GET", "/nowhere")
    return costs


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(json.loads(sys.argv[1])))))
