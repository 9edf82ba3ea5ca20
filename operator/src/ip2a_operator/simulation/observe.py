"""What a policy may know: metrics as Prometheus and the metrics API would show them, with their faults.

Rates come from per-second counters scraped a second ago. Noise is drawn per signal and 5 s step from the run's
seed, so that every policy reads the same noise.
"""

from dataclasses import dataclass

import numpy as np

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


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the metrics. `dark`: Prometheus gives no answer in [start, end)."""

    dark: tuple[int, int] = (0, 0)
    noise: float = 0.0


class Observer:
    """Reads the world's counters."""

    def __init__(self, world: World, trouble: Trouble, seed: int) -> None:
        self.world, self.trouble = world, trouble
        steps = world.length // 5 + 10
        generator = np.random.default_rng([seed, 99])
        drawn = [name for name in Name if name not in SAME_NOISE]
        self._noise = np.exp(generator.normal(0.0, 1.0, (steps, len(drawn))) * trouble.noise)
        self._index = {name: drawn.index(SAME_NOISE.get(name, name)) for name in Name}

    @property
    def dark(self) -> bool:
        """Prometheus gives no answer now."""
        return self.trouble.dark[0] <= self.world.now < self.trouble.dark[1]

    @property
    def empty(self) -> bool:
        """Prometheus answers again, with empty windows."""
        return self.trouble.dark[1] <= self.world.now < self.trouble.dark[1] + ZEROS_AFTER and self.trouble.dark[1] > 0

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

    def app_cpu(self, window: int) -> float:
        """CPU of ready pods, share of their limit, from the metrics API (never dark)."""
        return min(1.0, self.rate(k.M_CPU, window) / self.world.platform.cpu_speed / max(1, self.world.ready_pods))

    def prometheus(self, name: Name, value: float | None) -> float | None:
        """A value through Prometheus: noisy, None while dark, zero while its windows are empty."""
        if self.dark or value is None:
            return None
        return 0.0 if self.empty else self.noisy(name, value)

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
        found = {name: Reading(self.prometheus(name, value), 1.0) for name, value in values.items()}
        found[Name.KUBELET_CPU] = Reading(self.app_cpu(15), 1.0)
        return found

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
