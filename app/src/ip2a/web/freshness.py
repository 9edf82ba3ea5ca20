"""How a client carries the WAL position of its last write: a signed value in a cookie, or a header for programs.

Signed and bound to the account, so that nobody can push other people's reads to the primary. Where the position could
not be read, the marker asks for the primary until a moment: of a replica nobody knows whether it has the write.
"""

import hmac
from functools import lru_cache
from math import inf
from typing import NamedTuple

from ip2a.database.reading import UNKNOWN_POSITION

COOKIE = "ip2a_fresh"
HEADER = "ip2a-freshness"
LIFETIME = 3600  # seconds; longer than any replica lag that is not an outage


PRIMARY_SECONDS = 900  # replicas have the write long before, also where the clocks of two pods differ by minutes


class Marker(NamedTuple):
    """A position that answers must not be older than, until a moment (Unix time)."""

    lsn: int = 0
    until: float = inf

    def at(self, now: float) -> int:
        """The position that counts at `now`."""
        return self.lsn if now < self.until else 0


NO_MARKER = Marker()


def seal(lsn: int, user_id: int, key: bytes, now: float) -> str:
    """The value for a client."""
    text = f"{lsn:x}" if lsn < UNKNOWN_POSITION else f"{lsn:x}-{int(now) + PRIMARY_SECONDS:x}"
    return f"{text}.{_mac(text, user_id, key)}"


@lru_cache(maxsize=20_000)
def unseal(value: str, user_id: int, key: bytes) -> Marker:
    """What `seal` put there, or nothing for a value that is not ours or another account's."""
    text, _, mac = value.partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(text, user_id, key).encode()):
        return NO_MARKER
    position, _, until = text.partition("-")
    return Marker(int(position, 16), int(until, 16) if until else inf)


def _mac(text: str, user_id: int, key: bytes) -> str:
    return hmac.digest(key, f"fresh:{user_id}:{text}".encode(), "sha256").hex()[:32]
