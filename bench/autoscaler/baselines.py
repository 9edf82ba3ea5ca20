"""The other scalers as policies, fed from the same world. Their algorithms, our plumbing.

Every baseline keeps two replicas and the pools as they were set, unless it is its point to move them.
"""

from collections.abc import Iterable

from bench.autoscaler import keda, kpa, phpa
from bench.autoscaler.hpa import (
    SYNC,
    Behavior,
    History,
    Metric,
    Pods,
    Policy,
    Rules,
    Sample,
    behave,
    combine,
    proposal,
    sort,
    utilization,
)
from ip2a_operator.domain.autoscaling.snapshot import Name
from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.model import World
from ip2a_operator.simulation.observe import FRESH, Observer, Usage

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

    def restart(self, world: World, observer: Observer) -> None:
        """The number stays."""


class Hpa:
    """What every HorizontalPodAutoscaler does with what its metrics ask for."""

    period = SYNC
    behavior = Behavior()

    def __init__(self) -> None:
        self.history = History()

    def scale(self, world: World, wanted: int) -> None:
        """Set the pods."""
        bounds = (MIN_PODS, MAX_PODS)
        world.want_pods = behave(wanted, world.want_pods, world.now, self.history, self.behavior, bounds)

    def restart(self, world: World, observer: Observer) -> None:
        """Recommendations and events are in memory alone."""
        del world, observer
        self.history = History()


def existing(world: World) -> int:
    """The Deployment's status.replicas: pods that are not being deleted, those that find no node too."""
    return max(world.want_pods, sum(pod.removed_at is None for pod in world.fleet))


def sample(usage: Usage | None, started: float) -> Sample | None:
    """What the metrics API says of a container that started then; None while that is too short ago."""
    if usage is None or usage.end < started + FRESH:
        return None
    return Sample(usage.begin, usage.end, usage.share)


def app_pods(world: World, observer: Observer) -> Pods:
    """The app's pods as the HPA controller sorts them."""
    usage, delay = observer.pod_usage(), world.platform.pod_delay
    alive = [pod for pod in world.fleet if pod.removed_at is None]
    nowhere = [(0.0, float("inf"), None)] * (world.want_pods - len(alive))
    started = ((pod.ready_at - delay, pod.ready_at) for pod in alive)
    return sort([*((begun, ready, sample(usage, begun)) for begun, ready in started), *nowhere], world.now)


class HpaCpu(Hpa):
    """HPA on CPU utilisation from the metrics API."""

    def __init__(self, target: float) -> None:
        super().__init__()
        self.target = target

    def wanted(self, world: World, observer: Observer) -> int:
        """Before behaviours."""
        return combine([utilization(app_pods(world, observer), self.target, world.want_pods)], world.want_pods)

    def act(self, world: World, observer: Observer) -> None:
        self.scale(world, self.wanted(world, observer))


class HpaLatency(Hpa):
    """HPA on p95 (Value)."""

    def __init__(self, target: float) -> None:
        super().__init__()
        self.target = target

    def act(self, world: World, observer: Observer) -> None:
        p95 = observer.prometheus(Name.P95, observer.percentile(world.latency, 60, 0.95))
        asked = proposal(Metric(p95, self.target), world.want_pods, world.ready_pods)
        self.scale(world, combine([asked], world.want_pods))


class _KedaHpa(Hpa):
    """The HPA that KEDA makes of a ScaledObject, and KEDA's own polling beside it."""

    def __init__(self, triggers: Iterable[tuple[Name, keda.Trigger]], cron: int) -> None:
        super().__init__()
        self.triggers, self.cron = tuple(triggers), cron

    def answers(self, world: World, observer: Observer) -> dict[Name, float | None]:
        """What Prometheus answers to the triggers' queries."""
        capacity = max(1, int(world.pools[0, k.CAP]))
        return {
            Name.OFFERED: observer.prometheus(Name.OFFERED, observer.rate(k.M_ARRIVED, 60)),
            Name.RW_BUSY: observer.prometheus(Name.RW_BUSY, observer.rate(k.M_RW_BUSY, 60) / capacity),
            Name.P95: observer.prometheus(Name.P95, observer.percentile(world.latency, 60, 0.95)),
            Name.USERS: observer.prometheus(Name.USERS, world.users),
        }

    def act(self, world: World, observer: Observer) -> None:
        answers, error = self.answers(world, observer), observer.erring
        if world.now % keda.POLLING == 0:
            for name, trigger in self.triggers:
                trigger.poll(answers[name], error=error)
        metrics = [trigger.metric(answers[name], world.want_pods, error=error) for name, trigger in self.triggers]
        if self.cron:
            metrics.append(keda.cron(self.cron, active=1080 <= world.now < 2400))
        there = existing(world)
        proposals = [proposal(each, world.want_pods, world.ready_pods, there) for each in metrics]
        self.scale(world, combine(proposals, world.want_pods))


