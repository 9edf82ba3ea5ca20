"""Figures for people out of two looks at the process. Pure: looks in, figures out."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ip2a.observability.history import Look
from ip2a.observability.http import BUCKETS
from ip2a.observability.metrics import WAIT_BUCKETS

WINDOW = 60.0  # seconds that rates and percentiles are of


class Latency(NamedTuple):
    """How long requests of a kind took, in milliseconds; None where none was answered."""

    kind: str
    answered: int
    median: float | None
    p95: float | None
    p99: float | None


class Pool(NamedTuple):
    """Connections of an engine; `waited` is the 95th percentile of waiting for one, in milliseconds."""

    engine: str
    used: int
    limit: int
    waited: float | None


class CachedRead(NamedTuple):
    """What the cache knew of a read since the process began."""

    read: str
    hits: int
    misses: int

    @property
    def share(self) -> float:
        """Hits, 0 to 1."""
        return self.hits / max(1, self.hits + self.misses)


class Admitted(NamedTuple):
    """A class of requests: how many are worked on and wait, how long they waited (95th percentile, milliseconds), and
    how many were shed.
    """

    route_class: str
    in_flight: int
    queued: int
    waited: float | None
    shed: int


class Dashboard(NamedTuple):
    """All of it; counts without another unit are of the last `seconds`."""

    seconds: float
    per_second: float
    failed: int
    limited: int
    shed: int
    in_flight: int
    users: int
    latencies: list[Latency]
    pools: list[Pool]
    cache_up: bool
    cached: list[CachedRead]
    from_replica: int
    from_primary: int
    fallbacks: dict[str, int]
    admitted: list[Admitted]
    course: list[float]

    @property
    def hit_share(self) -> float | None:
        """Hits of all cached reads, 0 to 1; None before the first one."""
        hits = sum(read.hits for read in self.cached)
        asked = hits + sum(read.misses for read in self.cached)
        return hits / asked if asked else None


def dashboard(looks: Sequence[Look]) -> Dashboard:
    """The figures of the newest look, against the oldest one within WINDOW."""
    now = looks[-1]
    before = next(look for look in looks if now.at - look.at <= WINDOW)
    seconds = max(now.at - before.at, 0.001)
    answered = {kind: _grown(counts, before.times.get(kind, ())) for kind, counts in now.times.items()}
    change = _Change(now, before)
    return Dashboard(
        seconds=seconds,
        per_second=sum(map(sum, answered.values())) / seconds,
        failed=now.failed - before.failed,
        limited=round(change.total("ip2a_rate_limited_total")),
        shed=round(change.total("ip2a_shed_total")),
        in_flight=round(change.value("ip2a_http_requests_in_flight")),
        users=round(change.value("ip2a_users_active")),
        latencies=[_latency(kind, counts) for kind, counts in sorted(answered.items()) if sum(counts)],
        pools=[
            Pool(
                engine,
                round(change.value("ip2a_db_pool_in_use", engine=engine)),
                round(change.value("ip2a_db_pool_limit", engine=engine)),
                change.waited("ip2a_db_pool_wait_seconds", engine=engine),
            )
            for engine in change.labels_of("ip2a_db_pool_limit", "engine")
        ],
        cache_up=change.value("ip2a_cache_available") == 1,
        cached=_cached(change),
        from_replica=round(change.grown("ip2a_db_reads_total", source="replica")),
        from_primary=round(change.grown("ip2a_db_reads_total", source="primary")),
        fallbacks={
            reason: round(grown)
            for reason in change.labels_of("ip2a_db_replica_fallbacks_total", "reason")
            if (grown := change.grown("ip2a_db_replica_fallbacks_total", reason=reason))
        },
        admitted=[_admitted(change, name) for name in change.labels_of("ip2a_admission_in_flight", "route_class")],
        course=[_rate(earlier, later) for earlier, later in pairwise(looks)],
    )


def quantile(share: float, counts: Sequence[int], bounds: Sequence[float]) -> float | None:
    """The value below which `share` of the counted lie: straight lines between the bounds; what lies beyond the last
    bound counts as lying on it. None when nothing was counted.
    """
    wanted, seen, low = share * sum(counts), 0, 0.0
    if not wanted:
        return None
    for count, high in zip(counts, bounds, strict=False):
        if seen + count >= wanted:
            return low + (high - low) * (wanted - seen) / count
        seen, low = seen + count, high
    return low


class _Change:
    """What grew between two looks."""

    def __init__(self, now: Look, before: Look) -> None:
        self._now, self._before = now.series, before.series

    def value(self, name: str, **labels: str) -> float:
        return self._now.get((name, tuple(sorted(labels.items()))), 0.0)

    def grown(self, name: str, **labels: str) -> float:
        series = (name, tuple(sorted(labels.items())))
        return self._now.get(series, 0.0) - self._before.get(series, 0.0)

    def total(self, name: str, **labels: str) -> float:
        """Of all series of the name that have these labels."""
        wanted = set(labels.items())
        return sum(
            value - self._before.get(series, 0.0)
            for series, value in self._now.items()
            if series[0] == name and wanted <= set(series[1])
        )

    def labels_of(self, name: str, label: str) -> list[str]:
        return sorted({dict(labels)[label] for known, labels in self._now if known == name})

    def waited(self, name: str, **labels: str) -> float | None:
        """The 95th percentile of a histogram over WAIT_BUCKETS, in milliseconds."""
        bounds = [*map(str, WAIT_BUCKETS), "+Inf"]
        counts = [round(self.grown(f"{name}_bucket", le=bound, **labels)) for bound in bounds]
        found = quantile(0.95, [counts[0], *(later - earlier for earlier, later in pairwise(counts))], WAIT_BUCKETS)
        return None if found is None else found * 1000


def _grown(counts: Sequence[int], before: Sequence[int]) -> list[int]:
    return [count - (before[number] if before else 0) for number, count in enumerate(counts)]


def _latency(kind: str, counts: Sequence[int]) -> Latency:
    found = (quantile(share, counts, BUCKETS) for share in (0.5, 0.95, 0.99))
    median, p95, p99 = (None if value is None else value * 1000 for value in found)
    return Latency(kind, sum(counts), median, p95, p99)


def _cached(change: _Change) -> list[CachedRead]:
    name = "ip2a_cache_requests_total"
    reads = (
        CachedRead(
            read,
            round(change.value(name, read=read, result="hit")),
            round(change.value(name, read=read, result="miss")),
        )
        for read in change.labels_of(name, "read")
    )
    return [read for read in reads if read.hits + read.misses]


def _admitted(change: _Change, name: str) -> Admitted:
    return Admitted(
        name,
        round(change.value("ip2a_admission_in_flight", route_class=name)),
        round(change.value("ip2a_admission_queued", route_class=name)),
        change.waited("ip2a_admission_wait_seconds", route_class=name),
        round(change.total("ip2a_shed_total", route_class=name)),
    )


def _rate(earlier: Look, later: Look) -> float:
    """Requests a second between two looks."""
    grown = sum(map(sum, later.times.values())) - sum(map(sum, earlier.times.values()))
    return grown / max(later.at - earlier.at, 0.001)
