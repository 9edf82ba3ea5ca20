"""Does what clients are asked to do when the platform is busy: come back later with the same request.

A machine that is slow enough sheds load in any race. Who was refused so was not served: 503 `overloaded` means that
nothing was changed, and the repeated request is the same one, with the same Idempotency-Key.
"""

from __future__ import annotations

import asyncio

import httpx

TRIES = 60
SCALE = 0.05  # of the seconds in Retry-After: 0.05 to 0.2 s
OVERLOADED = "urn:ip2a:problem:overloaded"


class Patient(httpx.AsyncBaseTransport):
    """Repeats a request that was refused because the platform is busy; not for tests of being busy."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The first answer that is another one, or the last."""
        for _ in range(TRIES):
            answer = await self._transport.handle_async_request(request)
            if answer.status_code != 503:
                return answer
            await answer.aread()
            if OVERLOADED not in answer.text:
                return answer
            await asyncio.sleep(int(answer.headers["retry-after"]) * SCALE)
        return answer

    async def aclose(self) -> None:
        """Close what carries the requests."""
        await self._transport.aclose()
