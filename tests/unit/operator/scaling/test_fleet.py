"""Counts as `decide` gets them: pool sizes live when PgBouncer shows it, pods by what they really are."""

from typing import Any

import pytest

from ip2a_operator.domain.handover import POOL_BEFORE_ANNOTATION
from ip2a_operator.domain.observed import Observed, Ref
from ip2a_operator.domain.plan import make_stack
from ip2a_operator.domain.scaling.fleet import (
    FOREVER,
    complete,
    epoch,
    expected,
    fleet,
    leads,
    pause,
    pod_facts,
    seen_of,
    startable,
)
from ip2a_operator.domain.scaling.settings import scaler_spec
from tests.unit.operator.worlds import SURROUNDINGS, World, resource

POOLER = Ref("postgresql.cnpg.io/v1", "Pooler", "local46-pool-rw")
CLUSTER = Ref("postgresql.cnpg.io/v1", "Cluster", "local46-db")
DEPLOYMENT = Ref("apps/v1", "Deployment", "local46-app")
AT = epoch("2026-11-22T12:00:00Z")
STACK = make_stack(resource(), Observed(), SURROUNDINGS)


def world(**pods: dict[str, Any]) -> World:
    made = World()
    made.settle(resource())
    for name, pod in pods.items():
        made.objects[Ref("v1", "Pod", name)] = {"apiVersion": "v1", "kind": "Pod", **pod}
    return made


