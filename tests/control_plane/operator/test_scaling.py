"""The autoscaler against a real API server: hand-over, field managers, rivals, writes, crashes.

Prometheus is scripted (scripted_prometheus.py).
"""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.control_plane import ControlPlane
from tests.control_plane.operator.controllers import HealthWriter
from tests.control_plane.operator.kube import Json, Kube, condition, eventually
from tests.control_plane.operator.process import OperatorProcess
from tests.control_plane.operator.scripted_prometheus import ScriptedPrometheus
from tests.control_plane.operator.test_lifecycle import NAME, make, reasons

pytestmark = pytest.mark.control_plane

QUICK = {"IP2A_OPERATOR_TICK_SECONDS": "0.5"}
"""A tick is five seconds; what is tested here does not depend on it."""
ANNOTATION = "ip2a.dev/autoscaled"
HPAS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"


@pytest.fixture
def prometheus(namespace: str) -> Iterator[ScriptedPrometheus]:
    with ScriptedPrometheus([(namespace, NAME)]) as server:
        yield server


@pytest.fixture
def scaling(
    plane: ControlPlane, namespace: str, health: HealthWriter, prometheus: ScriptedPrometheus, tmp_path: Path
) -> Iterator[OperatorProcess]:
    log = tmp_path / "operator.log"
    settings = {"IP2A_OPERATOR_PROMETHEUS_URL": prometheus.url, "IP2A_OPERATOR_DECISIONS": "all", **QUICK}
    with OperatorProcess(plane.kubeconfig, namespace, log, settings=settings) as process:
        yield process
        assert "Traceback" not in process.log(), process.log()[-4000:]


def auto(kube: Kube, namespace: str, **autoscaling: Any) -> None:
    make(kube, namespace, autoscaling={"mode": "Auto", "app": {"min": 2, "max": 8}, **autoscaling})


def wait_mode(kube: Kube, namespace: str, mode: str) -> None:
    eventually(f"status says {mode}", lambda: status(kube, namespace).get("mode") == mode)


def status(kube: Kube, namespace: str) -> Json:
    found: Json = (kube.get("IP2A", namespace, NAME) or {}).get("status", {}).get("autoscaling", {})
    return found


def owners(kube: Kube, namespace: str, kind: str, name: str, field: str) -> set[str]:
    """Managers of a field of the spec, by the last part of its path."""
    found = kube.get(kind, namespace, name) or {}
    entries = found.get("metadata", {}).get("managedFields", [])
    return {entry["manager"] for entry in entries if f'"f:{field}"' in json.dumps(entry["fieldsV1"].get("f:spec", {}))}


def record(kube: Kube, namespace: str, kind: str, name: str) -> str:
    found = kube.get(kind, namespace, name) or {}
    value: str = found.get("metadata", {}).get("annotations", {}).get(ANNOTATION, "")
    return value


def replicas(kube: Kube, namespace: str) -> int:
    found: int = (kube.get("Deployment", namespace, f"{NAME}-app") or {})["spec"]["replicas"]
    return found


def pool(kube: Kube, namespace: str, side: str = "rw") -> Json:
    found: Json = (kube.get("Pooler", namespace, f"{NAME}-pool-{side}") or {})["spec"]["pgbouncer"]["parameters"]
    return found


def taken(kube: Kube, namespace: str) -> bool:
    kinds = (("Deployment", "app"), ("Pooler", "pool-rw"), ("Pooler", "pool-ro"), ("Cluster", "db"))
    records = all(record(kube, namespace, kind, f"{NAME}-{name}").startswith("auto") for kind, name in kinds)
    return records and owners(kube, namespace, "Deployment", f"{NAME}-app", "replicas") == {"ip2a-autoscaler"}


