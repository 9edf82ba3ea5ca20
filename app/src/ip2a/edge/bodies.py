"""What a request may weigh: bounded bodies, header blocks and JSON depth, refused before anything is parsed.

uvicorn bounds each header line and the whole block only at 64 KiB; a body has no bound of its own.
"""

import asyncio
import json
import re
from typing import NamedTuple

from starlette.types import Message, Receive, Scope

MAXIMUM_BODY = 128 * 1024  # bytes; files go straight to the object store
MAXIMUM_HEADERS = 16 * 1024  # bytes of names and values together
MAXIMUM_DEPTH = 20  # objects and lists within each other
SECONDS = 20.0  # a body may take to arrive

_NUL_IN_JSON = re.compile(rb"\x00|(?<!\\)(?:\\\\)*\\u0000")
_NUL_IN_FORM = re.compile(rb"\x00|%00")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(rb"[\[\]{}]")


class Refusal(NamedTuple):
    """Why a request is not read."""

    status: int
    kind: str
    detail: str
    field: str = ""


TOO_LARGE = Refusal(413, "body-too-large", f"The body must not be larger than {MAXIMUM_BODY} bytes.")
TOO_DEEP = Refusal(422, "too-deep", f"JSON must not be nested deeper than {MAXIMUM_DEPTH} levels.")
TOO_SLOW = Refusal(408, "body-too-slow", f"The body did not arrive within {SECONDS:.0f} seconds.")
NUL = Refusal(422, "nul-character", "Text must not hold the character U+0000; leave it out.")
HEADERS_TOO_LARGE = Refusal(431, "headers-too-large", f"The headers must not be larger than {MAXIMUM_HEADERS} bytes.")


class BodyRefusedError(Exception):
    """The body is too large or too deep."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.kind)
        self.refusal = refusal


def refusal_of_address(query: bytes, path: str) -> Refusal | None:
    """Why path and query are not accepted: no text of the database can hold what they ask for."""
    return NUL if "\x00" in path or _NUL_IN_FORM.search(query) else None


def refusal_of_headers(headers: list[tuple[bytes, bytes]]) -> Refusal | None:
    """Why the headers are not accepted, or None when they are."""
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"content-length" and value.isdigit() and int(value) > MAXIMUM_BODY:
            return TOO_LARGE
    return HEADERS_TOO_LARGE if size > MAXIMUM_HEADERS else None


async def read_bounded(scope: Scope, receive: Receive) -> bytes:
    """The whole body.

    Raises BodyRefusedError as soon as it is too large or too slow, when its JSON is too deep, or holds U+0000. A
    client that leaves gives what came.
    """
    try:
        async with asyncio.timeout(SECONDS):
            body = await _all_parts(receive)
    except TimeoutError:
        raise BodyRefusedError(TOO_SLOW) from None
    is_json = _is_json(scope)
    if is_json and depth_of(body) > MAXIMUM_DEPTH:
        raise BodyRefusedError(TOO_DEEP)
    if (_NUL_IN_JSON if is_json else _NUL_IN_FORM).search(body):
        raise BodyRefusedError(NUL._replace(field=field_with_nul(body)) if is_json else NUL)
    return body


async def _all_parts(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MAXIMUM_BODY:
            raise BodyRefusedError(TOO_LARGE)
        parts.append(part)
        if not message.get("more_body"):
            break
    return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then what comes behind it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def depth_of(body: bytes) -> int:
    """How deep objects and lists stand within each other, outside of strings."""
    if body.count(b"[") + body.count(b"{") <= MAXIMUM_DEPTH:
        return 0  # cannot be deeper, whatever stands in strings
    deepest = depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def field_with_nul(body: bytes) -> str:
    """The first field of a JSON body that holds U+0000, as `outer.inner`; empty when the body is none."""
    try:
        return _path_to_nul(json.loads(body)) or ""
    except ValueError:
        return ""


def _path_to_nul(value: object) -> str | None:
    if isinstance(value, str):
        return "" if "\x00" in value else None
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        path = _path_to_nul(inner)
        if path is not None:
            return f"{name}.{path}".rstrip(".")
    return None


def _is_json(scope: Scope) -> bool:
    kinds: list[bytes] = [value for name, value in scope["headers"] if name == b"content-type"]
    return not kinds or b"json" in kinds[-1].lower()
