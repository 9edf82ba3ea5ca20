"""How much of each thing the demand needs: arithmetic on rates and costs, never on latency.

a = rate · cost / CPU of a pod is the offered load in busy pods (erlangs). Square-root staffing adds slack
where pods are few: a + beta·sqrt(a). Connections follow Little's law: L = rate · healthy transaction time.
"""

from dataclasses import dataclass
from math import ceil, sqrt

from ip2a_operator.domain.autoscaling.demand import Demand
from ip2a_operator.domain.autoscaling.diagnosis import Bottleneck, Case, Diagnosis
from ip2a_operator.domain.autoscaling.snapshot import Name
from ip2a_operator.domain.autoscaling.spec import Actuator, Floor
from ip2a_operator.domain.autoscaling.state import State

BETA_UP = 1.0
BETA_DOWN = 1.2
TRIM_LOW, TRIM_HIGH = 0.9, 1.3
IDLE_MATTERS = 1.5
CPU_TO_SPARE = 0.7
POOL_GROWS = frozenset({Bottleneck.HEALTHY, Bottleneck.POOL, Bottleneck.APP_POOL, Bottleneck.APP_CPU})
SATURATION_PROOF = 30.0
"""Seconds that saturated replicas must last before more are added than demand explains."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one actuator should have: `up` when growing is asked, `down` the least it may shrink to."""

    up: int
    down: int
    why: str
    useful: int | None = None
    """More than this never does more work; None where there is no such limit."""


Needs = dict[Actuator, Need]


def pods_for(rate: float, cost: float, utilization: float, beta: float, cpu: float) -> int:
    """Pods that carry `rate` at `cost` CPU seconds each without exceeding `utilization`."""
    load = rate * cost / cpu
    return ceil(max(load / utilization, load + beta * sqrt(load)) - 1e-9)


def connections_for(busy: float) -> int:
    """Connections such that waiting stays rare at `busy` connections in use: L + 2·sqrt(L) + 2."""
    return ceil(busy + 2.0 * sqrt(max(0.0, busy)) + 2.0 - 1e-9)


def needs(  # noqa: PLR0917  # the tick's intermediate results, in their order
    case: Case, demand: Demand, diagnosis: Diagnosis, state: State, floors: Floor, now: float
) -> Needs:
    """The need of every actuator, before limits, gates and dynamics. `floors` come from schedules."""
    result: Needs = {Actuator.APP: _app(case, demand, diagnosis, state, floors)}
    result[Actuator.REPLICAS] = _replicas(case, demand, diagnosis, floors, now)
    result[Actuator.POOLERS_RW] = _poolers(case, writing=True)
    result[Actuator.POOLERS_RO] = _poolers(case, writing=False)
    result[Actuator.POOL_RW] = _pool_rw(case, demand, diagnosis)
    result[Actuator.POOL_RO] = _pool_ro(case, diagnosis)
    return result


def database_rates(case: Case, demand: Demand, rate: float) -> tuple[float, float]:
    """(reads, writes) per second that reach the database when `rate` requests are offered."""
    offered = max(case.signals.get(Name.OFFERED), 1e-9)
    reads = min(1.0, case.signals.get(Name.READS, 0.9 * offered) / offered)
    return demand.missed * rate / max(demand.level, 1e-9), rate * (1.0 - reads)


