"""Which part is the bottleneck. First match wins, the database first: a saturated database explains slow
pods, slow pods never explain a saturated database.

Each test returns the evidence as sentences with the numbers; these end up in status, events and `explain`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ip2a_operator.domain.autoscaling import knee
from ip2a_operator.domain.autoscaling.signals import WINDOW, Signals
from ip2a_operator.domain.autoscaling.snapshot import Name, Snapshot
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.domain.autoscaling.state import Estimates, State


class Bottleneck(StrEnum):
    """States in the order they are tested."""

    STALE = "Stale"
    ROLLOUT = "Rollout"
    FAILOVER = "Failover"
    DB_LOCK = "DatabaseLock"
    DB_READ = "DatabaseReads"
    DB_WRITE = "DatabaseWrites"
    LAG = "ReplicationLag"
    POOL = "Pool"
    APP_POOL = "AppPool"
    CACHE = "Cache"
    APP_CPU = "AppCpu"
    UNKNOWN = "Unknown"
    HEALTHY = "Healthy"


FREEZES_APP = frozenset({Bottleneck.DB_LOCK, Bottleneck.DB_READ, Bottleneck.DB_WRITE, Bottleneck.POOL})
"""No app scale-out in these (I3): more pods bring more work to what is already full."""
STALLED = 6.0
"""Transactions this many times slower than healthy are a bad plan or a slow disk, not a small pool."""
DATABASE = frozenset({Bottleneck.DB_LOCK, Bottleneck.DB_READ, Bottleneck.DB_WRITE})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The bottleneck believed in, since when, and why. `seen` is this tick's own verdict."""

    state: Bottleneck
    since: float
    evidence: tuple[str, ...]
    seen: Bottleneck


@dataclass(frozen=True, slots=True)
class Case:
    """What the tests look at, gathered once."""

    signals: Signals
    snapshot: Snapshot
    estimates: Estimates
    spec: ScalerSpec

    @property
    def app_busy(self) -> float:
        """CPU used by ready pods, share of their limits."""
        ready = max(1, self.snapshot.fleet.app.ready)
        return self.signals.get(Name.APP_CPU) / (ready * self.spec.app.cpu_per_pod)

    @property
    def primary_knee(self) -> int:
        return knee.knee(self.estimates.rw_curve, self.snapshot.fleet.database.primary_vcpu)

    @property
    def replica_knee(self) -> int:
        return knee.knee(self.estimates.ro_curve, self.snapshot.fleet.database.replica_vcpu)

    def slowdown(self, busy: Name, rate: Name, healthy: float | None) -> float:
        """Present transaction time over the healthy one; 1 while unknown."""
        per_second = self.signals.get(rate)
        if healthy is None or healthy <= 0.0 or per_second < 1.0:
            return 1.0
        return self.signals.get(busy) / per_second / healthy

    def idle_share(self, busy: Name, active: float) -> float:
        """Connections held for each one that really works: the knee limits working ones only. Within 1 to 3."""
        return min(3.0, max(1.0, self.signals.get(busy) / active)) if active > 0.5 else 1.0

    @property
    def rw_slowdown(self) -> float:
        return self.slowdown(Name.RW_BUSY, Name.RW_RATE, self.estimates.rw_service)

    @property
    def ro_slowdown(self) -> float:
        return self.slowdown(Name.RO_BUSY, Name.RO_RATE, self.estimates.ro_service)


Test = Callable[[Case], tuple[str, ...]]


def _stale(case: Case) -> tuple[str, ...]:
    if not case.spec.features.hold:
        return ()
    described = []
    for name in case.signals.bad:
        signal = case.signals.by_name.get(name)
        described.append(f"{name} missing" if signal is None else f"{name} {signal.status} (age {signal.age:.0f} s)")
    return tuple(described)


def _rollout(case: Case) -> tuple[str, ...]:
    app = case.snapshot.fleet.app
    return (f"Deployment is being updated, {app.total} pods exist",) if app.updating else ()


def _failover(case: Case) -> tuple[str, ...]:
    return () if case.snapshot.fleet.database.healthy else ("the Cluster's phase is not healthy",)


