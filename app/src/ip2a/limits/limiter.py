"""Counting requests for all pods through Redis, or for this process alone while Redis is away."""

from collections.abc import Sequence

from ip2a.cache.connection import CacheUnavailableError
from ip2a.cache.store import Cache, Checked
from ip2a.limits.rates import LocalLimiter, Rate
from ip2a.observability import metrics


class Limiter:
    """The limits of this process; one round trip also brings the cache entries that are wanted."""

    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache
        self._local = LocalLimiter()

    async def check(self, key: bytes, rate: Rate, now: float, wanted: Sequence[tuple[bytes, bytes]] = ()) -> Checked:
        """Count a request at `now` (seconds; only this process's own counting uses it).

        Without Redis there are no slots: nothing is known of any entry.
        """
        if self._cache is not None:
            try:
                return await self._cache.check(key, *rate.arguments, wanted)
            except CacheUnavailableError:
                pass
        metrics.LOCAL_LIMITS.inc()
        verdict = self._local.count(key, rate, now)
        return Checked(verdict.wait, verdict.remaining, ())
