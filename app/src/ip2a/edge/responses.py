"""Answers the edge gives by itself: cached bytes, 304, 429, 503. Headers are ready tuples of bytes."""

import json
import random
import time
from http import HTTPStatus

from starlette.types import Send

from ip2a.limits.rates import Rate
from ip2a.web.problems import MEDIA_TYPE, Problem

Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", MEDIA_TYPE.encode())
HTML = (b"content-type", b"text/html; charset=utf-8")
PRIVATE = (b"cache-control", b"private, no-cache")


class HotHead:
    """Status line and headers of cached answers: all that never changes is joined once."""

    def __init__(self, fixed: Headers) -> None:
        lines = b"".join(b"%b: %b\r\n" % (name, value.replace(b"%", b"%%")) for name, value in fixed)
        varying = (
            b'etag: "%b"\r\ntraceparent: %b\r\n'
            b"ratelimit-limit: %d\r\nratelimit-remaining: %d\r\nratelimit-reset: %d\r\n"
        )
        self._found = b"HTTP/1.1 200 OK\r\n" + lines + varying + b"content-length: %d\r\n"
        self._unchanged = b"HTTP/1.1 304 Not Modified\r\n" + lines + varying

    def found(self, etag: bytes, trace: bytes, quota: tuple[int, int, int], length: int) -> bytes:
        """Of 200 with a body of `length` bytes; `quota` is limit, remaining and seconds until it is new."""
        return self._found % (etag, trace, *quota, length)

    def unchanged(self, etag: bytes, trace: bytes, quota: tuple[int, int, int]) -> bytes:
        """Of 304."""
        return self._unchanged % (etag, trace, *quota)


def seconds_to_reset() -> int:
    """Until the minute that limits are counted in is over."""
    return 60 - int(time.time()) % 60


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


def problem_body(problem: Problem, path: str, field: str = "") -> bytes:
    """An RFC 9457 body; `field` is the one at fault."""
    errors = {"errors": [{"field": field, "message": problem.detail}]} if field else {}
    return json.dumps(
        {
            "type": f"urn:ip2a:problem:{problem.kind}",
            "title": HTTPStatus(problem.status).phrase,
            "status": problem.status,
            "detail": problem.detail,
            "instance": path,
            **errors,
        }
    ).encode()


def retry_after() -> tuple[bytes, bytes]:
    """When to try again after 503: spread, so that not everybody comes back at once."""
    return (b"retry-after", b"%d" % random.randint(1, 4))  # noqa: S311 (jitter)
