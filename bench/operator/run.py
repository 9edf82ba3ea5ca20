"""One measurement with so many resources: converge, rest, edit, restart, and the bare loop to compare with."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.aio import config

from bench.operator.readiness import ReadyWatch
from bench.operator.writer import StatusWriter
from devcluster.control_plane import ControlPlane, control_plane
from ip2a_operator.adapters.kube import KubeCluster, api_client
from ip2a_operator.api.kinds import RESOURCE
from ip2a_operator.cli.connection import SILENT
from ip2a_operator.domain.background import PLATFORM_JOBS
from ip2a_operator.domain.builders.secrets import secrets
from ip2a_operator.domain.desired import desired
from ip2a_operator.domain.drift import stamp
from ip2a_operator.domain.observed import Observed
from ip2a_operator.domain.plan import Surroundings, make_stack
from ip2a_operator.domain.tree import Manifest
from tests.control_plane.operator.definitions import install_definitions
from tests.control_plane.operator.kube import Kube, eventually
from tests.control_plane.operator.process import OperatorProcess
from tests.unit.operator.worlds import IMAGES, resource_from, sample

REST_SECONDS = 60.0
SETTLE_SECONDS = 10.0
EDITS = 40
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figures:
    """What was measured; seconds, MiB, requests, percent of a core."""

    objects: int
    converged: float
    bare_loop: float
    steady_mutations: float
    steady_cpu: float
    edit_p95: float
    rss: float
    restart: float
    restart_mutations: float


def measure_count(count: int) -> Figures:
    """A fresh control plane and operator for each count."""
    with _apparatus() as (plane, kube, directory), kube.namespace("ours") as namespace:
        operator = OperatorProcess(plane.kubeconfig, namespace, directory / "operator.log")
        with StatusWriter(kube, namespace), operator:
            operator.wait_ready()
            eventually("leads", lambda: operator.metric("ip2a_operator_leader") == 1)
            converged = _converge(kube, namespace, count)
            objects = len(kube.owned(namespace))
            time.sleep(SETTLE_SECONDS)
            mutations, cpu = _rest(operator)
            edits = sorted(_edit(kube, namespace, f"r{index % count}", index) for index in range(EDITS))
            rss = _rss(operator.pid)
            time.sleep(SETTLE_SECONDS)
            operator.stop()
            began = time.monotonic()
            operator.start()
            operator.wait_ready()
            name = "ip2a_operator_reconciles_total"
            eventually("all looked at", lambda: operator.metric(name) >= count, seconds=300)
            restart = time.monotonic() - began
            restart_mutations = operator.mutations()
        with kube.namespace("bare") as bare:
            bare_loop = asyncio.run(_bare_loop(plane.kubeconfig, bare, count))
    p95 = statistics.quantiles(edits, n=20)[-1]
    return Figures(objects, converged, bare_loop, mutations, cpu, p95, rss, restart, restart_mutations)


@contextmanager
def _apparatus() -> Iterator[tuple[ControlPlane, Kube, Path]]:
    with tempfile.TemporaryDirectory() as directory, control_plane() as plane:
        kube = Kube(plane.kubeconfig)
        install_definitions(kube)
        try:
            yield plane, kube, Path(directory)
        finally:
            kube.http.close()


def _converge(kube: Kube, namespace: str, count: int) -> float:
    """Seconds from the first resource's creation until the last is Ready."""
    with ReadyWatch(kube, namespace) as ready:
        began = time.monotonic()
        for index in range(count):
            manifest = sample("minimal")
            manifest["metadata"] = {"name": f"r{index}", "namespace": namespace}
            assert kube.apply(manifest).status_code == 201
        eventually("all ready", lambda: ready.count() == count, seconds=1200)
        return time.monotonic() - began


def _rest(operator: OperatorProcess) -> tuple[float, float]:
    """Changing requests, and percent of a core, while nothing happens."""
    before, ticks, began = operator.mutations(), _ticks(operator.pid), time.monotonic()
    time.sleep(REST_SECONDS)
    seconds = time.monotonic() - began
    return operator.mutations() - before, 100 * (_ticks(operator.pid) - ticks) / TICKS / seconds


def _edit(kube: Kube, namespace: str, name: str, number: int) -> float:
    """Seconds from an edit until the last object of a plan, its last CronJob, has it."""
    value = f"edit-{number}"
    spec = {"app": {"env": [{"name": "EDIT", "value": value}]}}
    began = time.monotonic()
    assert kube.merge(RESOURCE.kind, namespace, name, {"spec": spec}).status_code == 200

    def applied() -> bool:
        job = kube.get("CronJob", namespace, f"{name}-{PLATFORM_JOBS[-1].name}") or {}
        pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        containers: list[dict[str, Any]] = pod["containers"]
        return any(variable.get("value") == value for variable in containers[0]["env"])

    while not applied():
        if time.monotonic() - began > 60:
            raise AssertionError(f"edit of {name} was not applied within 60 s")
        time.sleep(0.01)
    return time.monotonic() - began


async def _bare_loop(kubeconfig: Path, namespace: str, count: int) -> float:
    """Seconds to apply the same objects one after the other, with the same client and nothing else."""
    await config.load_kube_config(str(kubeconfig))  # type: ignore[no-untyped-call]  # no annotations
    manifests = [item for index in range(count) for item in _manifests(namespace, f"r{index}")]
    async with api_client() as client:
        cluster = KubeCluster(client, SILENT)
        began = time.monotonic()
        for manifest in manifests:
            await cluster.apply(namespace, manifest, force=True)
        return time.monotonic() - began


def _manifests(namespace: str, name: str) -> list[Manifest]:
    """What the operator applies for one resource, by the same builders."""
    raw = {**sample("minimal"), "metadata": {"name": name, "namespace": namespace}}
    stack = make_stack(resource_from(raw), Observed(), Surroundings(IMAGES, frozenset({"Cluster", "Pooler"})))
    data = {"data": {"password": "MTIzNA=="}}
    made = [{**secret.manifest, **data} for secret in secrets(stack)]
    return [*made, *(stamp(item.manifest) for item in desired(stack))]


def _rss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
