"""A decision in words: what is seen, what is believed, what is done, what limits it, what was rejected."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from ip2a_operator.domain.autoscaling import demand, estimators, schedules, signals, triggers
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import ActuatorDecision, Decision
from ip2a_operator.domain.autoscaling.diagnosis import FREEZES_APP, Bottleneck
from ip2a_operator.domain.autoscaling.snapshot import Name, Reading, Snapshot
from ip2a_operator.domain.autoscaling.spec import Actuator, ScalerSpec, Schedule
from ip2a_operator.domain.autoscaling.state import State

LABELS = {
    Actuator.APP: "app pods",
    Actuator.POOL_RW: "writing pool size per PgBouncer pod",
    Actuator.POOL_RO: "reading pool size per PgBouncer pod",
    Actuator.POOLERS_RW: "PgBouncer pods for writing",
    Actuator.POOLERS_RO: "PgBouncer pods for reading",
    Actuator.REPLICAS: "database replicas",
}
MEANING = {
    Bottleneck.STALE: "The metrics cannot be trusted. Nothing shrinks; missing is not zero.",
    Bottleneck.ROLLOUT: "The Deployment is being updated. Only app pods may grow.",
    Bottleneck.FAILOVER: "The database is not healthy. Only app pods may grow.",
    Bottleneck.DB_LOCK: "Transactions block each other. No number of pods, connections or replicas helps.",
    Bottleneck.DB_READ: "Reading saturates the database. Replicas help; pods would add to the load.",
    Bottleneck.DB_WRITE: "Writing saturates the primary. Scaling does not help: CPU, indexes, caching do.",
    Bottleneck.LAG: "Replicas cannot keep up with the primary. Another clone would slow it further.",
    Bottleneck.POOL: "Clients queue for server connections, the database idles. The pool helps, pods do not.",
    Bottleneck.APP_POOL: "Pods queue for their own connections. More pods, or a larger pool per pod.",
    Bottleneck.CACHE: "The cache answers far less than usual; its reads fall on the replicas.",
    Bottleneck.APP_CPU: "App pods are short of CPU. More pods help.",
    Bottleneck.UNKNOWN: "Slow, and no rule explains it: one pod more is tried and kept only if it helps.",
    Bottleneck.HEALTHY: "Nothing is short. Sizes follow demand.",
}
NO_HELP = {
    Bottleneck.DB_LOCK: ("more app pods, connections or replicas", "they would wait for the same locks"),
    Bottleneck.DB_READ: ("more app pods", "they would send more reads to saturated instances"),
    Bottleneck.DB_WRITE: (
        "more app pods, connections or replicas",
        "every write still needs the one primary",
    ),
    Bottleneck.POOL: ("more app pods", "they would queue for the same connections"),
    Bottleneck.LAG: ("more replicas", "each clone loads the primary whose log is already behind"),
}


def explain(decision: Decision, snapshot: Snapshot, spec: ScalerSpec) -> str:
    """The full text for `ip2a explain NAME --scaling`."""
    parts = (
        _sees(decision, snapshot),
        _thinks(decision),
        _does(decision),
        _rejects(decision),
        _requirement(decision, snapshot, spec),
        _launches(decision, snapshot, spec),
    )
    return "\n\n".join(part for part in parts if part)


def what_if(snapshot: Snapshot, state: State, spec: ScalerSpec, now: float, users: float) -> tuple[Decision, Snapshot]:
    """The decision if `users` were signed in, each behaving as today's; the demand is taken as lasting.

    Raises:
        ValueError: today's users or demand are unknown, so that nothing can be scaled from them.
    """
    seen = signals.validate(snapshot, state.last_offered, spec)
    today, offered = seen.get(Name.USERS), seen.get(Name.OFFERED)
    if today <= 0.0 or offered <= 0.0:
        raise ValueError("what-if needs present users and demand; one of them is zero or not fresh")
    factor = users / today
    readings = dict(snapshot.readings)
    for name in (Name.OFFERED, Name.OFFERED_FAST, Name.READS, Name.USERS):
        if name in readings and readings[name].value is not None:
            readings[name] = Reading((readings[name].value or 0.0) * factor, readings[name].age)
    steady = tuple((now - demand.TICK * back, offered * factor) for back in range(demand.KEPT, 0, -1))
    missed = tuple((at, value * factor) for at, value in state.misses)
    changed = replace(snapshot, readings=readings)
    return decide(
        changed, replace(state, samples=steady, misses=missed, last_offered=offered * factor), spec, now
    ), changed


def _sees(decision: Decision, snapshot: Snapshot) -> str:
    lines = ["Sees"]
    for name, reading in snapshot.readings.items():
        value = "no answer" if reading.value is None else f"{reading.value:.4g}"
        mark = "  not usable" if name in decision.bad_signals else ""
        lines.append(f"  {name:<18} {value:>10}  {reading.age:4.0f} s old{mark}")
    wanted, estimates = decision.demand, decision.state.estimates
    lines.append(
        f"  demand {wanted.level:.0f}/s, sized for {wanted.expected:.0f}/s ({wanted.source}), noise {wanted.noise:.0%}"
    )
    if estimates.cpu_per_request is not None:
        lines.append(f"  a request costs {estimates.cpu_per_request * 1000:.1f} ms of a pod's CPU")
    lines.append(
        f"  a pod takes {estimators.app_lead(estimates):.0f} s to start, "
        f"a replica {estimators.replica_lead(estimates):.0f} s"
    )
    return "\n".join(lines)


def _thinks(decision: Decision) -> str:
    verdict = decision.diagnosis
    evidence = [f"  because {sentence}" for sentence in verdict.evidence]
    return "\n".join([f"Bottleneck: {verdict.state}", f"  {MEANING[verdict.state]}", *evidence])


def _does(decision: Decision) -> str:
    lines = ["Does"]
    for each in decision.actuators:
        lines.append(f"  {LABELS[each.actuator]}: {_action(each)}")
        if each.need != each.desired or each.desired != each.current:
            lines.append(f"    needs {each.need}: {each.why}")
        if each.limited_by:
            lines.append(f"    limited by {', '.join(each.limited_by)}")
    account = decision.ledger
    lines.append(
        f"  connections: {account.worst} of {account.budget} at worst; "
        f"PgBouncer clients: {account.clients} of {account.client_limit}"
    )
    return "\n".join(lines)


def _action(each: ActuatorDecision) -> str:
    if each.desired == each.current:
        return f"stays at {each.current}"
    verb = "goes" if each.write else "would go"
    return f"{verb} from {each.current} to {each.desired} (mode {each.mode})"


def rejected(decision: Decision) -> list[tuple[str, str]]:
    """Alternatives that were not taken, and why."""
    found = []
    state = decision.diagnosis.state
    if state in NO_HELP:
        found.append(NO_HELP[state])
    app = decision.of(Actuator.APP)
    if state not in FREEZES_APP and app.need <= app.current and state is not Bottleneck.HEALTHY:
        found.append(("more app pods", f"demand needs {app.need}, {app.current} are there"))
    for each in decision.actuators:
        if each.desired == each.current and each.need < each.current and each.limited_by:
            less = "a smaller" if each.actuator in (Actuator.POOL_RW, Actuator.POOL_RO) else "fewer"
            found.append((f"{less} {LABELS[each.actuator]}", f"held by {', '.join(each.limited_by)}"))
    found.append(("raising max_connections, CPU or memory of PostgreSQL", "needs a restart: a human's decision"))
    return found


def _rejects(decision: Decision) -> str:
    return "\n".join(["Rejected", *(f"  {what}: {why}" for what, why in rejected(decision))])


def _requirement(decision: Decision, snapshot: Snapshot, spec: ScalerSpec) -> str:
    firing = {each.id: each.value for each in decision.fired}
    lines = ["Triggers"]
    for trigger in triggers.table(spec, snapshot.fleet.database.max_connections):
        mark = f"fires at {firing[trigger.id]:.3g}" if trigger.id in firing else "quiet"
        lines.append(f"  {trigger.requirement:<32} {mark:<18} {trigger.kind}: {trigger.effect}")
    return "\n".join(lines)


def _launches(decision: Decision, snapshot: Snapshot, spec: ScalerSpec) -> str:
    """Every schedule: when it begins, what it asks for, and whether that is there already."""
    if not spec.schedules:
        return ""
    reading = snapshot.readings.get(Name.CACHE_HIT)
    cache = "no cache answers" if reading is None or reading.value is None else f"cache hit {reading.value:.0%}"
    lines = ["Schedules"]
    for each in spec.schedules:
        lines += [f"  {each.name}: {_when(each, decision.at)}", f"    {_floors(each, snapshot)}; {cache}"]
    return "\n".join(lines)


def _when(schedule: Schedule, now: float) -> str:
    start = schedules.next_start(schedule, now)
    if start is None:
        return "never (its times cannot be read)"
    zone = ZoneInfo(schedule.tz)
    begin, end = (datetime.fromtimestamp(at, zone) for at in (start, start + schedule.duration))
    state = "under way" if start <= now else f"in {(start - now) / 60:.0f} min"
    lead = f", floors from {schedule.lead / 60:.0f} min before" if start > now else ""
    return f"{begin:%Y-%m-%d %H:%M} to {end:%H:%M} {schedule.tz}, {state}{lead}"


def _floors(schedule: Schedule, snapshot: Snapshot) -> str:
    floor, fleet = schedule.floor, snapshot.fleet
    there = fleet.app.ready >= floor.app and fleet.database.ready >= floor.replicas
    return (
        f"at least {floor.app} pods ({fleet.app.ready} ready) and {floor.replicas} replicas "
        f"({fleet.database.ready} ready): {'in place' if there else 'not yet in place'}"
    )
