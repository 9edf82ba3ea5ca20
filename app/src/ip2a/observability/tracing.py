"""W3C trace context: the caller's trace goes on, or a new one begins. Nothing is exported; ids correlate
logs.
"""

import os
import random
import re

_VALID = re.compile(rb"^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
_random = random.Random(os.urandom(16))  # noqa: S311 (ids, not secrets)


def trace_id_of(traceparent: bytes) -> bytes:
    """The trace id of a valid header, else a new one."""
    found = _VALID.match(traceparent) if traceparent else None
    return found.group(1) if found else b"%032x" % (_random.getrandbits(128) | 1)


def traceparent(trace_id: bytes) -> bytes:
    """The header that tells our span of the trace."""
    return b"00-%s-%016x-01" % (trace_id, _random.getrandbits(64) | 1)