def _app(case: Case, demand: Demand, diagnosis: Diagnosis, state: State, floors: Floor) -> Need:
    spec, cost = case.spec.app, case.estimates.cpu_per_request
    ready = case.snapshot.fleet.app.ready
    if not case.spec.features.demand:
        ratio = case.signals.get(Name.P95) / case.spec.slo.p95
        count = ceil(ready * min(4.0, ratio)) if abs(ratio - 1.0) > 0.1 else ready
        return Need(max(count, floors.app), max(count, floors.app), f"p95 is {ratio:.2f} of the objective")
    if cost is None:
        count = ceil(ready * case.app_busy / spec.target_utilization - 1e-9)
        return Need(max(count, floors.app), max(count, ready), "cost of a request not yet known: by CPU alone")
    trim = state.trim if case.spec.features.trim else 1.0
    up = pods_for(demand.expected, cost * trim, spec.target_utilization, BETA_UP, spec.cpu_per_pod)
    down = pods_for(demand.steady, cost * trim, spec.drain_utilization, BETA_DOWN, spec.cpu_per_pod)
    why = f"{demand.expected:.0f}/s ({demand.source}) × {cost * 1000:.1f} ms at {spec.target_utilization:.0%}"
    pool_bound = _pods_for_connections(case, demand, starved=diagnosis.state is Bottleneck.APP_POOL)
    if pool_bound > up and diagnosis.state in (Bottleneck.APP_POOL, Bottleneck.HEALTHY, Bottleneck.APP_CPU):
        up, why = pool_bound, f"{demand.expected:.0f}/s need {pool_bound} pods' connection pools"
    if floors.app > up:
        up, why = floors.app, f"schedule floor {floors.app}"
    return Need(up, max(down, pool_bound, floors.app), why)


def _pods_for_connections(case: Case, demand: Demand, *, starved: bool) -> int:
    """Pods whose own pools together hold what the database work needs.

    `starved`: pods wait for their own pools while the database is calm, so today's transaction time is real
    need (transactions held open by the app), not the database's slowness.
    """
    spec, get = case.spec.app, case.signals.get
    ro_service, rw_service = case.estimates.ro_service or 0.0, case.estimates.rw_service or 0.0
    if starved:
        ro_service = max(ro_service, get(Name.RO_BUSY) / max(1.0, get(Name.RO_RATE)))
        rw_service = max(rw_service, get(Name.RW_BUSY) / max(1.0, get(Name.RW_RATE)))
    reads, writes = database_rates(case, demand, demand.expected)
    counts = [0]
    for per_second, service, limit in (
        (reads, ro_service, spec.read_connections),
        (writes, rw_service, spec.write_connections),
    ):
        busy = per_second * service
        # a pod's own pool is small: with half of it busy on average, waiting is already common
        counts.append(ceil(busy / (0.55 * limit) - 1e-9))
    return max(counts)


def _replicas(case: Case, demand: Demand, diagnosis: Diagnosis, floors: Floor, now: float) -> Need:
    spec, database, cost = case.spec.replicas, case.snapshot.fleet.database, case.estimates.read_cost
    if cost is None:
        return Need(
            max(database.desired, floors.replicas),
            max(database.desired, floors.replicas),
            "cost of a read not yet known",
        )
    growth = case.snapshot.growth
    rate, source = max(demand.level, demand.expected if demand.source == "trend" else 0.0), demand.source
    if growth is not None and growth.trusted and case.spec.features.forecast and demand.level * growth.factor > rate:
        rate, source = demand.level * growth.factor, "forecast"
    per_replica = spec.target_utilization * database.replica_vcpu / cost
    reads, _ = database_rates(case, demand, rate)
    up = ceil(reads / per_replica - 1e-9) + spec.spare
    cores = f"{spec.target_utilization:.0%} of {database.replica_vcpu:g} cores"
    why = f"{reads:.0f} reads/s ({source}) × {cost * 1000:.1f} ms at {cores}"
    calm_reads, _ = database_rates(case, demand, max(demand.steady, rate))
    down = ceil(calm_reads / (0.9 * per_replica) - 1e-9) + spec.spare
    if diagnosis.state is Bottleneck.CACHE:
        up, why = max(up, database.desired), f"{why}; cache is cold"
    lasting = now - diagnosis.since >= SATURATION_PROOF
    if diagnosis.state is Bottleneck.DB_READ and lasting and up <= database.ready + database.joining:
        up, why = (
            database.ready + database.joining + (database.joining == 0),
            "replicas saturated beyond the estimate",
        )
    if floors.replicas > up:
        up, why = floors.replicas, f"schedule floor {floors.replicas}"
    return Need(up, max(down, floors.replicas), why)


