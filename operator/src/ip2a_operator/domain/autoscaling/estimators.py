"""Slowly learned quantities: cost of a request, healthy service times, noise, lead times.

Each one is frozen while its own input lies: during rollouts, at saturation, near idleness.
"""

from math import exp, inf, log

from ip2a_operator.domain.autoscaling import knee
from ip2a_operator.domain.autoscaling.signals import IDLE, Signals
from ip2a_operator.domain.autoscaling.snapshot import Name, Snapshot
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.domain.autoscaling.state import Estimates, evolve, kept

HALF_LIFE = 600.0
"""Seconds after which half of an average is new."""
WARM_UP = 60.0
"""A pod younger than this still pays for its start (imports, caches)."""
AT_WORK = 0.6
"""Share of its CPU from which on a pod's cost of a request is about that of a full one. Idler pods pay more for each:
they wake up for it, where busy ones take several at once (measured: 2.2 ms at a quarter, 0.9 ms when full).
"""
OTHER_COST = 2.5
"""Times the known cost beyond which requests have changed: idle pods pay less than that more for the same ones."""
OTHER_TICKS = 6
"""Ticks in a row that must say so: rates of a step up or down do not all change in the same instant."""
MIN_RATE = 2.0
ENVELOPE_RISE = 1.0005
LEADS_KEPT = 8
DEFAULT_APP_LEAD = 15.0
DEFAULT_REPLICA_LEAD = 240.0


def ewma(old: float | None, value: float, elapsed: float, half_life: float = HALF_LIFE) -> float:
    """Exponential average with a half-life in seconds; the first value starts it."""
    if old is None:
        return kept(value)
    return kept(old + (value - old) * (1.0 - exp(-log(2.0) * elapsed / half_life)))


def envelope(old: float | None, value: float) -> float:
    """Lower envelope: follows a fall by a fifth at once, rises by 0.05 % a tick."""
    if old is None:
        return kept(value)
    return kept(old + 0.2 * (value - old) if value < old else min(value, old * ENVELOPE_RISE))


def percentile90(values: tuple[float, ...], default: float) -> float:
    """P90 of the few lead times that are kept, or the default when there are none."""
    if not values:
        return default
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]


def app_lead(estimates: Estimates) -> float:
    """Seconds from asking for a pod until it is ready."""
    return percentile90(estimates.app_leads, DEFAULT_APP_LEAD)


def replica_lead(estimates: Estimates) -> float:
    """Seconds from asking for a replica until it takes reads."""
    return percentile90(estimates.replica_leads, DEFAULT_REPLICA_LEAD)


def update(old: Estimates, signals: Signals, snapshot: Snapshot, elapsed: float, spec: ScalerSpec) -> Estimates:
    """Learn from one tick; `elapsed` is the time since the last one."""
    new = _leads(old, snapshot)
    if not signals.fresh or snapshot.fleet.app.updating or elapsed <= 0.0:
        return new
    new = _demand_cost(new, signals, snapshot, elapsed, spec)
    return _database(new, signals, snapshot, elapsed)


def _leads(old: Estimates, snapshot: Snapshot) -> Estimates:
    if not snapshot.lead_samples:
        return old
    app = (*old.app_leads, *(seconds for kind, seconds in snapshot.lead_samples if kind == "app"))
    replica = (
        *old.replica_leads,
        *(seconds for kind, seconds in snapshot.lead_samples if kind == "replicas"),
    )
    return evolve(old, app_leads=app[-LEADS_KEPT:], replica_leads=replica[-LEADS_KEPT:])


def _demand_cost(old: Estimates, signals: Signals, snapshot: Snapshot, elapsed: float, spec: ScalerSpec) -> Estimates:
    served, cpu, ready = signals.get(Name.SERVED), signals.get(Name.APP_CPU), snapshot.fleet.app.ready
    used = cpu / (ready * spec.app.cpu_per_pod) if ready else 1.0
    saturated, at_work = used > 0.95, used >= AT_WORK
    young = snapshot.fleet.app.youngest_ready_age < WARM_UP
    failing = signals.get(Name.ERROR_RATE) > spec.slo.error_rate
    if served < MIN_RATE or cpu <= 0.0 or (old.cpu_per_request is not None and failing):
        return old
    telling = used >= IDLE and not (young or saturated)  # of idle pods' CPU probes and scrapes may be the most
    others = telling and cpu / served > OTHER_COST * (old.cpu_per_request or inf)
    old = evolve(old, others=min(OTHER_TICKS, old.others + 1) if others else 0)
    if old.others == OTHER_TICKS:  # other pages are asked for: what was known of those before is forgotten
        old = evolve(old, cpu_per_request=None, costed=0.0, at_work=False, others=0)
    dear = young or saturated or (old.at_work and not at_work)
    if dear and old.cpu_per_request is not None and cpu / served > old.cpu_per_request:
        return old  # starts, waiting and waking are in it; if it costs less even so, then it surely does
    if at_work and not old.at_work:
        old = evolve(old, at_work=True, costed=0.0)  # what idle pods said is forgotten
    hit = signals.get(Name.CACHE_HIT, -1.0)
    seen = kept(old.costed * exp(-log(2.0) * elapsed / HALF_LIFE) + served * elapsed)
    known = cpu / served if old.cpu_per_request is None else old.cpu_per_request
    return evolve(
        old,
        cpu_per_request=kept(known + (cpu / served - known) * served * elapsed / seen),
        costed=seen,
        cache_hit=ewma(old.cache_hit, hit, elapsed) if hit >= 0.0 else old.cache_hit,
    )


def _database(old: Estimates, signals: Signals, snapshot: Snapshot, elapsed: float) -> Estimates:
    changes: dict[str, object] = {}
    rw_rate, rw_busy = signals.get(Name.RW_RATE), signals.get(Name.RW_BUSY)
    if rw_rate >= MIN_RATE:
        changes["rw_service"] = envelope(old.rw_service, rw_busy / rw_rate)
        changes["rw_curve"] = knee.observe(old.rw_curve, signals.get(Name.PG_ACTIVE, rw_busy), rw_rate)
    ro_rate, ro_busy, replicas = (
        signals.get(Name.RO_RATE),
        signals.get(Name.RO_BUSY),
        snapshot.fleet.database.ready,
    )
    if ro_rate >= MIN_RATE and replicas > 0:
        active = signals.get(Name.REPLICA_ACTIVE, ro_busy / replicas)
        cpu = signals.get(Name.REPLICA_CPU)
        changes["ro_service"] = envelope(old.ro_service, ro_busy / ro_rate)
        changes["ro_curve"] = knee.observe(old.ro_curve, active, ro_rate / replicas)
        if 0.02 < cpu < 0.9:
            cost = cpu * snapshot.fleet.database.replica_vcpu * replicas / ro_rate
            changes["read_cost"] = ewma(old.read_cost, cost, elapsed)
    return evolve(old, **changes) if changes else old