class Keda(_KedaHpa):
    """KEDA's Prometheus scaler on requests per second; `null_is_zero` is its default ignoreNullValues."""

    def __init__(
        self, per_pod: float, *, null_is_zero: bool = True, fallback: keda.Fallback | None = None, cron: int = 0
    ) -> None:
        trigger = keda.Trigger(per_pod, null_is_zero=null_is_zero, fallback=fallback)
        super().__init__([(Name.OFFERED, trigger)], cron)


class KedaTriggers(_KedaHpa):
    """KEDA with the requirement's triggers: pool > 80 %, p95 > 500 ms, 200 users a pod."""

    def __init__(self) -> None:
        triggers = [
            (Name.RW_BUSY, keda.Trigger(0.8, average=False)),
            (Name.P95, keda.Trigger(0.5, average=False)),
            (Name.USERS, keda.Trigger(200.0)),
        ]
        super().__init__(triggers, 0)


class Kpa:
    """Knative's pod autoscaler on concurrency. It asks the pods itself: a dark Prometheus is nothing to it."""

    period = kpa.TICK

    def __init__(self, target: float) -> None:
        self.target, self.autoscaler = target, kpa.Autoscaler(target, 0, 0.0)
        self.stable, self.burst = kpa.Window(kpa.STABLE), kpa.Window(kpa.PANIC)
        self.seen = 0

    def act(self, world: World, observer: Observer) -> None:
        if self.seen == 0:
            self.restart(world, observer)
        for second in range(self.seen, world.now):
            for window in (self.stable, self.burst):
                window.record(second, float(world.gauges[0, second]))
        self.seen = world.now
        averages = [window.average(world.now) for window in (self.stable, self.burst)]
        stable, burst = (None if each is None else observer.noisy(Name.IN_FLIGHT, each) for each in averages)
        wanted = self.autoscaler.scale(stable, burst, world.ready_pods, world.now)
        if wanted is not None:
            world.want_pods = min(MAX_PODS, max(MIN_PODS, wanted))

    def restart(self, world: World, observer: Observer) -> None:
        """Windows are in memory alone."""
        del observer
        self.autoscaler = kpa.Autoscaler(self.target, world.ready_pods, world.now)
        self.stable, self.burst = kpa.Window(kpa.STABLE), kpa.Window(kpa.PANIC)
        self.seen = max(0, world.now - kpa.TICK)


class Predictive(HpaCpu):
    """Predictive HPA: the largest of HPA on CPU, a line through its last proposals and, if they have a season, theirs.

    `points` and `ahead` (s) are the line's history and look-ahead; `season` counts proposals, 0 for none.
    """

    behavior = Behavior(
        up=Rules(
            0.0, (Policy(100.0, period=phpa.POLICY_PERIOD), Policy(4.0, percent=False, period=phpa.POLICY_PERIOD))
        ),
        down=Rules(300.0, (Policy(100.0, period=phpa.POLICY_PERIOD),)),
    )
    seasons = 4
    """How many of them are stored."""

    def __init__(self, target: float, points: int = 6, ahead: float = 60.0, season: int = 0) -> None:
        super().__init__(target)
        self.points, self.ahead, self.season = points, ahead, season
        self.proposals: list[tuple[float, int]] = []
        """Kept in a ConfigMap: a restart finds them."""

    def wanted(self, world: World, observer: Observer) -> int:
        now = super().wanted(world, observer)
        stored = max(self.points, self.seasons * self.season)
        self.proposals = [*self.proposals, (float(world.now), now)][-stored:]
        predicted = [phpa.line(self.proposals[-self.points :], world.now + self.ahead)]
        if self.season:
            series = [replicas for _, replicas in self.proposals]
            predicted.append(phpa.holt_winters(series, self.season, phpa.ALPHA, phpa.BETA, phpa.GAMMA))
        return max([now, *(each for each in predicted if each is not None)])


class HpaCpuAndReplicas(HpaCpu):
    """The strongest realistic pair: HPA on CPU for pods, an HPA on replica CPU for replicas with a lag brake."""

    slow = Behavior(up=Rules(0.0, (Policy(100.0), Policy(1.0, percent=False))), down=Rules(600.0, (Policy(50.0),)))

    def __init__(self, target: float, replica_target: float = 0.6) -> None:
        super().__init__(target)
        self.replica_target, self.replica_history = replica_target, History()

    def act(self, world: World, observer: Observer) -> None:
        super().act(world, observer)
        if observer.gauge(3, 1) > 5.0 or world.ready_replicas == 0:
            return
        usage, current = observer.replica_usage(), world.want_replicas
        pods = sort([(ready, ready, sample(usage, ready)) for ready in world.replicas], world.now)
        wanted = combine([utilization(pods, self.replica_target, current)], current)
        world.want_replicas = behave(wanted, current, world.now, self.replica_history, self.slow, (1, 6))

    def restart(self, world: World, observer: Observer) -> None:
        """Both HPAs forget."""
        super().restart(world, observer)
        self.replica_history = History()