def _poolers(case: Case, *, writing: bool) -> Need:
    spec, app, fleet = case.spec.pool, case.spec.app, case.snapshot.fleet
    pooler = fleet.rw if writing else fleet.ro
    clients = app.write_connections if writing else app.read_connections
    for_clients = ceil(app.max * clients * (1.0 + app.max_surge) / (0.8 * spec.max_client_conn) - 1e-9)
    count, why = (
        max(spec.pods_min, min(for_clients, spec.pods_max)),
        f"{app.max} pods may open {app.max * clients} clients",
    )
    if pooler.cpu > 0.6:
        count, why = max(count, pooler.desired + 1), f"a PgBouncer process uses {pooler.cpu:.0%} of its core"
    return Need(count, max(count, pooler.desired), why)  # taking one away moves no load: never automatic


def _pool_rw(case: Case, demand: Demand, diagnosis: Diagnosis) -> Need:
    spec, pooler, signals = case.spec.pool, case.snapshot.fleet.rw, case.signals
    limit = int(case.primary_knee * case.idle_share(Name.RW_BUSY, signals.get(Name.PG_ACTIVE)))
    if case.snapshot.fleet.database.ready == 0:
        limit = max(2, limit // 2)  # reads share the primary
    _, writes = database_rates(case, demand, demand.expected)
    healthy = writes * (case.estimates.rw_service or 0.0)
    busy = signals.get(Name.RW_BUSY) if case.rw_slowdown < 1.5 or diagnosis.state is Bottleneck.POOL else 0.0
    pods = max(1, pooler.desired)
    wanted = max(spec.min, connections_for(max(healthy, busy)))
    why = f"{max(healthy, busy):.1f} connections busy by Little's law"
    starved = signals.get(Name.RW_WAITING) > 0.5 or signals.get(Name.RW_BUSY) > 0.9 * pods * pooler.size
    if diagnosis.state is Bottleneck.POOL and starved:
        waiting = pods * pooler.size + signals.get(Name.RW_WAITING)
        wanted = max(wanted, ceil(1.5 * pods * pooler.size), ceil(waiting))
        why = "pool starved while the database idles"
    if diagnosis.state is Bottleneck.DB_WRITE and starved and signals.get(Name.PRIMARY_CPU) < CPU_TO_SPARE:
        wanted, why = (
            max(wanted, limit),
            "slow transactions, CPU to spare: up to the knee more connections do more work",
        )
    capped = min(wanted, max(spec.min, limit))
    if capped < wanted:
        why += f"; capped at the knee of {limit}"
    size = _per_pod(capped, pods, spec.max_per_instance)
    return Need(
        size,
        size,
        why,
        max(size, _per_pod(_useful(limit, case.primary_knee, signals.get(Name.RW_BUSY)), pods, spec.max_per_instance)),
    )


def _useful(limit: int, knee: int, busy: float) -> int:
    """Connections worth having: idle ones held by the app count only once the knee itself is half in use."""
    return limit if busy > 0.5 * knee else min(limit, knee)


def _pool_ro(case: Case, diagnosis: Diagnosis) -> Need:
    spec, pooler, database = case.spec.pool, case.snapshot.fleet.ro, case.snapshot.fleet.database
    pods = max(1, pooler.desired)
    if database.ready == 0:
        total, why = max(2, case.primary_knee // 2), "reads share the primary"
        useful = total
    else:
        total = database.ready * case.replica_knee
        why = f"{database.ready} replicas × knee {case.replica_knee}"
        share = case.idle_share(Name.RO_BUSY, database.ready * case.signals.get(Name.REPLICA_ACTIVE))
        useful = _useful(int(total * share), total, case.signals.get(Name.RO_BUSY))
        wanted = connections_for(1.3 * case.signals.get(Name.RO_BUSY)) if diagnosis.state in POOL_GROWS else 0
        if wanted > total and share > IDLE_MATTERS:
            total, why = min(wanted, int(total * share)), f"{why}; {share:.1f} held for each one at work"
    size = _per_pod(max(total, spec.min), pods, spec.max_per_instance)
    return Need(size, size, why, max(size, _per_pod(useful, pods, spec.max_per_instance)))


def _per_pod(total: int, pods: int, most: int | None) -> int:
    size = max(1, -(-total // pods))
    return size if most is None else min(size, most)
