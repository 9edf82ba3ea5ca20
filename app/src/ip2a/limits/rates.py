"""Requests per minute and hour by kind of user, counted by Redis for all pods, or by this process while it is away.

Sliding windows: the share of the previous window that still lies within the last minute (hour) counts too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ip2a.auth.models import RoleName

MINUTE, HOUR = 60.0, 3600.0
MAXIMUM_COUNTERS = 50_000


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a client of this kind may make."""

    user_type: str
    per_minute: int
    per_hour: int

    arguments: tuple[bytes, bytes] = field(init=False)
    """As the Redis script takes them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "arguments", (b"%d" % self.per_minute, b"%d" % self.per_hour))


ANONYMOUS = Rate("anonymous", 10, 100)
MEMBER = Rate("member", 60, 1_000)
STAFF = Rate("staff", 300, 10_000)
ADMIN = Rate("admin", 1_000, 50_000)
API_KEY = Rate("api_key", 1_000, 100_000)
LOGIN = Rate("login", 20, 100)
"""Log-in attempts at one account, from wherever."""
LOGIN_ADDRESS = Rate("login_address", 30, 300)
"""Log-in attempts and renewed sessions from one address, at whatever account; an office shares one."""
VISITOR = Rate("visitor", 60, 1_000)
"""Pages asked for without a session from one address: most only lead to the log-in page."""
RECOVERY_ADDRESS = Rate("recovery_address", 10, 60)
"""Mails asked for from one address."""
RECOVERY = Rate("recovery", 3, 10)
"""Mails to one account."""
UNKNOWN_KEY = Rate("unknown_key", 60, 600)
"""API keys from one address that the cache does not know: they cost a look into the database."""
WEBHOOK = Rate("webhook", 6_000, 100_000)
"""Messages of the payment provider, who has few addresses; each is signed."""

_STAFF_ROLES = frozenset({RoleName.OFFICER, RoleName.STAFF, RoleName.ORGANIZER, RoleName.INSTRUCTOR})


def rate_of(roles: Iterable[str]) -> Rate:
    """The most generous rate that one of the roles gives."""
    held = frozenset(roles)
    if RoleName.ADMIN in held:
        return ADMIN
    return STAFF if held & _STAFF_ROLES else MEMBER


class Verdict(NamedTuple):
    """`wait` is seconds until one more request fits, 0 when this one did."""

    wait: int
    remaining: int


class _Window(NamedTuple):
    number: int
    used_now: int
    used_before: int

    def at(self, now: float, length: float) -> "_Window":
        number = int(now // length)
        if number == self.number:
            return self
        return _Window(number, 0, self.used_now if number == self.number + 1 else 0)

    def used(self, now: float, length: float) -> float:
        return self.used_now + self.used_before * (1 - now % length / length)


class LocalLimiter:
    """Counts for this process alone. Bounded: the counters are forgotten together when there are too many."""

    def __init__(self) -> None:
        self._windows: dict[bytes, tuple[_Window, _Window]] = {}

    def count(self, key: bytes, rate: Rate, now: float) -> Verdict:
        """Count a request at `now` (seconds) unless it is over the rate."""
        if len(self._windows) >= MAXIMUM_COUNTERS:
            self._windows.clear()
        empty = _Window(0, 0, 0)
        minute, hour = self._windows.get(key, (empty, empty))
        minute, hour = minute.at(now, MINUTE), hour.at(now, HOUR)
        if minute.used(now, MINUTE) + 1 > rate.per_minute:
            return Verdict(max(1, int(MINUTE - now % MINUTE)), 0)
        if hour.used(now, HOUR) + 1 > rate.per_hour:
            return Verdict(max(1, int(HOUR - now % HOUR)), 0)
        minute, hour = minute._replace(used_now=minute.used_now + 1), hour._replace(used_now=hour.used_now + 1)
        self._windows[key] = (minute, hour)
        return Verdict(0, int(rate.per_minute - minute.used(now, MINUTE)))