def pod(name: str, ready: str = "", made: str = "2026-11-22T11:00:00Z", **labels: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": ready}]
    meta = {"name": name, "creationTimestamp": made, "labels": labels, "uid": name}
    return {"metadata": meta, "status": {"phase": "Running", "conditions": conditions}}


def count(made: World, answers: dict[str, float] | None = None, now: float = AT) -> Any:
    return fleet(seen_of(made.observed(), STACK), STACK, answers or {}, now)


def test_a_settled_world() -> None:
    found = count(world())
    assert (found.app.desired, found.app.ready, found.app.total, found.app.updating) == (2, 2, 2, False)
    assert (found.rw.desired, found.rw.size, found.rw.live_size) == (1, 8, 8)
    assert (found.database.desired, found.database.ready, found.database.healthy) == (1, 1, True)
    assert complete(seen_of(world().observed(), STACK), STACK)
    assert not complete(seen_of(Observed(), STACK), STACK)


def test_a_pooler_that_is_not_there_has_nothing() -> None:
    made = world()
    del made.objects[POOLER]
    found = count(made)
    assert (found.rw.desired, found.rw.total, found.rw.size) == (0, 0, 0)
    assert not complete(seen_of(made.observed(), STACK), STACK)


SCRAPED = {"pool.at:rw": AT + 11, "pool.fresh:rw": 1.0, "pool.largest:rw": 4.0}


@pytest.mark.parametrize(
    ("before", "size", "answers", "live"),
    [
        (12, 8, {}, 12),  # no metrics: the old size counts
        (12, 8, SCRAPED, 8),
        (12, 8, {**SCRAPED, "pool.at:rw": AT + 9}, 12),  # not every pod was scraped since
        (12, 8, {**SCRAPED, "pool.largest:rw": 9.0}, 12),  # PgBouncer still holds more
        (4, 8, {}, 4),
        (4, 8, {**SCRAPED, "pool.at:rw": AT + 3}, 8),
        (4, 8, {**SCRAPED, "pool.at:rw": AT + 1}, 4),
        (8, 8, {}, 8),
    ],
)
def test_a_pool_size_is_live_when_pgbouncer_shows_it(
    before: int, size: int, answers: dict[str, float], live: int
) -> None:
    made = world()
    tree = made.objects[POOLER]
    tree["spec"]["pgbouncer"]["parameters"]["default_pool_size"] = str(size)
    tree["metadata"].setdefault("annotations", {})[POOL_BEFORE_ANNOTATION] = f"{before} 2026-11-22T12:00:00.000000Z"
    assert count(made, answers).rw.live_size == live


def test_a_pooler_pod_that_was_not_scraped_keeps_the_old_size() -> None:
    labels = {"cnpg.io/poolerName": "local46-pool-rw"}
    made = world(a=pod("a", **labels), b=pod("b", **labels))
    tree = made.objects[POOLER]
    tree["metadata"].setdefault("annotations", {})[POOL_BEFORE_ANNOTATION] = "12 2026-11-22T12:00:00.000000Z"
    assert count(made, SCRAPED).rw.live_size == 12
    assert count(made, {**SCRAPED, "pool.fresh:rw": 2.0}).rw.live_size == 8


def test_growing_the_deployment_is_no_rollout_and_a_new_template_is() -> None:
    made = world()
    status = made.objects[DEPLOYMENT]["status"]
    status |= {"replicas": 5, "updatedReplicas": 5, "readyReplicas": 2}
    assert not count(made).app.updating
    status |= {"replicas": 5, "updatedReplicas": 2}
    assert count(made).app.updating
    made.objects[DEPLOYMENT]["metadata"]["generation"] = 9  # the controller has not looked yet
    assert not count(made).app.updating


@pytest.mark.parametrize(
    ("status", "healthy"),
    [
        ({"phase": "Creating a new replica"}, True),
        ({"phase": "Failing over"}, False),
        ({"phase": "Switchover in progress"}, False),
        ({"targetPrimary": "local46-db-2"}, False),
        ({"currentPrimary": ""}, False),
    ],
)
def test_making_a_replica_is_no_failover(status: dict[str, str], healthy: bool) -> None:
    made = world()
    made.objects[CLUSTER]["status"] |= status
    assert count(made).database.healthy is healthy


def test_max_connections_are_the_smaller_of_what_is_asked_for_and_in_force() -> None:
    made = world()
    assert count(made).database.max_connections == STACK.ledger.max_connections
    assert count(made, {"maxConnections": 60.0}).database.max_connections == 60
    assert count(made, {"maxConnections": 6000.0}).database.max_connections == STACK.ledger.max_connections


def test_pods_that_are_finished_or_unschedulable() -> None:
    labels = {"app.kubernetes.io/component": "app"}
    done = pod_facts({**pod("x", **labels), "status": {"phase": "Succeeded"}})
    assert done.component == ""
    stuck = pod("y", **labels)
    stuck["status"]["conditions"].append({"type": "PodScheduled", "status": "False"})
    found = count(world(y=stuck))
    assert (found.app.total, found.app.unschedulable) == (2, 1)


def test_only_pods_ready_for_three_scrapes_are_expected_in_the_metrics() -> None:
    labels = {"app.kubernetes.io/component": "app"}
    made = world(a=pod("a", "2026-11-22T11:59:00Z", **labels), b=pod("b", "2026-11-22T11:59:50Z", **labels))
    seen = seen_of(made.observed(), STACK)
    assert expected(seen, STACK, scaler_spec(STACK), AT).app_pods == 1
    assert expected(seen, STACK, scaler_spec(STACK), AT + 10).app_pods == 2


def test_lead_times_are_those_of_what_became_ready_since() -> None:
    app = {"app.kubernetes.io/component": "app"}
    replica = {"cnpg.io/podRole": "instance", "cnpg.io/instanceRole": "replica"}
    made = world(
        a=pod("a", "2026-11-22T11:00:07Z", "2026-11-22T11:00:00Z", **app),
        d=pod("d", "2026-11-22T11:00:07Z", "2026-11-22T11:00:05Z", **replica),
        back=pod("back", "2026-11-22T11:00:07Z", "2026-11-22T10:56:00Z", **app),
        older=pod("older", "2026-11-22T11:00:07Z", "2026-11-22T10:59:30Z", **replica),
        restarted=pod("restarted", "2026-11-22T11:00:07Z", "2026-11-22T10:50:00Z", **replica),
    )
    seen, ready = seen_of(made.observed(), STACK), epoch("2026-11-22T11:00:07Z")
    assert leads(seen, ready - 1, ready - 30) == (("app", 7.0), ("replicas", 30.0))
    assert leads(seen, ready, ready - 30) == ()
    assert leads(seen, 0.0, ready - 30) == ()


@pytest.mark.parametrize(
    ("free", "limit", "pods"),
    [(None, 1.0, None), (1.9, 1.0, 1), (1.9, 0.15, 12), (0.9, 4.0, 0), (-0.2, 1.0, 0)],
)
def test_pods_that_can_start_at_one_time(free: float | None, limit: float, pods: int | None) -> None:
    assert startable(free, limit) == pods


def test_pauses_end_by_themselves_unless_they_have_no_time() -> None:
    found = pause({"ip2a.dev/pause-up": "2026-11-22T18:00:00Z", "ip2a.dev/pause-down": "yes"}, AT, paused=False)
    assert (found.all, found.up - AT, found.down) == (0.0, 6 * 3600.0, AT + FOREVER)
    assert pause({}, AT, paused=True).all == AT + FOREVER


def test_an_external_database_has_no_poolers_and_nothing_is_asked_of_it() -> None:
    external = {"host": "db", "secret": {"name": "login"}, "maxConnections": 60, "sslmode": "disable"}
    wanted = resource({"database": {"external": external}})
    stack = make_stack(wanted, Observed(), SURROUNDINGS)
    found = fleet(seen_of(Observed(), stack), stack, {}, AT)
    assert not found.database.managed
    assert found.database.max_connections == 60
    spec = scaler_spec(stack)
    assert str(spec.pool.mode) == "Off"
    assert str(spec.replicas.mode) == "Off"
