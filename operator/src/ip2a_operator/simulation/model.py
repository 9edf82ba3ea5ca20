"""The world a policy acts on: pods that take time to start, pools, replicas, faults; metrics it leaves behind.

`World.step` moves time by one second. Nothing here knows a policy; every policy uses the same few setters
and pays the same delays.
"""

from dataclasses import dataclass

import numpy as np

from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.traffic import Traffic

MAX_PODS = 256
MAX_REPLICAS = 12
TAIL = 20
"""Seconds simulated after the end, so that the last requests are answered."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Service times and delays. Seconds, cores, connections. Sources: docs/autoscaler-benchmark.md."""

    cpu_request: float = 0.006
    cpu_speed: float = 1.0
    cpu_quota: float = 0.0
    """CPU limit of a pod in cores, accounted over 100 ms; 0 for none."""
    cpu_background: float = 0.0
    """Cores of that limit that probes and scrapes use."""
    cpu_wake: float = 0.0
    """CPU seconds more for what finds its pod idle: under load an event loop takes several events at once."""
    write_before: float = 0.5
    read_before: float = 0.5
    """Share of a request's CPU before its query; the rest comes after it, still holding the connection."""
    read: float = 0.008
    write: float = 0.010
    query_cpu: float = 0.62
    primary_sigma: float = 0.09
    primary_kappa: float = 0.0023
    replica_sigma: float = 0.18
    replica_kappa: float = 0.005
    primary_vcpu: float = 4.0
    replica_vcpu: float = 2.0
    hit: float = 0.75
    writes: float = 0.10
    think: float = 4.0
    in_flight: int = 32
    engine: int = 10
    engine_queue: int = 8
    engine_timeout: float = 3.0
    pool_timeout: float = 10.0
    client_timeout: float = 10.0
    pod_delay: float = 6.0
    pool_delay: float = 1.0
    replica_delay: float = 240.0
    termination: float = 10.0
    max_connections: int = 200


@dataclass(slots=True)
class Pod:
    """One app pod: slot in the kernel, when it becomes ready, when its removal was asked for."""

    slot: int
    ready_at: float
    removed_at: float | None = None


