"""W3C trace context: the caller's trace goes on in a span of ours, or a new one begins."""

import os
import random
import re

_VALID = re.compile(rb"^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$")
_NOT_ZERO = 1 << 64 | 1
_random = random.Random(os.urandom(16))  # noqa: S311 (ids, not secrets)


def traceparent_for(given: bytes) -> bytes:
    """The header that tells our span: of the trace of a valid header `given`, else of a new one."""
    found = _VALID.match(given) if given else None
    if found:
        return b"00-%b-%016x-%b" % (found[1], _random.getrandbits(64) | 1, found[3])
    number = _random.getrandbits(192) | _NOT_ZERO
    return b"00-%032x-%016x-01" % (number >> 64, number & 0xFFFFFFFFFFFFFFFF)


def trace_id_of(traceparent: bytes) -> str:
    """The trace of a header of `traceparent_for`."""
    return traceparent[3:35].decode()


def span_id_of(traceparent: bytes) -> bytes:
    """The span of a valid header, else nothing."""
    found = _VALID.match(traceparent)
    return found[2] if found else b""
