"""What a policy may know: metrics as Prometheus and the metrics API would show them, with their faults.

Rates come from per-second counters scraped a second ago. Noise is drawn per signal and 5 s step from the run's
seed, so that every policy reads the same noise. The metrics API knows nothing of Prometheus' troubles, but it is late.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ip2a_operator.domain.autoscaling.signals import SUMS_OVER_PODS
from ip2a_operator.domain.autoscaling.snapshot import (
    AppFleet,
    DatabaseFleet,
    Fleet,
    Name,
    PoolerFleet,
    Reading,
    Snapshot,
)
from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.model import World

ZEROS_AFTER = 25
"""Seconds for which rates are zero after Prometheus is back: its windows are still empty."""
SAME_NOISE = {Name.APP_CPU_FAST: Name.APP_CPU}
"""Signals that are another one over a shorter time."""


HALF = 0.5
"""Share of the pods that are still scraped in an outage of that name."""
LOOKBACK = 300
"""Seconds for which Prometheus serves the last sample of a series that gets no more."""
HOUSEKEEPING, RESOLUTION = 10, 15
"""Seconds between two looks of the kubelet at its containers, and between two scrapes of it by metrics-server."""
FRESH = 10
"""Seconds that a container must have run before metrics-server tells its CPU."""
POLL, BLIND_POLL = 15, 5
"""Seconds between two questions of the product to the metrics API: every third of its ticks, every one if Prometheus
knows nothing.
"""
SCRAPED_FROM_PODS = SUMS_OVER_PODS | {
    Name.QUEUE_P95, Name.P95, Name.ERROR_RATE, Name.USERS, Name.CACHE_HIT, Name.CHECKOUT_WAIT, Name.CHECKOUT_USE,
}  # fmt: skip
"""Signals whose coverage falls with the pods that are scraped; only sums over pods fall with them."""


class Outage(StrEnum):
    """How Prometheus fails while it is dark."""

    EMPTY = "empty"
    """It answers, and knows of no series."""
    ERROR = "error"
    """It does not answer."""
    STALE = "stale"
    """It serves what it was told last, with the old time, for up to `LOOKBACK`; then it is empty."""
    HALF = "half"
    """Half of the pods are scraped."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the metrics. `dark`: Prometheus fails in [start, end), in the way of `outage`."""

    dark: tuple[int, int] = (0, 0)
    noise: float = 0.0
    outage: Outage = Outage.EMPTY


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU of one container by the metrics API between two looks of the kubelet, at seconds `begin` and `end`."""

    begin: int
    end: int
    share: float


class Observer:
    """Reads the world's counters."""

    def __init__(self, world: World, trouble: Trouble, seed: int) -> None:
        self.world, self.trouble = world, trouble
        steps = world.length // 5 + 10
        generator = np.random.default_rng([seed, 99])
        drawn = [name for name in Name if name not in SAME_NOISE]
        self._noise = np.exp(generator.normal(0.0, 1.0, (steps, len(drawn))) * trouble.noise)
        self._index = {name: drawn.index(SAME_NOISE.get(name, name)) for name in Name}
        self._told: dict[Name, tuple[int, float]] = {}
        """When each signal was asked for last before the dark, and what it was."""
        phases = np.random.default_rng([seed, 98])  # nobody's clock agrees with the kubelet's or with metrics-server's
        self._kubelet, self._server = int(phases.integers(HOUSEKEEPING)), int(phases.integers(RESOLUTION))

    @property
    def dark(self) -> bool:
        """Prometheus fails now, in one of the ways of `Outage`."""
        return self.trouble.dark[0] <= self.world.now < self.trouble.dark[1]

    @property
    def erring(self) -> bool:
        """A question to Prometheus ends in an error now."""
        return self.dark and self.trouble.outage is Outage.ERROR

    @property
    def empty(self) -> bool:
        """Prometheus answers again, with empty windows."""
        end, whole = self.trouble.dark[1], self.trouble.outage is not Outage.HALF
        return whole and end <= self.world.now < end + ZEROS_AFTER and end > 0

    def rate(self, row: int, window: int) -> float:
        """Per-second rate of a counter over the last `window` seconds, as it truly is."""
        now = self.world.now
        begin = max(0, now - window)
        return float(self.world.metrics[row, begin:now].sum()) / max(1, now - begin)

    def gauge(self, row: int, window: int = 5) -> float:
        """Mean of a gauge over the last seconds."""
        now = self.world.now
        values = self.world.gauges[row, max(0, now - window) : now]
        return float(values.mean()) if values.size else 0.0

    def percentile(
        self, histogram: "np.ndarray[tuple[int, int], np.dtype[np.int64]]", window: int, share: float
    ) -> float | None:
        """Percentile from the log histogram of the last seconds, linear within its bin; None without data."""
        now = self.world.now
        counts = histogram[max(0, now - window) : now].sum(axis=0)
        return percentile(counts, share)

    def noisy(self, name: Name, value: float) -> float:
        """The value as the scrape delivers it."""
        return value * float(self._noise[self.world.now // 5, self._index[name]])

    def usage(self, row: int, serving: Callable[[int], int], at: int | None = None) -> Usage | None:
        """What the metrics API says at a second (now) of one of several containers that share a counter evenly.

        `serving`: how many they were at a second. None before the first sample. A scrape every `RESOLUTION` takes
        the kubelet's newest look, which is up to `HOUSEKEEPING` old by then.
        """
        now = self.world.now if at is None else at
        scraped = now - (now - self._server) % RESOLUTION
        begin, end = (each - (each - self._kubelet) % HOUSEKEEPING for each in (scraped - RESOLUTION, scraped))
        begin = max(0, begin)
        if end <= begin:
            return None
        shared = [float(self.world.metrics[row, each]) / max(1, serving(each)) for each in range(begin, end)]
        return Usage(begin, end, sum(shared) / (end - begin))

    def _ready_pods(self, second: int) -> int:
        history = self.world.history
        return history[bisect_right(history, second, key=lambda entry: entry[0]) - 1][2]

    def _ready_replicas(self, second: int) -> int:
        return sum(ready <= second for ready in self.world.replicas)

    def pod_usage(self, at: int | None = None) -> Usage | None:
        """CPU of a ready pod by the metrics API, in shares of its limit."""
        return _share(self.usage(k.M_CPU, self._ready_pods, at), self.world.platform.cpu_speed)

    def replica_usage(self, at: int | None = None) -> Usage | None:
        """CPU of a ready replica by the metrics API, in shares of its cores."""
        return _share(self.usage(k.M_REPLICA_CPU, self._ready_replicas, at), self.world.platform.replica_vcpu)

    def primary_usage(self, at: int | None = None) -> Usage | None:
        """CPU of the primary by the metrics API, in shares of its cores."""
        return _share(self.usage(k.M_PRIMARY_CPU, lambda _: 1, at), self.world.platform.primary_vcpu)

    def prometheus(self, name: Name, value: float | None) -> float | None:
        """A value through Prometheus, without its age, which nobody asks for who scales by it alone."""
        return self.scraped(name, value).value

    def scraped(self, name: Name, value: float | None) -> Reading:
        """A value through Prometheus: noisy, failing while dark, zero while its windows are empty."""
        outage = self.trouble.outage
        if not self.dark:
            if value is None:
                return Reading(None)
            found = 0.0 if self.empty else self.noisy(name, value)
            self._told[name] = (self.world.now, found)
            return Reading(found, 1.0)
        if outage is Outage.HALF and value is not None:
            covered = HALF if name in SCRAPED_FROM_PODS else 1.0
            return Reading(self.noisy(name, value) * (HALF if name in SUMS_OVER_PODS else 1.0), 1.0, covered)
        if outage is Outage.STALE and name in self._told:
            at, found = self._told[name]
            age = 1.0 + self.world.now - at
            return Reading(found, age) if age <= LOOKBACK else Reading(None)
        return Reading(None)

    def readings(self) -> dict[Name, Reading]:
        """All signals."""
        world, rate, gauge = self.world, self.rate, self.gauge
        done, failed = rate(k.M_DONE, 20), rate(k.M_FAILED, 20)
        lookups = rate(k.M_LOOKUPS, 60)
        replicas = max(1, world.ready_replicas)
        rw_busy, active = rate(k.M_RW_BUSY, 20), rate(k.M_PRIMARY_ACTIVE, 20)
        engines = max(1, world.ready_pods) * world.parameters[k.P_RW_LIMIT]
        values: dict[Name, float | None] = {
            Name.OFFERED: rate(k.M_ARRIVED, 20),
            Name.OFFERED_FAST: rate(k.M_ARRIVED, 5),
            Name.SERVED: done,
            Name.READS: rate(k.M_READS, 20),
            Name.APP_CPU: rate(k.M_CPU, 20) / world.platform.cpu_speed,
            Name.APP_CPU_FAST: rate(k.M_CPU, 5) / world.platform.cpu_speed,
            Name.IN_FLIGHT: gauge(0, 1),
            Name.QUEUE_P95: self.percentile(world.queueing, 20, 0.95),
            Name.P95: self.percentile(world.latency, 20, 0.95),
            Name.ERROR_RATE: failed / (done + failed) if done + failed > 0 else 0.0,
            Name.USERS: world.users,
            Name.CACHE_HIT: rate(k.M_HITS, 60) / lookups if lookups > 0 else None,
            Name.RW_BUSY: rw_busy,
            Name.RW_WAITING: gauge(1),
            Name.RW_RATE: rate(k.M_RW_COUNT, 20),
            Name.RO_BUSY: rate(k.M_RO_BUSY, 20),
            Name.RO_WAITING: gauge(2),
            Name.RO_RATE: rate(k.M_RO_COUNT, 20),
            Name.CHECKOUT_WAIT: rate(k.M_CHECKOUT, 20) / max(1.0, done),
            Name.CHECKOUT_USE: min(1.0, (rw_busy + rate(k.M_RO_BUSY, 20)) / engines),
            Name.PRIMARY_CPU: min(1.0, rate(k.M_PRIMARY_CPU, 20) / world.platform.primary_vcpu),
            Name.REPLICA_CPU: min(1.0, rate(k.M_REPLICA_CPU, 20) / replicas / world.platform.replica_vcpu),
            Name.PG_ACTIVE: active,
            Name.REPLICA_ACTIVE: rate(k.M_REPLICA_ACTIVE, 20) / replicas,
            Name.IDLE_IN_TRANSACTION: max(0.0, rw_busy - active),
            Name.LOCK_WAITERS: 0.0,
            Name.LAG: gauge(3, 1),
            Name.WAL_RATE: rate(k.M_RW_COUNT, 20) * 8192.0,
            Name.CONNECTIONS: float(world.pools[:, k.CAP].sum()),
        }
        found = {name: self.scraped(name, value) for name, value in values.items()}
        known = {name: reading for name, reading in found.items() if reading.value is not None}
        return known | self._from_kubelet(known.keys())

    def _from_kubelet(self, known: Collection[Name]) -> dict[Name, Reading]:
        """What the metrics API says, as the product reads it: of the app always, of databases if Prometheus is silent.

        It is asked every `POLL` or `BLIND_POLL` alone; the age is that of the sample.
        """
        now = self.world.now
        asked = now - now % (POLL if Name.OFFERED in known else BLIND_POLL)
        found = {Name.KUBELET_CPU: self.pod_usage(asked)}
        if Name.PRIMARY_CPU not in known:
            found[Name.PRIMARY_CPU] = self.primary_usage(asked)
        if Name.REPLICA_CPU not in known and self.world.ready_replicas > 0:
            found[Name.REPLICA_CPU] = self.replica_usage(asked)
        return {name: Reading(each.share, float(now - each.end)) for name, each in found.items() if each is not None}

    def snapshot(self, leads: tuple[tuple[str, float], ...] = ()) -> Snapshot:
        """The tick's input for the product's own core."""
        world = self.world
        ready = [pod for pod in world.fleet if pod.removed_at is None and pod.ready_at <= world.now]
        youngest = min((world.now - pod.ready_at for pod in ready), default=3600.0)
        waiting = len(world.replicas) - world.ready_replicas
        fleet = Fleet(
            app=AppFleet(
                desired=world.want_pods,
                ready=world.ready_pods,
                total=world.existing_pods,
                updating=world.updating,
                youngest_ready_age=youngest if world.now > 120 else 3600.0,
            ),
            rw=self._pooler(0),
            ro=self._pooler(1),
            database=DatabaseFleet(
                desired=world.want_replicas,
                ready=world.ready_replicas,
                joining=waiting,
                healthy=world.parameters[k.P_PRIMARY_DOWN] == 0.0,
                max_connections=world.platform.max_connections,
                direct=0,
                primary_vcpu=world.platform.primary_vcpu,
                replica_vcpu=world.platform.replica_vcpu,
            ),
        )
        return Snapshot(self.readings(), fleet, lead_samples=leads)

    def _pooler(self, side: int) -> PoolerFleet:
        world = self.world
        return PoolerFleet(
            desired=world.poolers,
            total=world.poolers,
            size=world.want_pool[side],
            live_size=world.pool_size[side],
            servers=int(world.pools[side, k.BUSY]),
        )


def _share(usage: Usage | None, cores: float) -> Usage | None:
    return None if usage is None else Usage(usage.begin, usage.end, min(1.0, usage.share / cores))


def percentile(counts: "np.ndarray[tuple[int], np.dtype[np.int64]]", share: float) -> float | None:
    """Percentile of a histogram with the kernel's bins; None when it is empty."""
    total = int(counts.sum())
    if total == 0:
        return None
    goal, below = share * total, 0
    for index, count in enumerate(counts):
        if below + count >= goal and count > 0:
            low = 0.0 if index == 0 else k.BIN_BASE * k.BIN_GROWTH ** (index - 1)
            high = k.BIN_BASE * k.BIN_GROWTH**index
            return float(low + (high - low) * (goal - below) / count)
        below += int(count)
    return None
