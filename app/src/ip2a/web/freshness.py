"""How a client carries the WAL positions of its last writes: a signed value in a cookie, or a header for programs.

What a write changed is named where it is one cacheable read, so that paying dues does not make the cached profile too
old. Signed and bound to the account, so that nobody can push other people's reads to the primary. Where the position
could not be read, the marker asks for the primary until a moment: of a replica nobody knows whether it has the write.
"""

import hmac
from math import inf
from typing import NamedTuple

from ip2a.database.reading import UNKNOWN_POSITION

COOKIE = "ip2a_fresh"
HEADER = "ip2a-freshness"
LIFETIME = 3600  # seconds; longer than any replica lag that is not an outage
PRIMARY_SECONDS = 900  # replicas have the write long before, also where the clocks of two pods differ by minutes


class Marker(NamedTuple):
    """Positions that answers must not be older than: `lsn` until a moment (Unix time) whatever is asked for, and those
    in `of`, by name, only where that is asked for which was written.
    """

    lsn: int = 0
    until: float = inf
    of: tuple[tuple[str, int], ...] = ()

    def at(self, now: float, name: str = "") -> int:
        """The position that counts at `now` for the read of this name; without one, for whatever may be read."""
        general = self.lsn if now < self.until else 0
        return max((general, *(lsn for of, lsn in self.of if not name or of == name)))

    def after(self, lsn: int, name: str = "") -> "Marker":
        """With a later write, which only the read of `name` shows, or any. What cannot be placed counts for all, until
        a later write tells a position that it is surely before.
        """
        if self.lsn >= UNKNOWN_POSITION:
            return Marker(lsn)
        if not name or lsn >= UNKNOWN_POSITION:
            return Marker(lsn) if lsn > self.lsn else self
        others = (other for other in self.of if other[0] != name)
        return self._replace(of=(*others, (name, max(lsn, dict(self.of).get(name, 0)))))


NO_MARKER = Marker()


def seal(marker: Marker, user_id: int, key: bytes, now: float) -> str:
    """The value for a client."""
    until = f"-{int(min(marker.until, now + PRIMARY_SECONDS)):x}" if marker.lsn >= UNKNOWN_POSITION else ""
    of = "".join(f"~{name}={lsn:x}" for name, lsn in marker.of)
    text = f"{marker.lsn:x}{until}{of}"
    return f"{text}.{_mac(text, user_id, key)}"


def unseal(value: str, user_id: int, key: bytes) -> Marker:
    """What `seal` put there, or nothing for a value that is not ours or another account's."""
    text, _, mac = value.partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(text, user_id, key).encode()):
        return NO_MARKER
    general, *of = text.split("~")
    position, _, until = general.partition("-")
    named = tuple((name, int(lsn, 16)) for name, _, lsn in (part.partition("=") for part in of))
    return Marker(int(position, 16), int(until, 16) if until else inf, named)


def _mac(text: str, user_id: int, key: bytes) -> str:
    return hmac.digest(key, f"fresh-2:{user_id}:{text}".encode(), "sha256").hex()[:32]
