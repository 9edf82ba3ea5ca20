"""Made-up worlds for the core's tests: a healthy one to vary, and a fast generator of wild ones."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.autoscaling.dynamics import window_of
from ip2a_operator.domain.autoscaling.snapshot import (
    AppFleet,
    DatabaseFleet,
    Fleet,
    Name,
    Pause,
    PoolerFleet,
    Reading,
    Snapshot,
)
from ip2a_operator.domain.autoscaling.spec import (
    Actuator,
    AppSpec,
    Mode,
    PoolSpec,
    ReplicasSpec,
    ScalerSpec,
)
from ip2a_operator.domain.autoscaling.state import FIELD, Memory, State, evolve

NOW = 1_800_000_000.0
AUTO = ScalerSpec(mode=Mode.AUTO)
HEALTHY: Mapping[Name, float] = {
    Name.OFFERED: 400.0,
    Name.OFFERED_FAST: 400.0,
    Name.SERVED: 400.0,
    Name.READS: 360.0,
    Name.APP_CPU: 2.4,
    Name.APP_CPU_FAST: 2.4,
    Name.IN_FLIGHT: 4.0,
    Name.QUEUE_P95: 0.002,
    Name.P95: 0.06,
    Name.ERROR_RATE: 0.0,
    Name.USERS: 1600.0,
    Name.CACHE_HIT: 0.75,
    Name.RW_BUSY: 0.6,
    Name.RW_WAITING: 0.0,
    Name.RW_RATE: 40.0,
    Name.RO_BUSY: 1.0,
    Name.RO_WAITING: 0.0,
    Name.RO_RATE: 90.0,
    Name.CHECKOUT_WAIT: 0.0,
    Name.CHECKOUT_USE: 0.1,
    Name.PRIMARY_CPU: 0.1,
    Name.REPLICA_CPU: 0.25,
    Name.PG_ACTIVE: 0.5,
    Name.REPLICA_ACTIVE: 0.8,
    Name.IDLE_IN_TRANSACTION: 0.1,
    Name.LOCK_WAITERS: 0.0,
    Name.LAG: 0.1,
    Name.WAL_RATE: 1e5,
    Name.CONNECTIONS: 30.0,
    Name.KUBELET_CPU: 0.5,
}
FLEET = Fleet(
    app=AppFleet(desired=4, ready=4, total=4),
    rw=PoolerFleet(desired=2, total=2, size=6, live_size=6, servers=4),
    ro=PoolerFleet(desired=2, total=2, size=5, live_size=5, servers=4),
    database=DatabaseFleet(desired=1, ready=1, max_connections=400),
)


def world(fleet: Fleet = FLEET, age: float = 2.0, **values: float | None) -> Snapshot:
    """The healthy world with some values changed; keys are signal names, None removes the answer."""
    readings = {name: Reading(value, age) for name, value in HEALTHY.items()}
    for key, value in values.items():
        readings[Name(key)] = Reading(value, age)
    return Snapshot(readings, fleet)


def settled(spec: ScalerSpec = AUTO, snapshot: Snapshot | None = None, seconds: float = 900.0) -> State:
    """A state that has watched the world for a while; its last tick was five seconds before NOW."""
    state, seen, now = State(), snapshot or world(), NOW - seconds
    while now < NOW:
        decision = decide(seen, state, spec, now)
        state, now = decision.state, now + 5.0
    return state


def run(snapshot: Snapshot, state: State, spec: ScalerSpec = AUTO, ticks: int = 2, start: float = NOW) -> Decision:
    """Show the same world for some ticks; the last decision."""
    for index in range(ticks):
        decision = decide(snapshot, state, spec, start + 5.0 * index)
        state = decision.state
    return decision


def wild_spec(random: Random) -> ScalerSpec:
    """Any specification that validation would let through."""
    least = random.randint(1, 4)
    return ScalerSpec(
        mode=Mode.AUTO,
        app=AppSpec(
            min=least,
            max=random.randint(least, 60),
            pool_size=random.randint(1, 20),
            max_overflow=random.randint(0, 30),
            workers=random.choice((1, 1, 4)),
            max_surge=random.choice((0.0, 0.25, 1.0)),
        ),
        pool=PoolSpec(
            min=random.randint(2, 30),
            max_per_instance=random.choice((None, 10, 40)),
            pairs=random.randint(1, 3),
            max_surge=random.choice((0.0, 0.5, 1.0)),
            reserve=random.choice((0, 5)),
            max_client_conn=random.choice((100, 1000)),
        ),
        replicas=ReplicasSpec(min=random.randint(0, 2), max=random.randint(2, 6), max_sync=random.randint(0, 2)),
    )


def wild_pooler(random: Random) -> PoolerFleet:
    """A Pooler in any phase of any change."""
    desired, size = random.randint(1, 5), random.randint(1, 60)
    return PoolerFleet(
        desired=desired,
        total=max(0, desired + random.choice((0, 0, 0, -1, 1, 2))),
        size=size,
        live_size=max(1, size + random.choice((0, 0, 0, -5, 7, 30))),
        servers=random.randint(0, 150),
        clients=random.randint(0, 2000),
        cpu=random.random(),
    )


def wild_fleet(random: Random) -> Fleet:
    """Any fleet, breaches of the budget by others included."""
    desired = random.randint(0, 40)
    replicas = random.randint(0, 6)
    return Fleet(
        app=AppFleet(
            desired=desired,
            ready=random.randint(0, desired),
            total=desired + random.choice((0, 0, 1, 5)),
            updating=random.random() < 0.1,
            youngest_ready_age=random.choice((5.0, 3600.0)),
            startable=random.choice((None, None, 0, 3)),
        ),
        rw=wild_pooler(random),
        ro=wild_pooler(random),
        database=DatabaseFleet(
            desired=replicas,
            ready=random.randint(0, replicas),
            joining=random.randint(0, 1),
            healthy=random.random() > 0.1,
            max_connections=random.choice((60, 100, 200, 200, 200, 400)),
            direct=random.choice((0, 0, 20)),
        ),
    )


SCALES = {name: max(1e-3, value) for name, value in HEALTHY.items()}


def wild_readings(random: Random) -> dict[Name, Reading]:
    """Healthy numbers stretched by several orders of magnitude; sometimes missing, old, partial or zero."""
    trouble = random.random()
    readings = {}
    for name, typical in SCALES.items():
        value: float | None = typical * 10 ** random.uniform(-1.5, 1.5)
        if name in (Name.CACHE_HIT, Name.PRIMARY_CPU, Name.REPLICA_CPU, Name.KUBELET_CPU):
            value = random.random()
        age, coverage = 2.0, 1.0
        if trouble < 0.3 and random.random() < 0.2:
            value, age, coverage = random.choice(
                ((None, 2.0, 1.0), (0.0, 2.0, 1.0), (value, 99.0, 1.0), (value, 2.0, 0.5))
            )
        readings[name] = Reading(value, age, coverage)
    if random.random() < 0.6:
        readings[Name.ERROR_RATE] = Reading(0.0, 2.0)
    return readings


def wild_memory(random: Random, window: float) -> Memory:
    """What an actuator may remember; half of them have watched for their whole window, so that they may shrink."""
    return Memory(
        target=random.choice((None, 3, 12)),
        raised=NOW - random.choice((1.0, 20.0, 100.0, 5000.0, 5000.0)),
        lowered=NOW - random.choice((1.0, 20.0, 100.0, 5000.0, 5000.0)),
        reversals=tuple(NOW - 60.0 * each for each in range(random.choice((0, 0, 2, 3)), 0, -1)),
        locked_until=NOW + random.choice((-1.0, -1.0, -1.0, 100.0)),
        needs=((NOW - random.choice((0.1, 0.98)) * window, float(random.randint(0, 10))),),
    )


def wild_state(random: Random, settled_state: State) -> State:
    """The settled state with its clocks and counters shaken."""
    memories = {name: wild_memory(random, window_of(actuator, AUTO)) for actuator, name in FIELD.items()}
    return evolve(
        settled_state,
        fresh_since=random.choice((None, NOW - 10.0, NOW - 5000.0, NOW - 5000.0)),
        last_offered=random.choice((None, 400.0)),
        surge_ticks=random.randint(0, 3),
        full_ticks=random.choice((0, 0, 1, 3)),
        estimates=replace(
            settled_state.estimates,
            app_leads=random.choice(((), (5.0,), (40.0,))),
            replica_leads=random.choice(((), (60.0,), (900.0,))),
        ),
        bottleneck=random.choice(("Healthy", "Healthy", "Pool", "DatabaseReads", "Stale", "AppCpu", "Unknown")),
        **memories,
    )


def wild_snapshot(random: Random) -> Snapshot:
    """Any snapshot."""
    pause = Pause(down=NOW + 60.0) if random.random() < 0.05 else Pause()
    return Snapshot(wild_readings(random), wild_fleet(random), pause)


def targets(decision: Decision) -> dict[Actuator, int]:
    """What the decision wants in force."""
    return {each.actuator: each.desired for each in decision.actuators}
