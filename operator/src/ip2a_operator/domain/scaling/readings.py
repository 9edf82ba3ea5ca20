"""From the answers of Prometheus and of the metrics API to readings: value, age, coverage.

What was not answered has no value. A labelled series that does not exist is a real zero only if the same scrapes
brought a counter that always exists, over the whole window: then nothing was ever counted under that label.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite

from ip2a_operator.domain.autoscaling.snapshot import Name, Reading

NEVER = 1e9
"""Age of what was never sampled, in seconds."""
STUCK = 2.0
"""So many times more connections in use than finished transactions account for: transactions do not end."""

ALONE = frozenset({"time", "nodes.free"})
"""Parts that are not about a resource."""

Answers = Mapping[str, float]
"""Values of one resource by part; parts of a pooler end in `:rw` or `:ro`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of an instant query's vector."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What the API server says should have been sampled, for coverage."""

    app_pods: int
    """Ready for longer than three scrapes."""
    writing_pods: int
    reading_pods: int
    replicas: int
    cpu_per_pod: float
    primary_cores: float
    replica_cores: float


@dataclass(frozen=True, slots=True)
class PodUsage:
    """CPU of one pod's container by the metrics API; `age` in seconds."""

    pod: str
    container: str
    cores: float
    age: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What the metrics API says of one resource."""

    app: tuple[PodUsage, ...] = ()
    primary: PodUsage | None = None
    replicas: tuple[PodUsage, ...] = field(default=())
    starting: int = 0
    """Pods of the app that are left out, because what is said of them is still of their start."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """What one Prometheus answered: its own time, what is said of all nodes together, and of each resource."""

    clock: float | None = None
    nodes_free: float | None = None
    """Cores that nobody uses; None where the kubelets are not scraped."""
    resources: Mapping[tuple[str, str], Answers] = field(default_factory=dict)
    """By namespace and name."""


def grouped(samples: Iterable[Sample]) -> Grouped:
    """The vector, sorted."""
    alone: dict[str, float] = {}
    found: dict[tuple[str, str], dict[str, float]] = {}
    for sample in samples:
        part = sample.labels.get("signal", "")
        if part in ALONE:
            alone[part] = sample.value
            continue
        namespace, name = sample.labels.get("namespace", ""), sample.labels.get("ip2a", "")
        pooler = sample.labels.get("pooler", "")
        key = f"{part}:{pooler[-2:]}" if pooler else part
        if namespace and name and isfinite(sample.value):
            found.setdefault((namespace, name), {})[key] = sample.value
    return Grouped(alone.get("time"), alone.get("nodes.free"), found)


def readings(
    answers: Answers | None, clock: float | None, expected: Expected, usage: Usage = Usage()
) -> dict[Name, Reading]:
    """All readings of one resource. `answers` is None when Prometheus gave none."""
    found: dict[Name, Reading] = {}
    if answers is not None and clock is not None:
        found |= _app(answers, clock, expected)
        found |= _pools(answers, clock, expected)
        found |= _database(answers, clock, expected)
    found |= _from_kubelet(usage, expected, found)
    return found


def _app(answers: Answers, clock: float, expected: Expected) -> dict[Name, Reading]:
    get, age = answers.get, _age(answers, "app.at", clock)
    coverage = _coverage(get("app.fresh"), expected.app_pods)
    filled = "offered" in answers  # it always exists: a rate of it means that the window is filled

    def counted(part: str) -> float | None:
        return get(part, 0.0 if filled else None)

    answered, failed = counted("answered"), counted("failed")
    hits, misses = counted("cache.hits"), counted("cache.misses")
    served, waited = counted("served"), counted("checkout.wait")
    values: dict[Name, float | None] = {
        Name.OFFERED: get("offered"),
        Name.OFFERED_FAST: get("offeredFast"),
        Name.SERVED: served,
        Name.READS: counted("reads"),
        Name.APP_CPU: get("appCpu"),
        Name.APP_CPU_FAST: get("appCpuFast"),
        Name.IN_FLIGHT: get("inFlight"),
        Name.QUEUE_P95: _queue(counted("queue.waited"), get("offered"), get("queue.p95", 0.0)),
        Name.P95: get("p95"),
        Name.ERROR_RATE: _share(failed, answered),
        Name.USERS: get("users"),
        Name.CACHE_HIT: _ratio(hits, None if hits is None or misses is None else hits + misses),
        Name.CHECKOUT_WAIT: None if waited is None or served is None else waited / max(1.0, served),
        Name.CHECKOUT_USE: get("checkoutUse"),
    }
    return {name: Reading(_kept(value), age, coverage) for name, value in values.items() if value is not None}


def _pools(answers: Answers, clock: float, expected: Expected) -> dict[Name, Reading]:
    found: dict[Name, Reading] = {}
    sides = (
        ("rw", expected.writing_pods, Name.RW_BUSY, Name.RW_WAITING, Name.RW_RATE),
        ("ro", expected.reading_pods, Name.RO_BUSY, Name.RO_WAITING, Name.RO_RATE),
    )
    for side, pods, busy, waiting, rate in sides:
        if f"pool.window:{side}" not in answers:
            continue
        age = _age(answers, f"pool.at:{side}", clock)
        coverage = _coverage(answers.get(f"pool.fresh:{side}"), pods)
        ended, active = answers.get(f"pool.busy:{side}", 0.0), answers.get(f"pool.active:{side}", 0.0)
        waited, queue = answers.get(f"pool.wait:{side}", 0.0), answers.get(f"pool.queue:{side}", 0.0)
        values = {
            # Little's law counts transactions that ended; those that hang are only in the gauge
            busy: active if active > STUCK * ended + 1.0 else ended,
            waiting: max(waited, queue),
            rate: answers.get(f"pool.rate:{side}", 0.0),
        }
        found |= {name: Reading(_kept(value), age, coverage) for name, value in values.items()}
    return found


def _database(answers: Answers, clock: float, expected: Expected) -> dict[Name, Reading]:
    found: dict[Name, Reading] = {}
    get = answers.get
    if "db.window" in answers:
        age = _age(answers, "db.at", clock)
        for name in (Name.PG_ACTIVE, Name.IDLE_IN_TRANSACTION, Name.LOCK_WAITERS, Name.WAL_RATE):
            found[name] = Reading(_kept(get(str(name), 0.0)), age)
        if "connections" in answers:
            found[Name.CONNECTIONS] = Reading(get("connections"), age)
    seen = get("replica.count", 0.0)
    if seen > 0:
        age = _age(answers, "replica.at", clock)
        found[Name.REPLICA_ACTIVE] = Reading(_kept(get("replica.active", 0.0) / seen), age)
        if "lag" in answers:
            # a replica of an idle primary counts the seconds since the last change as lag
            lag = get("lag", 0.0) if get("walRate", 0.0) > 0.0 else 0.0
            found[Name.LAG] = Reading(_kept(lag), age, _coverage(seen, expected.replicas))
    for name, part, cores in (
        (Name.PRIMARY_CPU, "cpu.primary", expected.primary_cores),
        (Name.REPLICA_CPU, "cpu.replica", expected.replica_cores),
    ):
        if part in answers:
            found[name] = Reading(_kept(answers[part] / cores), _age(answers, f"{part}.at", clock))
    return found


def _from_kubelet(usage: Usage, expected: Expected, found: Mapping[Name, Reading]) -> dict[Name, Reading]:
    """The metrics API: for the app always, because it is independent of Prometheus; for the rest where that has
    nothing from the kubelet."""
    result: dict[Name, Reading] = {}
    if usage.app:
        share = sum(each.cores for each in usage.app) / len(usage.app) / expected.cpu_per_pod
        oldest = max(each.age for each in usage.app)
        known = _coverage(len(usage.app) + usage.starting, expected.app_pods)
        result[Name.KUBELET_CPU] = Reading(_kept(min(1.0, share)), oldest, known)
    if usage.primary is not None and Name.PRIMARY_CPU not in found:
        result[Name.PRIMARY_CPU] = Reading(_kept(usage.primary.cores / expected.primary_cores), usage.primary.age)
    if usage.replicas and Name.REPLICA_CPU not in found:
        mean = sum(each.cores for each in usage.replicas) / len(usage.replicas)
        oldest = max(each.age for each in usage.replicas)
        result[Name.REPLICA_CPU] = Reading(_kept(mean / expected.replica_cores), oldest)
    return result


def _age(answers: Answers, part: str, clock: float) -> float:
    return round(max(0.0, clock - answers[part]), 3) if part in answers else NEVER


def _coverage(seen: float | None, expected: int) -> float:
    return 1.0 if expected <= 0 else min(1.0, (seen or 0.0) / expected)


def _share(part: float | None, whole: float | None) -> float | None:
    """Zero of nothing is zero: no requests, no failures."""
    if part is None or whole is None:
        return None
    return part / whole if whole > 0.0 else 0.0


def _queue(waited: float | None, offered: float | None, p95: float) -> float | None:
    """p95 of the wait over all requests, at most: the app's histogram has those alone that had to wait, and while they
    are fewer than one in twenty the p95 of all is zero."""
    if waited is None or offered is None:
        return None
    return p95 if waited > 0.05 * offered else 0.0


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or whole is None or whole <= 0.0 else part / whole


def _kept(value: float | None) -> float | None:
    """Nine digits: what is logged is what was decided on, and no longer than it needs to be."""
    return None if value is None else float(f"{value:.9g}")