def _lock(case: Case) -> tuple[str, ...]:
    get = case.signals.get
    waiters, active = get(Name.LOCK_WAITERS), get(Name.PG_ACTIVE)
    idle, busy = get(Name.IDLE_IN_TRANSACTION), get(Name.RW_BUSY)
    if waiters >= 2 and waiters > 0.2 * active:
        return (f"{waiters:.0f} of {active:.0f} active back ends of the primary wait for a lock",)
    stuck = get(Name.RW_WAITING) > 0.5 or waiters >= 1
    calm = case.app_busy < 0.5 and not _just_grown(case)
    if stuck and idle > max(3.0, 0.5 * busy) and calm and case.rw_slowdown >= STALLED:
        return (f"{idle:.0f} transactions are idle while pods use {case.app_busy:.0%} CPU",)
    return ()


def _just_grown(case: Case) -> bool:
    """Whether pods count whose CPU does not yet: they make all look idler, and latency is still of the time before."""
    return case.snapshot.fleet.app.youngest_ready_age < WINDOW


def _held_by_pods(case: Case) -> bool:
    """Whether most transactions wait for what the application says next, as they do when pods are full."""
    return case.signals.get(Name.IDLE_IN_TRANSACTION) > 0.5 * case.signals.get(Name.RW_BUSY)


def _two_of_three(who: str, cpu: float, active: float, limit: int, slowdown: float) -> tuple[str, ...]:
    found = []
    if cpu >= 0.8:
        found.append(f"{who} CPU {cpu:.0%}")
    if active >= 0.6 * limit:
        found.append(f"{who} has {active:.0f} active of {limit} useful connections")
    if slowdown >= 2.0:
        found.append(f"{who} transactions take {slowdown:.1f} times the healthy time")
    return tuple(found) if len(found) >= 2 else ()


def _read(case: Case) -> tuple[str, ...]:
    get = case.signals.get
    if case.snapshot.fleet.database.ready > 0:
        cpu, waiting = get(Name.REPLICA_CPU), get(Name.RO_WAITING)
        active = get(Name.REPLICA_ACTIVE)
        found = _two_of_three("replicas:", cpu, active, case.replica_knee, case.ro_slowdown)
        if not found and waiting > 0.5 and cpu > 0.7:
            found = (f"{waiting:.1f} clients wait for a reading connection", f"replicas: CPU {cpu:.0%}")
        return found
    found = _primary(case)
    reads, writes = get(Name.RO_BUSY), get(Name.RW_BUSY)
    if found and reads > 0.0 and reads >= 0.3 * (reads + writes):
        return (*found, f"reads are {reads / (reads + writes):.0%} of its load")
    return ()


def _primary(case: Case) -> tuple[str, ...]:
    get = case.signals.get
    active = get(Name.PG_ACTIVE, get(Name.RW_BUSY))
    return _two_of_three("primary:", get(Name.PRIMARY_CPU), active, case.primary_knee, case.rw_slowdown)


def _write(case: Case) -> tuple[str, ...]:
    found = _primary(case)
    if found or case.rw_slowdown < STALLED or case.signals.get(Name.RW_WAITING) <= 0.5:
        return found
    if _held_by_pods(case):
        return ()  # the database is not slow
    return (  # a bad plan or a slow disk: connections full of slow transactions, CPU idle
        f"primary: transactions take {case.rw_slowdown:.1f} times the healthy time",
        f"{case.signals.get(Name.RW_WAITING):.1f} clients wait for a writing connection",
    )


def _lag(case: Case) -> tuple[str, ...]:
    lag = case.signals.get(Name.LAG)
    if lag > case.spec.replicas.max_lag and case.signals.get(Name.WAL_RATE) > 0.0:
        return (f"replicas are {lag:.1f} s behind, {case.spec.replicas.max_lag:g} s allowed",)
    return ()