def test_fields_go_to_the_autoscaler_and_back_and_what_runs_stays(
    kube: Kube, namespace: str, scaling: OperatorProcess, prometheus: ScriptedPrometheus
) -> None:
    make(kube, namespace)
    wait_mode(kube, namespace, "Recommend")
    assert owners(kube, namespace, "Deployment", f"{NAME}-app", "replicas") == {"ip2a-operator"}
    auto(kube, namespace)
    eventually("all fields taken", partial(taken, kube, namespace))
    assert replicas(kube, namespace) == 2
    for kind, name, field in (
        ("Pooler", "pool-rw", "default_pool_size"),
        ("Pooler", "pool-rw", "max_db_connections"),
        ("Pooler", "pool-ro", "instances"),
        ("Cluster", "db", "instances"),
    ):
        managers = owners(kube, namespace, kind, f"{NAME}-{name}", field)
        assert managers == {"ip2a-autoscaler"}, (kind, field)
    # demand for 5 pods or more
    prometheus.signals |= {"offered": 600.0, "offeredFast": 600.0, "served": 600.0, "answered": 600.0, "appCpu": 3.6}
    eventually("pods are added", lambda: replicas(kube, namespace) >= 5, seconds=60)
    grown = replicas(kube, namespace)
    make(kube, namespace, autoscaling={"mode": "Recommend"})
    wait_mode(kube, namespace, "Recommend")
    held = lambda: record(kube, namespace, "Deployment", f"{NAME}-app").startswith("held")  # noqa: E731
    eventually("given back", held)
    assert replicas(kube, namespace) == grown
    assert owners(kube, namespace, "Deployment", f"{NAME}-app", "replicas") == {"ip2a-operator"}
    make(kube, namespace, autoscaling={"mode": "Off"})
    eventually("sizes of the spec", lambda: replicas(kube, namespace) == 2)
    eventually("nothing of it is left", lambda: not status(kube, namespace))
    assert condition(kube.get("IP2A", namespace, NAME), "ScalingActive") == {}


def test_status_is_small_and_written_only_when_something_is_decided(
    kube: Kube, namespace: str, scaling: OperatorProcess, prometheus: ScriptedPrometheus
) -> None:
    auto(kube, namespace)
    eventually("all fields taken", partial(taken, kube, namespace))
    eventually("metrics are believed", lambda: status(kube, namespace).get("bottleneck") == "Healthy", seconds=60)
    stable_for(kube, namespace, 3)
    before, asked = version(kube, namespace), prometheus.questions
    mutations = scaling.mutations()
    for step in range(4):
        prometheus.signals["offered"] = 20.0 + step / 10  # numbers move, nothing is decided anew
        eventually("another tick", lambda goal=asked + step + 1: prometheus.questions >= goal)  # type: ignore[misc]
    assert version(kube, namespace) == before
    assert scaling.mutations() == mutations
    document = status(kube, namespace)
    assert len(json.dumps(document, separators=(",", ":"))) < 4096
    assert document["current"] == document["desired"]
    names = {
        "ScalingActive": "True", "MetricsFresh": "True", "ScalingBlocked": "False", "Recommending": "False",
        "ForecastTrusted": "False", "Conflict": "False",
    }  # fmt: skip
    resource = kube.get("IP2A", namespace, NAME)
    assert {name: condition(resource, name).get("status") for name in names} == names
    assert scaling.metric("ip2a_autoscaler_size", actuator="app", what="current") == 2
    assert scaling.metric("ip2a_autoscaler_bottleneck", state="Healthy") == 1
    prometheus.signals |= {"cache.hits": 12.0, "cache.misses": 6.0}
    eventually("the trigger", lambda: scaling.metric("ip2a_autoscaler_trigger", trigger="cache-critical") == 1)
    eventually("an event", lambda: "TriggerFired" in reasons(kube, namespace))


