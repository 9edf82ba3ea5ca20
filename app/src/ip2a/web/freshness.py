"""How a client carries the WAL position of its last write: a signed value in a cookie, or a header for programs.

Signed and bound to the account, so that nobody can push other people's reads to the primary.
"""

import hmac
from functools import lru_cache

COOKIE = "ip2a_fresh"
HEADER = "ip2a-freshness"
LIFETIME = 3600  # seconds; longer than any replica lag that is not an outage


def seal(lsn: int, user_id: int, key: bytes) -> str:
    """The value for a client."""
    return f"{lsn:x}.{_mac(lsn, user_id, key)}"


@lru_cache(maxsize=20_000)
def unseal(value: str, user_id: int, key: bytes) -> int:
    """The position, or 0 for a value that is not ours or another account's."""
    position, _, mac = value.partition(".")
    try:
        lsn = int(position, 16)
    except ValueError:
        return 0
    return lsn if hmac.compare_digest(mac.encode(), _mac(lsn, user_id, key).encode()) else 0


def _mac(lsn: int, user_id: int, key: bytes) -> str:
    return hmac.digest(key, b"fresh:%d:%x" % (user_id, lsn), "sha256").hex()[:32]
