"""Counting requests for all pods through Redis, or for this process alone while Redis is away."""

from collections.abc import Sequence
from dataclasses import dataclass

from ip2a.cache.connection import CacheUnavailableError
from ip2a.cache.store import Cache, Checked
from ip2a.limits.rates import LocalLimiter, Rate
from ip2a.observability import metrics


@dataclass(frozen=True, slots=True)
class Question:
    """A client's counter and the entries it wants, made ready to be asked often."""

    key: bytes
    rate: Rate
    call: bytes


class Limiter:
    """The limits of this process; one round trip also brings the cache entries that are wanted."""

    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache
        self._local = LocalLimiter()

    def question(self, key: bytes, rate: Rate, wanted: Sequence[tuple[bytes, bytes]] = ()) -> Question:
        """What `ask` needs."""
        call = b"" if self._cache is None else self._cache.question(key, *rate.arguments, wanted)
        return Question(key, rate, call)

    async def ask(self, question: Question, now: float) -> Checked:
        """Count a request at `now` (seconds; only this process's own counting uses it).

        Without Redis there are no slots: nothing is known of any entry.
        """
        if self._cache is not None:
            try:
                return await self._cache.ask(question.call)
            except CacheUnavailableError:
                pass
        metrics.LOCAL_LIMITS.inc()
        verdict = self._local.count(question.key, question.rate, now)
        return Checked(verdict.wait, verdict.remaining, ())

    async def check(self, key: bytes, rate: Rate, now: float, wanted: Sequence[tuple[bytes, bytes]] = ()) -> Checked:
        """`ask` once."""
        return await self.ask(self.question(key, rate, wanted), now)