def test_plan_says_what_the_autoscaler_would_do_with_the_file(
    plane: ControlPlane, kube: Kube, namespace: str, scaling: OperatorProcess, prometheus: ScriptedPrometheus
) -> None:
    manifest = make(kube, namespace)  # in mode Recommend nothing moves meanwhile
    eventually("metrics are believed", lambda: status(kube, namespace).get("bottleneck") == "Healthy", seconds=60)
    manifest["spec"] |= {"autoscaling": {"mode": "Auto", "app": {"max": 8}}}

    def planned(*arguments: str) -> str:
        command = [sys.executable, "-m", "ip2a_operator.cli", "plan", "/dev/stdin", *arguments]
        environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig)}
        done = subprocess.run(
            command,
            env=environment,
            input=yaml.safe_dump(manifest),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    prometheus.signals |= {"offered": 600.0, "offeredFast": 600.0, "served": 600.0, "answered": 600.0, "appCpu": 3.6}
    eventually("pods would be added", lambda: re.search(r"app pods: goes from 2 to [5-8]\b", planned()), seconds=60)
    assert json.loads(planned("-o", "json"))["autoscaler"]["actuators"]
    prometheus.down = True
    assert "autoscaler: not asked: there are no metrics" in planned()


def version(kube: Kube, namespace: str) -> str:
    found: str = (kube.get("IP2A", namespace, NAME) or {})["metadata"]["resourceVersion"]
    return found


def stable_for(kube: Kube, namespace: str, checks: int) -> None:
    """Until the resource was not written for that many looks, each longer than a tick apart."""
    known, same = version(kube, namespace), 0
    deadline = time.monotonic() + 120
    while same < checks:
        assert time.monotonic() < deadline, "the status never comes to rest"
        time.sleep(1.5)
        now = version(kube, namespace)
        known, same = now, same + 1 if now == known else 0


def test_a_rival_is_named_and_left_alone(
    kube: Kube, namespace: str, scaling: OperatorProcess, prometheus: ScriptedPrometheus
) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{NAME}-app"}
    hpa = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "rival", "namespace": namespace},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3},
    }
    assert kube.request("POST", HPAS.format(namespace), json=hpa).status_code == 201
    auto(kube, namespace)
    prometheus.signals |= {"offered": 600.0, "offeredFast": 600.0, "served": 600.0, "answered": 600.0, "appCpu": 3.6}

    def named() -> bool:
        found = condition(kube.get("IP2A", namespace, NAME), "Conflict")
        return (found.get("status"), found.get("message")) == ("True", "HorizontalPodAutoscaler/rival")

    eventually("the rival is named", named, seconds=60)
    asked = prometheus.questions
    eventually("ten ticks", lambda: prometheus.questions >= asked + 4)
    assert replicas(kube, namespace) == 2
    assert record(kube, namespace, "Deployment", f"{NAME}-app") == ""
    kube.request("DELETE", f"{HPAS.format(namespace)}/rival")
    eventually("taken over once it is gone", partial(taken, kube, namespace), seconds=60)
    eventually("and scaled", lambda: replicas(kube, namespace) > 2, seconds=90)


def test_nothing_shrinks_in_the_dark(
    kube: Kube, namespace: str, scaling: OperatorProcess, prometheus: ScriptedPrometheus
) -> None:
    auto(kube, namespace, drainWindowSeconds=30)
    eventually("all fields taken", partial(taken, kube, namespace))
    kube.merge("Deployment", namespace, f"{NAME}-app", {"spec": {"replicas": 6}}, manager="somebody")
    prometheus.down = True
    eventually("doubt", lambda: status(kube, namespace).get("bottleneck") == "Stale", seconds=60)
    asked = prometheus.questions
    eventually("more ticks", lambda: prometheus.questions >= asked + 3)
    assert replicas(kube, namespace) == 6
    message = condition(kube.get("IP2A", namespace, NAME), "MetricsFresh")
    assert message["status"] == "False"
    assert "offered" in message["message"]
    prometheus.down, prometheus.age = False, 60.0  # it serves what it remembers
    asked = prometheus.questions
    eventually("more ticks", lambda: prometheus.questions >= asked + 3)
    assert replicas(kube, namespace) == 6
    assert scaling.metric("ip2a_autoscaler_failures_total", what="prometheus") > 0


def test_killed_at_each_step_of_a_pool_move_the_worst_case_holds(  # noqa: PLR0917  # fixtures
    plane: ControlPlane,
    kube: Kube,
    namespace: str,
    health: HealthWriter,
    prometheus: ScriptedPrometheus,
    tmp_path: Path,
) -> None:
    """The operator is killed right after each change it makes; the ledger's worst case is counted after every one."""
    settings = {"IP2A_OPERATOR_PROMETHEUS_URL": prometheus.url, **QUICK}
    process = OperatorProcess(plane.kubeconfig, namespace, tmp_path / "operator.log", settings=settings)
    with process:
        size = {"resources": {"limits": {"cpu": "8"}}, "parameters": {"max_connections": "400"}}
        make(kube, namespace, database=size, autoscaling={"mode": "Auto", "pool": {"min": 2, "max": 40}})
        eventually("all fields taken", partial(taken, kube, namespace))
        starved = {"pool.busy": 7.9, "pool.queue": 6.0, "pool.wait": 6.0, "pool.rate": 2000.0, "pool.largest": 8.0}
        prometheus.write |= starved
        prometheus.read["pool.largest"] = 8.0
        moves, last, deadline = 0, sizes(kube, namespace), time.monotonic() + 150
        while moves < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            now = sizes(kube, namespace)
            assert worst(kube, namespace) <= budget(kube, namespace)
            if now != last:
                changed = [name for name in now if now[name] != last[name]]
                assert len(changed) == 1, "one growing change of connections at a time"
                last, moves = now, moves + 1
                process.kill()
                process.start()
                prometheus.write["pool.largest"] = float(now["rw"])
                prometheus.read["pool.largest"] = float(now["ro"])
        assert moves == 3, last
    assert "Traceback" not in process.log()


