"""The autoscaler on a real cluster in mode Auto: the right thing grows, nothing shrinks in the dark, nobody notices."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

from devcluster import quickstart
from tests.control_plane.operator.scripted_prometheus import HEALTHY, POOLS, ScriptedPrometheus
from tests.e2e import scaled
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes

pytestmark = [pytest.mark.timeout(900), pytest.mark.full]

DEPLOYMENT = f"{RESOURCE}-app"
BRIDGE = "10.244.0.1"
"""The host, as pods reach it."""
GOING = 480
"""Seconds of requests under which a replica goes: it stays for twice the time that it took to come, two to three
minutes here because PostgreSQL restarts for its connections."""
PROMETHEUS = ("-n", "monitoring", "deployment", "prometheus")


@pytest.fixture(scope="module", autouse=True)
def _auto(kubernetes: Kubernetes) -> Iterator[None]:
    with scaled.auto(kubernetes):
        yield


def test_taking_over_changes_nothing_and_is_shown(kubernetes: Kubernetes) -> None:
    found = kubernetes.get("-n", NAMESPACE, "deployment", DEPLOYMENT, "--show-managed-fields")
    owners = {
        entry["manager"]
        for entry in found["metadata"]["managedFields"]
        if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
    }
    assert owners == {"ip2a-autoscaler"}
    header, row = kubernetes.run("-n", NAMESPACE, "get", "ip2a", RESOURCE, "-o", "wide").splitlines()
    assert {"CURRENT", "DESIRED", "BOTTLENECK"} <= set(header.split())
    assert re.search(r"app 2, replicas 1", row)
    assert scaled.condition(kubernetes, "ScalingActive")["status"] == "True"


def test_six_times_the_load_in_an_instant(kubernetes: Kubernetes) -> None:
    step = 15
    with scaled.watching(kubernetes, "step") as seen, scaled.load("step", f"0:60,{step}:360", 105) as rows:
        pass
    assert max(seen.series("app")) > 2
    assert scaled.restored_after(rows, step) <= 60
    assert sum(row["failed"] for row in rows) == 0
    assert max(seen.series("instances")) == 2


@pytest.mark.full
def test_the_load_goes_and_so_do_the_pods_without_a_failed_request(kubernetes: Kubernetes) -> None:
    with scaled.watching(kubernetes, "drain") as seen, scaled.load("drain", "0:30", 330) as rows:
        kubernetes.eventually(
            lambda: scaled.sizes(kubernetes)["app"] == scaled.POD_MIN, within=320, what="back at the minimum"
        )
    apps = seen.series("app")
    assert apps == sorted(apps, reverse=True), "it never grows again"
    assert sum(row["failed"] for row in rows) == 0


def test_a_pool_too_small_is_raised_and_pods_are_not(kubernetes: Kubernetes) -> None:
    """Members who write wait for a connection, because the pool was made one; they soon wait no longer."""
    pooler, before = f"{RESOURCE}-pool-rw", scaled.sizes(kubernetes)
    small = {"spec": {"pgbouncer": {"parameters": {"default_pool_size": "1", "max_db_connections": "3"}}}}
    with (
        scaled.watching(kubernetes, "pool") as seen,
        scaled.writing(kubernetes, "pool") as writes,
        scaled.pgbench(kubernetes, "select pg_sleep(0.03);", 30, 75, through=pooler),
    ):
        time.sleep(20)  # how long transactions take while nothing is wrong has to be known
        began = time.time()
        kubernetes.run("-n", NAMESPACE, "patch", "pooler", pooler, "--type=merge", "-p", json.dumps(small))
        kubernetes.eventually(lambda: scaled.sizes(kubernetes)["rw"] >= 5, within=30, what="the pool is raised")
        time.sleep(25)
    bad = [at for at, seconds, status in writes if at >= began and (seconds > 0.5 or status >= 500)]
    assert sum(at - began > 30 for at in bad) <= 0.01 * len(writes), "since then writes were within the objective"
    assert max(seen.series("app")) <= before["app"]
    assert max(seen.series("connections")) <= scaled.budget(kubernetes)


@pytest.mark.full
def test_an_empty_cache_costs_neither_requests_nor_replicas(kubernetes: Kubernetes) -> None:
    """Flushed again and again for half a minute: every read goes to a replica, and nothing is given up for it."""
    logins = scaled.logins(kubernetes)
    with (
        scaled.watching(kubernetes, "cache") as seen,
        scaled.load("cache", "0:60", 110, "--tokens", str(logins), "--path", "/api/v1/my/profile") as rows,
    ):
        time.sleep(60)
        before, first = scaled.sizes(kubernetes), len(seen.rows)
        began = time.monotonic()
        while time.monotonic() - began < 40:
            kubernetes.run("-n", NAMESPACE, "exec", f"{RESOURCE}-redis-0", "-c", "redis", "--", "redis-cli", "flushall")
            time.sleep(0.5)
    assert sum(row["failed"] for row in rows) == 0
    assert min(seen.series("instances")) >= before["instances"]
    assert max(seen.series("app")[first:]) <= before["app"]


@pytest.mark.full
def test_locks_freeze_it_and_an_event_says_so(kubernetes: Kubernetes) -> None:
    kubernetes.eventually(  # load that ended a moment ago is doubted for a minute
        lambda: scaled.condition(kubernetes, "MetricsFresh").get("status") == "True", within=90, what="belief"
    )
    before = scaled.sizes(kubernetes)
    change = "update members set phone = phone where id = (select min(id) from members)"
    script = f"set statement_timeout = 0;\nbegin;\n{change};\nselect pg_sleep(1);\nend;\n"
    with scaled.watching(kubernetes, "lock") as seen, scaled.pgbench(kubernetes, script, 6, 40):
        kubernetes.eventually(
            lambda: scaled.scaling(kubernetes)["bottleneck"] == "DatabaseLock", within=30, what="the lock is named"
        )
    assert any("wait for a lock" in note for note in scaled.events(kubernetes, "BottleneckChanged"))
    assert max(seen.series("app")) <= before["app"]
    assert max(seen.series("rw")) <= before["rw"]


@pytest.mark.full
def test_another_scaler_stops_it(kubernetes: Kubernetes) -> None:
    kubernetes.run("-n", NAMESPACE, "autoscale", "deployment", DEPLOYMENT, "--min=2", "--max=3", "--cpu=90%")
    try:
        kubernetes.eventually(
            lambda: scaled.condition(kubernetes, "Conflict").get("status") == "True",
            within=40,
            what="the rival is seen",
        )
        assert scaled.condition(kubernetes, "Conflict")["message"] == f"HorizontalPodAutoscaler/{DEPLOYMENT}"
        assert scaled.condition(kubernetes, "ScalingActive")["status"] == "False"
    finally:
        kubernetes.run("-n", NAMESPACE, "delete", "hpa", DEPLOYMENT)
    kubernetes.eventually(
        lambda: scaled.condition(kubernetes, "Conflict").get("status") == "False", within=40, what="the rival is gone"
    )


@pytest.mark.full
def test_nothing_shrinks_on_lies(kubernetes: Kubernetes) -> None:
    """A Prometheus whose every value is zero, while load that was there goes on."""
    with scaled.load("lies", "0:80", 75):
        time.sleep(15)
        before = scaled.sizes(kubernetes)
        with liar() as server, scaled.watching(kubernetes, "lies") as seen:
            scaled.patch(kubernetes, {"monitoring": {"prometheusUrl": server.url}})
            kubernetes.eventually(
                lambda: scaled.condition(kubernetes, "MetricsFresh").get("status") == "False", within=30, what="doubt"
            )
            time.sleep(25)
        scaled.patch(kubernetes, {"monitoring": {"prometheusUrl": None}})
    for name in ("app", "rw", "ro", "instances"):
        assert min(seen.series(name)) >= before[name]


@pytest.mark.full
def test_three_minutes_without_prometheus_under_load(kubernetes: Kubernetes) -> None:
    with scaled.load("dark", "0:300", 300) as rows, scaled.watching(kubernetes, "dark") as seen:
        kubernetes.eventually(
            lambda: (now := scaled.sizes(kubernetes))["app"] == now["ready"] > 2, within=90, what="it has grown"
        )
        time.sleep(15)
        before = scaled.sizes(kubernetes)
        kubernetes.run("-n", "monitoring", "scale", "deployment", "prometheus", "--replicas=0")
        began, since = len(seen.rows), time.time()
        time.sleep(180)
        kubernetes.run("-n", "monitoring", "scale", "deployment", "prometheus", "--replicas=1")
    dark = seen.rows[began:]
    for name in ("app", "rw", "ro", "instances"):
        assert min(row[name] for row in dark) >= before[name]
    assert sum(row["failed"] for row in rows if row["at"] >= since) == 0  # until it had grown, pods may have been full


@pytest.mark.full
def test_killed_at_any_moment_of_a_pool_move_the_budget_holds(kubernetes: Kubernetes) -> None:
    """The operator dies again and again while the pool moves and clients press; connections are counted."""
    pooler = f"{RESOURCE}-pool-rw"
    with (
        scaled.watching(kubernetes, "killed") as seen,
        scaled.pgbench(kubernetes, "select pg_sleep(0.004);", 12, 70, through=pooler),
    ):
        for size in (1, 3, 2):
            small = {"spec": {"pgbouncer": {"parameters": {"default_pool_size": str(size)}}}}
            kubernetes.run("-n", NAMESPACE, "patch", "pooler", pooler, "--type=merge", "-p", json.dumps(small))
            time.sleep(6 + size)
            _kill_the_operator(kubernetes)
            time.sleep(10)
    assert max(seen.series("connections")) <= scaled.budget(kubernetes)
    kubernetes.eventually(lambda: scaled.sizes(kubernetes)["rw"] >= 2, within=120, what="it goes on where it was")


@pytest.mark.full
def test_killed_at_any_moment_of_a_replica_move_the_budget_holds(kubernetes: Kubernetes) -> None:
    """It comes under clients that press, and goes under steady requests; the operator dies before, in and after each.

    It stays for twice the time that replicas take to come, and never goes under a pressed primary.
    """
    before = scaled.sizes(kubernetes)["instances"]
    wanted = before + 1
    with scaled.watching(kubernetes, "killed-replica") as seen:
        with scaled.pgbench(kubernetes, "select pg_sleep(0.004);", 12, 240, through=f"{RESOURCE}-pool-rw"):
            _move(kubernetes, {"min": wanted}, wanted, asked=120, done=220)
        with scaled.load("killed-replica", "0:40", GOING):
            _move(kubernetes, {"min": before, "max": before, "scaleDownAfterMinutes": 1}, before, asked=GOING, done=60)
    assert max(seen.series("instances")) == wanted
    assert max(seen.series("connections")) <= scaled.budget(kubernetes)
    scaled.patch(kubernetes, {"autoscaling": {"database": None}})


def _move(kubernetes: Kubernetes, limits: dict[str, int], instances: int, *, asked: float, done: float) -> None:
    """Other limits of the database's servers, and the operator killed around what it makes of them."""
    scaled.patch(kubernetes, {"autoscaling": {"database": limits}})
    time.sleep(1)
    _kill_the_operator(kubernetes)
    kubernetes.eventually(
        lambda: scaled.sizes(kubernetes)["instances"] == instances,
        within=asked,
        what=f"{instances} instances are asked for",
    )
    _kill_the_operator(kubernetes)
    kubernetes.eventually(lambda: _instances(kubernetes) == instances, within=done, what=f"{instances} instances")
    _kill_the_operator(kubernetes)


def _kill_the_operator(kubernetes: Kubernetes) -> None:
    """Both of its pods at once, without a word."""
    kubernetes.run(
        "-n", quickstart.OPERATOR_NAMESPACE, "delete", "pods", "-l", "app.kubernetes.io/instance=ip2a-operator",
        "--grace-period=0", "--force",
    )  # fmt: skip


def _instances(kubernetes: Kubernetes) -> int:
    """PostgreSQL servers that answer."""
    return int(kubernetes.get("-n", NAMESPACE, "cluster", f"{RESOURCE}-db")["status"].get("readyInstances", 0))


def liar() -> ScriptedPrometheus:
    """A Prometheus, by its looks, whose every signal is a fresh zero. On the host, reached over the bridge."""
    counts = {"app.fresh": 99.0, "replica.count": 1.0}
    pools = {**dict.fromkeys(POOLS, 0.0), "pool.fresh": 99.0}
    signals = {**dict.fromkeys(HEALTHY, 0.0), **counts}
    return ScriptedPrometheus([(NAMESPACE, RESOURCE)], signals, dict(pools), dict(pools), host=BRIDGE)