class World:
    """State of one run. Setters express wishes (`want_*`); the world fulfils them after its delays."""

    def __init__(
        self, platform: Platform, traffic: Traffic, *, length: int, pods: int, replicas: int, pool: int
    ) -> None:
        self.platform, self.traffic, self.length = platform, traffic, length
        self.now = 0
        size = traffic.arrival.shape[0]
        total = length + TAIL + 2
        self._request = [np.zeros(size, np.int64) for _ in range(4)]
        self._pod_of = np.full(size, -1, np.int64)
        self._times = [np.zeros(size) for _ in range(2)]
        self._pods = np.zeros((MAX_PODS, k.POD_COLUMNS), np.int64)
        self._pods[:, k.CUR] = -1
        self._ready = np.zeros(MAX_PODS, np.int64)
        self.pools = np.zeros((2, k.POOL_COLUMNS), np.int64)
        self.active = np.zeros(1 + MAX_REPLICAS, np.int64)
        self.alive = np.zeros(1 + MAX_REPLICAS, np.int64)
        self._scalars = np.zeros(k.SCALARS, np.int64)
        self._heap = (np.zeros(8192), np.zeros(8192, np.int64))
        self._throttle = np.zeros((MAX_PODS, k.THROTTLE_COLUMNS))
        golden = 0.6180339887498949  # spreads the pods' periods over 100 ms without a draw
        self._throttle[:, k.T_PHASE] = np.arange(MAX_PODS) * golden % 1.0 * k.CFS_PERIOD - k.CFS_PERIOD
        self._throttle[:, k.T_PERIOD] = -1.0
        self.ended = np.full(size, -1.0)
        """Second at which each request was answered; -1 if it was not, or not in time."""
        self.metrics = np.zeros((k.METRICS, total))
        self.gauges = np.zeros((4, total))
        """Every second: requests in flight, waiting for a writing and a reading connection, lag."""
        self.latency = np.zeros((total, k.BINS), np.int64)
        self.queueing = np.zeros((total, k.BINS), np.int64)
        self.score = np.zeros((total // 10 + 1, k.BINS), np.int64)
        self.failures = np.zeros(total // 10 + 1, np.int64)
        self.parameters = np.zeros(k.PARAMETERS)
        self._set_parameters()
        self.fleet: list[Pod] = [Pod(slot, 0.0) for slot in range(pods)]
        self.want_pods, self.want_replicas = pods, replicas
        self.want_pool = [pool, pool]
        self.pool_size = [pool, pool]
        self.poolers = 2
        self._pool_changes: list[tuple[float, int, int]] = []
        self.replicas: list[float] = [0.0] * replicas
        """Time at which each replica is ready."""
        self.pod_limit = MAX_PODS
        self.updating = False
        self._outdated: set[int] = set()
        self.users = 0.0
        self.history: list[tuple[int, int, int, int, int]] = []
        """(second, pods that exist, pods ready, replicas that exist, writing pool) whenever one changed."""
        self.cost = {"pods": 0.0, "replicas": 0.0, "poolers": 0.0}
        self.starts = 0
        self._settle()

    def _set_parameters(self) -> None:
        source, target = self.platform, self.parameters
        for index, value in (
            (k.P_CPU, source.cpu_request),
            (k.P_CPU_SPEED, source.cpu_speed),
            (k.P_HIT, source.hit),
            (k.P_READ_BASE, source.read),
            (k.P_WRITE_BASE, source.write),
            (k.P_READ_SLOW, 1.0),
            (k.P_WRITE_SLOW, 1.0),
            (k.P_PSIGMA, source.primary_sigma),
            (k.P_PKAPPA, source.primary_kappa),
            (k.P_RSIGMA, source.replica_sigma),
            (k.P_RKAPPA, source.replica_kappa),
            (k.P_INFLIGHT, source.in_flight),
            (k.P_RW_LIMIT, source.engine),
            (k.P_RO_LIMIT, source.engine),
            (k.P_ENGINE_QUEUE, source.engine_queue),
            (k.P_ENGINE_TIMEOUT, source.engine_timeout),
            (k.P_POOL_TIMEOUT, source.pool_timeout),
            (k.P_CLIENT_TIMEOUT, source.client_timeout),
            (k.P_QUERY_CPU, source.query_cpu),
            (k.P_QUOTA, source.cpu_quota),
            (k.P_BACKGROUND, source.cpu_background),
            (k.P_WAKE, source.cpu_wake),
            (k.P_RW_BEFORE, source.write_before),
            (k.P_RO_BEFORE, source.read_before),
        ):
            target[index] = value

    @property
    def ready_pods(self) -> int:
        """Pods that take requests."""
        return int(self._scalars[k.S_READY])

    @property
    def existing_pods(self) -> int:
        """Pods that exist, starting and terminating included."""
        return len(self.fleet)

    @property
    def pending_pods(self) -> int:
        """Pods asked for and not yet ready."""
        return sum(pod.removed_at is None and pod.ready_at > self.now for pod in self.fleet)

    @property
    def ready_replicas(self) -> int:
        """Replicas that take reads."""
        return sum(ready <= self.now for ready in self.replicas)

    def want_pool_size(self, side: int, size: int) -> None:
        """Ask for default_pool_size on both PgBouncer pods of one pooler (0 writes, 1 reads)."""
        if size != self.want_pool[side]:
            self.want_pool[side] = size
            self._pool_changes.append((self.now + self.platform.pool_delay, side, size))

    def start_update(self) -> None:
        """Begin a rolling update with a surge of a quarter."""
        self.updating = True
        self._outdated = {pod.slot for pod in self.fleet}

    def lose_replica(self) -> None:
        """One replica is promoted; a new one is cloned in its place."""
        if self.replicas:
            self.replicas[0] = self.now + self.platform.replica_delay

    def step(self) -> None:
        """One second."""
        self._settle()
        metrics, request = self.metrics, self._request
        k.advance(
            float(self.now + 1), self.traffic.arrival, self.traffic.write, self.traffic.luck, self.traffic.cpu,
            self.traffic.query, self._pod_of, request[0], self._times[0], self._times[1], request[1], request[2],
            self._pods, self._ready, self.pools, self.active, self.alive, self.parameters, self._scalars,
            self._heap[0], self._heap[1], self._throttle, self.ended, metrics, self.latency, self.queueing, self.score,
            self.failures,
        )  # fmt: skip
        self.gauges[0, self.now] = self._pods[:, k.INFLIGHT].sum()
        self.gauges[1, self.now] = self.pools[0, k.PLEN]
        self.gauges[2, self.now] = self.pools[1, k.PLEN]
        self.now += 1
        if self.now <= self.length:
            self.cost["pods"] += self.existing_pods / 3600.0
            self.cost["replicas"] += len(self.replicas) / 3600.0
            self.cost["poolers"] += 2 * self.poolers / 3600.0

    def _settle(self) -> None:
        """Let wishes whose delay is over come true."""
        self._settle_pods()
        while len(self.replicas) < self.want_replicas:
            self.replicas.append(self.now + self.platform.replica_delay)
        while len(self.replicas) > self.want_replicas:
            self.replicas.remove(max(self.replicas))
        for change in [each for each in self._pool_changes if each[0] <= self.now]:
            self.pool_size[change[1]] = change[2]
            self._pool_changes.remove(change)
        ready = sorted(self.replicas)
        for index in range(MAX_REPLICAS):
            self.alive[1 + index] = int(index < len(ready) and ready[index] <= self.now)
        for side in (0, 1):
            self.pools[side, k.CAP] = self.pool_size[side] * self.poolers
        state = (self.existing_pods, self.ready_pods, len(self.replicas), self.pool_size[0])
        if not self.history or self.history[-1][1:] != state:
            self.history.append((self.now, *state))

    def _settle_pods(self) -> None:
        now = self.now
        self.fleet = [pod for pod in self.fleet if not self._gone(pod)]
        if self.updating:
            self._update()
        else:
            kept = [pod for pod in self.fleet if pod.removed_at is None]
            for pod in sorted(kept, key=lambda each: -each.ready_at)[: max(0, len(kept) - self.want_pods)]:
                pod.removed_at = now
            for _ in range(self.want_pods - len(kept)):
                self._start()
        count = 0
        for pod in self.fleet:
            if pod.removed_at is None and pod.ready_at <= now:
                self._ready[count] = pod.slot
                count += 1
        self._scalars[k.S_READY] = count

    def _gone(self, pod: Pod) -> bool:
        if pod.removed_at is None:
            return False
        return bool(self.now - pod.removed_at >= self.platform.termination and self._pods[pod.slot, k.INFLIGHT] <= 0)

    def _start(self) -> None:
        if len(self.fleet) >= min(MAX_PODS, self.pod_limit):
            return
        used = {pod.slot for pod in self.fleet}
        slot = next(index for index in range(MAX_PODS) if index not in used)
        self._pods[slot, :] = 0
        self._pods[slot, k.CUR] = -1
        self._outdated.discard(slot)
        self.fleet.append(Pod(slot, self.now + self.platform.pod_delay))
        self.starts += 1

    def _update(self) -> None:
        """maxSurge 25 %, maxUnavailable 0."""
        kept = [pod for pod in self.fleet if pod.removed_at is None]
        old = [pod for pod in kept if pod.slot in self._outdated]
        ready = sum(pod.ready_at <= self.now for pod in kept)
        for pod in old[: max(0, ready - self.want_pods)]:
            pod.removed_at = self.now
            kept.remove(pod)
        surge = max(1, -(-self.want_pods // 4))
        for _ in range(min(len(old), self.want_pods + surge - len(kept))):
            self._start()
        for _ in range(self.want_pods - sum(pod.removed_at is None for pod in self.fleet)):
            self._start()
        if not old:
            self.updating = False
