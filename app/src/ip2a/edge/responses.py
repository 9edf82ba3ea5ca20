"""Answers the edge gives by itself: cached bytes, 304, 429, 503. Headers are ready tuples of bytes."""

import json
import random
from http import HTTPStatus

from starlette.types import Send

from ip2a.limits.rates import Rate
from ip2a.web.problems import MEDIA_TYPE

Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", MEDIA_TYPE.encode())
PRIVATE = (b"cache-control", b"private, no-cache")


async def send_bytes(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """One whole response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def rate_headers(rate: Rate, remaining: int, reset: int) -> Headers:
    """How much the client may still ask, and when the minute is over."""
    return [
        (b"ratelimit-limit", b"%d" % rate.per_minute),
        (b"ratelimit-remaining", b"%d" % remaining),
        (b"ratelimit-reset", b"%d" % reset),
    ]


def problem(status: int, kind: str, detail: str, path: str) -> bytes:
    """An RFC 9457 body."""
    return json.dumps(
        {
            "type": f"urn:ip2a:problem:{kind}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "instance": path,
        }
    ).encode()


def retry_after() -> tuple[bytes, bytes]:
    """When to try again after 503: spread, so that not everybody comes back at once."""
    return (b"retry-after", b"%d" % random.randint(1, 4))  # noqa: S311 (jitter)
