"""The other scalers as policies, fed from the same world. Their algorithms, our plumbing.

Every baseline keeps two replicas and the pools as they were set, unless it is its point to move them.
"""

from math import ceil, floor

from bench.autoscaler.hpa import SYNC, Behavior, History, Metric, behave, combine, proposal, utilization
from ip2a_operator.domain.autoscaling.snapshot import Name
from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.model import World
from ip2a_operator.simulation.observe import Observer

MIN_PODS = 2
MAX_PODS = 40


class Fixed:
    """A number somebody chose."""

    period = 1

    def __init__(self, pods: int) -> None:
        self.pods = pods

    def act(self, world: World, observer: Observer) -> None:
        del observer
        world.want_pods = self.pods


class HpaCpu:
    """HPA on CPU utilisation from the metrics API (30 s window)."""

    period = SYNC

    def __init__(self, target: float) -> None:
        self.target, self.history = target, History()

    def wanted(self, world: World, observer: Observer) -> int:
        """Before behaviours."""
        ready = world.ready_pods
        if ready == 0:
            return world.want_pods
        return utilization([observer.app_cpu(30)] * ready, world.pending_pods, self.target, world.want_pods)

    def act(self, world: World, observer: Observer) -> None:
        wanted = self.wanted(world, observer)
        world.want_pods = behave(wanted, world.want_pods, world.now, self.history, Behavior(), (MIN_PODS, MAX_PODS))


class HpaLatency:
    """HPA on p95 (Value)."""

    period = SYNC

    def __init__(self, target: float) -> None:
        self.target, self.history = target, History()

    def act(self, world: World, observer: Observer) -> None:
        p95 = observer.prometheus(Name.P95, observer.percentile(world.latency, 60, 0.95))
        wanted = combine([proposal(Metric(p95, self.target), world.want_pods, world.ready_pods)], world.want_pods)
        world.want_pods = behave(wanted, world.want_pods, world.now, self.history, Behavior(), (MIN_PODS, MAX_PODS))


class Keda:
    """KEDA's Prometheus scaler on requests per second; `null_is_zero` is its default ignoreNullValues."""

    period = SYNC

    def __init__(self, per_pod: float, *, null_is_zero: bool = True, triggers: bool = False, cron: int = 0) -> None:
        self.per_pod, self.null_is_zero, self.triggers, self.cron = per_pod, null_is_zero, triggers, cron
        self.history = History()

    def _value(self, value: float | None) -> float | None:
        return 0.0 if value is None and self.null_is_zero else value

    def act(self, world: World, observer: Observer) -> None:
        rate = self._value(observer.prometheus(Name.OFFERED, observer.rate(k.M_ARRIVED, 60)))
        metrics = [Metric(rate, self.per_pod, average=True)]
        if self.triggers:  # pool > 80 %, p95 > 500 ms, 200 users a pod
            capacity = max(1, int(world.pools[0, k.CAP]))
            busy = observer.prometheus(Name.RW_BUSY, observer.rate(k.M_RW_BUSY, 60) / capacity)
            p95 = observer.prometheus(Name.P95, observer.percentile(world.latency, 60, 0.95))
            users = observer.prometheus(Name.USERS, world.users)
            metrics = [
                Metric(self._value(busy), 0.8),
                Metric(self._value(p95), 0.5),
                Metric(self._value(users), 200.0, average=True),
            ]
        proposals = [proposal(each, world.want_pods, world.ready_pods) for each in metrics]
        if self.cron and 1080 <= world.now < 2400:
            proposals.append(self.cron)
        wanted = combine(proposals, world.want_pods)
        world.want_pods = behave(wanted, world.want_pods, world.now, self.history, Behavior(), (MIN_PODS, MAX_PODS))


class Kpa:
    """Knative's pod autoscaler on concurrency: 60 s stable and 6 s panic windows, tick 2 s."""

    period = 2

    def __init__(self, target: float) -> None:
        self.target = target
        self.panic_since: float | None = None
        self.panic_pods = 0

    def act(self, world: World, observer: Observer) -> None:
        ready = max(1, world.ready_pods)
        if observer.dark:
            return
        stable = observer.prometheus(Name.IN_FLIGHT, observer.gauge(0, 60)) or 0.0
        burst = observer.prometheus(Name.IN_FLIGHT, observer.gauge(0, 6)) or 0.0
        most, least = 1000 * ready, floor(ready / 2)
        by_stable = min(most, max(least, ceil(stable / self.target)))
        by_burst = min(most, max(least, ceil(burst / self.target)))
        if ceil(burst / self.target) / ready >= 2.0:
            self.panic_since = world.now
            self.panic_pods = max(self.panic_pods, world.want_pods)
        elif self.panic_since is not None and world.now - self.panic_since > 60:
            self.panic_since, self.panic_pods = None, 0
        wanted = by_stable
        if self.panic_since is not None:
            self.panic_pods = max(self.panic_pods, by_stable, by_burst)
            wanted = self.panic_pods
        world.want_pods = min(MAX_PODS, max(MIN_PODS, wanted))


class Predictive(HpaCpu):
    """Predictive HPA: HPA on CPU and a line through its last proposals, the larger one."""

    def __init__(self, target: float, points: int = 6, ahead: float = 60.0) -> None:
        super().__init__(target)
        self.points, self.ahead = points, ahead
        self.proposals: list[tuple[float, int]] = []

    def wanted(self, world: World, observer: Observer) -> int:
        now = super().wanted(world, observer)
        self.proposals = [*self.proposals, (float(world.now), now)][-self.points :]
        if len(self.proposals) < self.points:
            return now
        times = [t for t, _ in self.proposals]
        values = [float(n) for _, n in self.proposals]
        mean_t, mean_n = sum(times) / len(times), sum(values) / len(values)
        spread = sum((t - mean_t) ** 2 for t in times)
        slope = sum((t - mean_t) * (n - mean_n) for t, n in zip(times, values, strict=True)) / spread
        return max(now, ceil(mean_n + slope * (world.now + self.ahead - mean_t) - 1e-9))


class HpaCpuAndReplicas(HpaCpu):
    """The strongest realistic pair: HPA on CPU for pods, an HPA on replica CPU for replicas with a lag brake."""

    def __init__(self, target: float, replica_target: float = 0.6) -> None:
        super().__init__(target)
        self.replica_target, self.replica_history = replica_target, History()

    def act(self, world: World, observer: Observer) -> None:
        super().act(world, observer)
        if observer.gauge(3, 1) > 5.0 or world.ready_replicas == 0:
            return
        share = observer.rate(k.M_REPLICA_CPU, 60) / world.ready_replicas / world.platform.replica_vcpu
        wanted = utilization(
            [min(1.0, share)] * world.ready_replicas,
            len(world.replicas) - world.ready_replicas,
            self.replica_target,
            world.want_replicas,
        )
        slow = Behavior(down_window=600.0, up_percent=100.0, up_pods=1, down_percent=50.0)
        world.want_replicas = behave(wanted, world.want_replicas, world.now, self.replica_history, slow, (1, 6))