def test_killed_anywhere_in_a_hand_over_no_field_is_ever_without_an_owner(  # noqa: PLR0917  # fixtures
    plane: ControlPlane,
    kube: Kube,
    namespace: str,
    health: HealthWriter,
    prometheus: ScriptedPrometheus,
    tmp_path: Path,
) -> None:
    """Taken and given back with a kill in between each time; a field without an owner would fall to its default."""
    moments = random.Random(46)
    settings = {"IP2A_OPERATOR_PROMETHEUS_URL": prometheus.url, **QUICK}
    process = OperatorProcess(plane.kubeconfig, namespace, tmp_path / "operator.log", settings=settings)
    with process:
        auto(kube, namespace)
        eventually("all fields taken", partial(taken, kube, namespace))
        kube.merge("Deployment", namespace, f"{NAME}-app", {"spec": {"replicas": 5}}, manager="somebody")
        before = {"app": 5, **sizes(kube, namespace)}
        for mode in ("Recommend", "Auto") * 3:
            make(kube, namespace, autoscaling={"mode": mode, "app": {"min": 2, "max": 8}})
            until = time.monotonic() + moments.uniform(0.3, 3.0)
            while time.monotonic() < until:
                found = {"app": replicas(kube, namespace), **sizes(kube, namespace)}
                assert found["app"] == 5, mode
                assert all(found[side] >= before[side] for side in ("rw", "ro")), mode
            process.kill()
            process.start()
        eventually("all fields taken in the end", partial(taken_but_for_somebody, kube, namespace))
        assert replicas(kube, namespace) == 5
    assert "Traceback" not in process.log()


def taken_but_for_somebody(kube: Kube, namespace: str) -> bool:
    managers = owners(kube, namespace, "Deployment", f"{NAME}-app", "replicas")
    return managers - {"somebody"} == {"ip2a-autoscaler"}


def sizes(kube: Kube, namespace: str) -> dict[str, int]:
    return {side: int(pool(kube, namespace, side)["default_pool_size"]) for side in ("rw", "ro")}


def budget(kube: Kube, namespace: str) -> int:
    cluster = kube.get("Cluster", namespace, f"{NAME}-db") or {}
    return int(cluster["spec"]["postgresql"]["parameters"]["max_connections"]) - 3 - 17


def worst(kube: Kube, namespace: str) -> int:
    """Connections that PgBouncer may open now: what it is limited to, the size before the latest change included."""
    total = 2  # the migration
    for side in ("rw", "ro"):
        found = kube.get("Pooler", namespace, f"{NAME}-pool-{side}") or {}
        parameters = found["spec"]["pgbouncer"]["parameters"]
        before = found["metadata"].get("annotations", {}).get("ip2a.dev/pool-before", "0 ").split()[0]
        largest = max(int(parameters["max_db_connections"]), int(before) + int(parameters["reserve_pool_size"]))
        total += found["spec"]["instances"] * (largest + 2)
    return total


def test_without_a_prometheus_auto_says_what_is_missing(
    kube: Kube, namespace: str, operator: OperatorProcess, health: HealthWriter
) -> None:
    auto(kube, namespace)

    def told() -> bool:
        found = condition(kube.get("IP2A", namespace, NAME), "ScalingActive")
        return found.get("reason") == "NoPrometheus" and "prometheusUrl" in found["message"]

    eventually("it is said", told)
    assert record(kube, namespace, "Deployment", f"{NAME}-app") == ""


def test_every_decision_in_the_log_is_decided_again_alike(
    kube: Kube, namespace: str, scaling: OperatorProcess, prometheus: ScriptedPrometheus
) -> None:
    from click.testing import CliRunner  # noqa: PLC0415

    from ip2a_operator.cli.commands import ip2a  # noqa: PLC0415

    def replayed() -> str:
        run = CliRunner().invoke(ip2a, ["replay", "-"], input=scaling.log())
        assert run.exit_code == 0, run.output
        return run.output if int(run.output.split()[0]) >= 4 else ""

    auto(kube, namespace)
    eventually("some questions", lambda: prometheus.questions >= 4, seconds=60)
    assert eventually("four decisions", replayed, seconds=60).endswith(" decisions, 0 different\n")
