"""Sending what a cacheable read gave: ready bytes, with an ETag, 304 where the client has them already."""

from starlette.responses import Response

from ip2a.cache.store import Entry
from ip2a.reads import Query, freshness_needed
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.problems import MEDIA_TYPE, Problem

PRIVATE = "private, no-cache"  # browsers may keep it, but ask each time whether it is still right


async def answer(runtime: Runtime, caller: Caller, query: Query) -> Response:
    """The read's answer as a response."""
    entry = await read(runtime, caller, query)
    headers = {"etag": f'"{entry.etag.decode()}"', "cache-control": PRIVATE}
    if caller.has(entry.etag):
        return Response(status_code=304, headers=headers)
    media_type = "application/json" if entry.status == 200 else MEDIA_TYPE
    return Response(entry.body, entry.status, headers, media_type)


async def read(runtime: Runtime, caller: Caller, query: Query) -> Entry:
    """The read's answer for this caller, not older than their own writes."""
    return await runtime.read_through.answer(query, freshness_needed(query.read, caller.principal, caller.needed))


async def body_of(runtime: Runtime, caller: Caller, query: Query) -> bytes:
    """The read's JSON, for pages that are rendered from it.

    Raises Problem 404.
    """
    entry = await read(runtime, caller, query)
    if entry.status != 200:
        raise Problem(404, "not-found", "There is nothing to be seen here.")
    return entry.body
