"""Every bottleneck is recognised from its own symptoms, and what it forbids is not done."""

from dataclasses import replace

import pytest

from ip2a_operator.domain.autoscaling.diagnosis import Bottleneck
from ip2a_operator.domain.autoscaling.snapshot import Snapshot
from ip2a_operator.domain.autoscaling.spec import Actuator
from tests.unit.operator.autoscaling.worlds import FLEET, run, settled, world

ROLLING = replace(FLEET, app=replace(FLEET.app, updating=True, total=5))
SICK = replace(FLEET, database=replace(FLEET.database, healthy=False))
ALONE = replace(FLEET, database=replace(FLEET.database, desired=0, ready=0))
TABLE = {
    "healthy": (world(), Bottleneck.HEALTHY),
    "no demand signal": (world(offered=None), Bottleneck.STALE),
    "old data": (world(age=60.0), Bottleneck.STALE),
    "zero while pods answer": (world(offered=0.0), Bottleneck.STALE),
    "requests without CPU": (world(appCpu=0.0), Bottleneck.STALE),
    "rolling update": (world(ROLLING), Bottleneck.ROLLOUT),
    "failover": (world(SICK), Bottleneck.FAILOVER),
    "locks": (world(lockWaiters=5.0, pgActive=12.0, rwBusy=12.0, rwWaiting=9.0), Bottleneck.DB_LOCK),
    "reads": (world(replicaCpu=0.95, replicaActive=8.0, roBusy=8.0, roWaiting=4.0), Bottleneck.DB_READ),
    "reads on a lone primary": (
        world(ALONE, primaryCpu=0.95, pgActive=16.0, roBusy=8.0, rwBusy=8.0),
        Bottleneck.DB_READ,
    ),
    "writes": (world(primaryCpu=0.95, pgActive=16.0, rwBusy=12.0, rwWaiting=5.0), Bottleneck.DB_WRITE),
    "full pods hold transactions": (
        world(rwBusy=12.0, rwWaiting=9.0, primaryCpu=0.1, idleInTransaction=10.0, appCpu=3.96),
        Bottleneck.APP_CPU,
    ),
    "full pods hold a full pool": (
        world(rwBusy=11.0, rwWaiting=3.0, rwRate=1500.0, primaryCpu=0.1, idleInTransaction=9.0, appCpu=3.96),
        Bottleneck.APP_CPU,
    ),
    "pods that just came hide how full the others are": (
        world(
            replace(FLEET, app=replace(FLEET.app, youngest_ready_age=5.0)),
            rwBusy=6.6,
            rwWaiting=0.75,
            idleInTransaction=5.8,
            appCpu=1.9,
            queueP95=0.1,
        ),
        Bottleneck.HEALTHY,
    ),
    "slow plan, idle CPU": (world(rwBusy=12.0, rwWaiting=9.0, primaryCpu=0.3), Bottleneck.DB_WRITE),
    "readers wait": (world(replicaCpu=0.75, roWaiting=2.0), Bottleneck.DB_READ),
    "idle transactions": (
        world(idleInTransaction=8.0, rwWaiting=2.0, rwBusy=6.0, appCpu=1.0, lockWaiters=0.0),
        Bottleneck.DB_LOCK,
    ),
    "lag": (world(lag=20.0), Bottleneck.LAG),
    "lag of an idle primary": (world(lag=20.0, walRate=0.0), Bottleneck.HEALTHY),
    "pool": (world(rwWaiting=6.0, rwBusy=1.0), Bottleneck.POOL),
    "pods' own pools": (world(checkoutWait=0.2, checkoutUse=1.0), Bottleneck.APP_POOL),
    "cold cache": (world(cacheHit=0.3), Bottleneck.CACHE),
    "CPU": (world(appCpu=3.9), Bottleneck.APP_CPU),
    "queueing": (world(queueP95=0.2), Bottleneck.APP_CPU),
    "the latency of a moment ago": (
        world(replace(FLEET, app=replace(FLEET.app, youngest_ready_age=5.0)), p95=2.0),
        Bottleneck.HEALTHY,
    ),
    "unexplained": (world(p95=2.0), Bottleneck.UNKNOWN),
}


@pytest.mark.parametrize(("snapshot", "expected"), TABLE.values(), ids=TABLE.keys())
def test_symptoms_name_their_bottleneck(snapshot: Snapshot, expected: Bottleneck) -> None:
    decision = run(snapshot, settled())
    assert decision.diagnosis.state is expected
    assert bool(decision.diagnosis.evidence) is (expected is not Bottleneck.HEALTHY)


@pytest.mark.parametrize("name", ["locks", "reads", "writes", "slow plan, idle CPU", "pool"])
def test_no_pods_are_added_for_a_full_database_or_pool(name: str) -> None:
    snapshot, _ = TABLE[name]
    crowded = {**snapshot.readings, **world(offered=2000.0, offeredFast=2000.0).readings}
    for key in (
        "rwBusy",
        "rwWaiting",
        "pgActive",
        "lockWaiters",
        "primaryCpu",
        "replicaCpu",
        "replicaActive",
    ):
        crowded[key] = snapshot.readings[key]  # type: ignore[index]  # a StrEnum's text is its key
    for key in ("roBusy", "roWaiting"):
        crowded[key] = snapshot.readings[key]  # type: ignore[index]  # a StrEnum's text is its key
    decision = run(replace(snapshot, readings=crowded), settled())
    app = decision.of(Actuator.APP)
    assert app.need > app.current
    assert app.desired == app.current


def test_starved_pool_is_raised() -> None:
    pool = run(world(rwWaiting=6.0, rwBusy=11.5, rwRate=700.0), settled()).of(Actuator.POOL_RW)
    assert pool.desired > pool.current


def test_saturated_reads_raise_replicas() -> None:
    full = world(replicaCpu=0.95, replicaActive=8.0, roBusy=8.0, roWaiting=4.0)
    assert run(full, settled(), ticks=2).of(Actuator.REPLICAS).desired == 1  # a moment proves nothing
    replicas = run(full, settled(), ticks=9).of(Actuator.REPLICAS)
    assert replicas.desired > replicas.current


def test_one_odd_tick_does_not_change_the_verdict() -> None:
    state = settled()
    assert run(world(p95=2.0), state, ticks=1).diagnosis.state is Bottleneck.HEALTHY
    assert run(world(p95=2.0), state, ticks=2).diagnosis.state is Bottleneck.UNKNOWN


def test_a_full_node_is_named_beside_what_nothing_explains() -> None:
    fleet = replace(FLEET, app=replace(FLEET.app, startable=0))
    found = run(world(fleet, p95=2.0), settled(), ticks=2).diagnosis
    assert found.state is Bottleneck.UNKNOWN
    assert "no CPU to spare" in found.evidence[1]


def test_latency_alone_never_multiplies_pods() -> None:
    """An unexplained p95 of ten seconds adds one pod, as an experiment."""
    app = run(world(p95=10.0), settled(), ticks=4).of(Actuator.APP)
    assert app.desired == app.current + 1