def _pool(case: Case) -> tuple[str, ...]:
    get, fleet = case.signals.get, case.snapshot.fleet
    found: list[str] = []
    full = case.app_busy > case.spec.app.target_utilization or _just_grown(case)
    held = full and _held_by_pods(case)
    sides = (
        ("writing", fleet.rw, Name.RW_BUSY, Name.RW_WAITING, get(Name.PRIMARY_CPU), case.rw_slowdown),
        ("reading", fleet.ro, Name.RO_BUSY, Name.RO_WAITING, get(Name.REPLICA_CPU), case.ro_slowdown),
    )
    for side, pooler, busy, waiting, cpu, slowdown in sides:
        capacity = max(1, pooler.desired * pooler.size)
        fill, queue = get(busy) / capacity, get(waiting)
        calm = cpu < 0.7 and slowdown < STALLED and not (held and side == "writing")
        if calm and (queue > 0.5 or (fill > 0.9 and capacity > 1)):
            found.append(
                f"{side} pool: {get(busy):.1f} of {capacity} server connections busy, {queue:.1f} wait, "
                f"database CPU {cpu:.0%}"
            )
    return tuple(found)


def _app_pool(case: Case) -> tuple[str, ...]:
    wait, use = case.signals.get(Name.CHECKOUT_WAIT), case.signals.get(Name.CHECKOUT_USE)
    waiting = case.signals.get(Name.RW_WAITING) + case.signals.get(Name.RO_WAITING)
    if wait > 0.005 and waiting < 0.5 and case.app_busy < 0.85:
        return (f"requests wait {wait * 1000:.0f} ms for a connection of their own pod (pools {use:.0%} full)",)
    return ()


def _cache(case: Case) -> tuple[str, ...]:
    usual, hit = case.estimates.cache_hit, case.signals.get(Name.CACHE_HIT, -1.0)
    if usual is None or hit < 0.0 or hit >= usual - 0.2:
        return ()
    return (f"cache hit {hit:.0%}, usually {usual:.0%}",)


def _app_cpu(case: Case) -> tuple[str, ...]:
    queue = case.signals.get(Name.QUEUE_P95)
    if case.app_busy > case.spec.app.target_utilization:
        return (f"pods use {case.app_busy:.0%} of their CPU, {case.spec.app.target_utilization:.0%} aimed at",)
    if queue > 0.02 and case.app_busy > 0.5:
        return (f"requests queue {queue * 1000:.0f} ms (p95) before the pods admit them",)
    return ()


def _unknown(case: Case) -> tuple[str, ...]:
    p95 = case.signals.get(Name.P95)
    if p95 <= case.spec.slo.p95 or _just_grown(case):  # that requests waited before new pods came is no riddle
        return ()
    found = f"p95 {p95 * 1000:.0f} ms is over {case.spec.slo.p95 * 1000:.0f} ms and no rule explains it"
    if case.snapshot.fleet.app.startable == 0:
        return found, "the nodes have no CPU to spare: pods may get less than their limit"
    return (found,)


TESTS: tuple[tuple[Bottleneck, Test], ...] = (
    (Bottleneck.STALE, _stale),
    (Bottleneck.ROLLOUT, _rollout),
    (Bottleneck.FAILOVER, _failover),
    (Bottleneck.DB_LOCK, _lock),
    (Bottleneck.DB_READ, _read),
    (Bottleneck.DB_WRITE, _write),
    (Bottleneck.LAG, _lag),
    (Bottleneck.POOL, _pool),
    (Bottleneck.APP_POOL, _app_pool),
    (Bottleneck.CACHE, _cache),
    (Bottleneck.APP_CPU, _app_cpu),
    (Bottleneck.UNKNOWN, _unknown),
)
AT_ONCE = frozenset({Bottleneck.STALE, Bottleneck.ROLLOUT, Bottleneck.FAILOVER, *DATABASE})
"""Believed on the first tick: waiting there is dangerous. Everything else must persist for two ticks."""


def classify(case: Case) -> tuple[Bottleneck, tuple[str, ...]]:
    """This tick's verdict alone."""
    for state, test in TESTS:
        found = test(case)
        if found:
            return state, found
    return Bottleneck.HEALTHY, ()


def diagnose(case: Case, state: State, now: float) -> tuple[Diagnosis, int]:
    """The verdict with persistence, and how many ticks the candidate has lasted."""
    seen, evidence = classify(case)
    ticks = state.candidate_ticks + (now > state.last) if seen == state.candidate else 1
    if seen == state.bottleneck:
        return Diagnosis(seen, state.since, evidence, seen), ticks
    if seen in AT_ONCE or ticks >= 2:
        return Diagnosis(seen, now, evidence, seen), ticks
    return Diagnosis(Bottleneck(state.bottleneck), state.since, evidence, seen), ticks
