"""Killed at random moments while it creates, upgrades and deletes, the operator ends where it would have ended.

The moments are seeded; what is compared is everything it made: the same objects with the same content, no second
migration Job of one image, no secret value that was ever replaced.
"""

import random
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devcluster.control_plane import ControlPlane
from tests.control_plane.operator.controllers import HealthWriter
from tests.control_plane.operator.kube import Json, Kube, condition, eventually
from tests.control_plane.operator.process import OperatorProcess
from tests.control_plane.operator.test_lifecycle import NAME, make

pytestmark = pytest.mark.control_plane

LIVES = 6
OBJECTS = 22
"""So many objects the smallest resource has, or a few more."""
SEED = 46
VOLATILE = {
    *("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace"),
    *("ip2a.dev/applied", "ip2a.dev/retained"),  # digests of owner references and identities
    "ip2a.dev/secrets-checksum",  # of random values, in the pod templates of Deployments and CronJobs
}
UPGRADE: Json = {"app": {"image": "ghcr.io/ip2a/ip2a-app:2.0.0", "worker": {"enabled": True}}, "users": 2500}


def content(namespace: str, owned: dict[tuple[str, str], Json]) -> dict[tuple[str, str], Any]:
    """What the operator decides about objects: no identities, no secret values, no cluster addresses."""

    def clean(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: clean(value) for key, value in node.items() if key not in VOLATILE}
        if isinstance(node, list):
            return [clean(item) for item in node]
        return node.replace(namespace, "NAMESPACE") if isinstance(node, str) else node

    found = {}
    for (kind, name), item in owned.items():
        tree = {key: value for key, value in item.items() if key in {"metadata", "spec", "type"}}
        if kind == "Secret":
            tree["keys"] = sorted(item["data"])
        if kind == "Service":
            tree["spec"] = {k: v for k, v in item["spec"].items() if k not in {"clusterIP", "clusterIPs"}}
        if kind == "Job":
            tree = {"name": name}
        tree = clean(tree)
        annotations = tree.get("metadata", {}).get("annotations", {})
        if granted := annotations.get("ip2a.dev/granted"):  # FROM TO TIME: when it was raised differs
            annotations["ip2a.dev/granted"] = granted.rpartition(" ")[0]
        found[kind, name] = tree
    return found


class Witness:
    """Remembers every secret value and every migration Job that was ever seen."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self.values: dict[tuple[str, str], set[str]] = {}
        self.jobs: dict[str, set[str]] = {}

    def look(self) -> None:
        for secret in self._kube.list("Secret", self._namespace):
            for key, value in secret.get("data", {}).items():
                self.values.setdefault((secret["metadata"]["name"], key), set()).add(value)
        for job in self._kube.list("Job", self._namespace):
            self.jobs.setdefault(job["metadata"]["name"], set()).add(job["metadata"]["uid"])


@dataclass
class Storm:
    """Kills the operator at random moments of each phase, then lets it finish."""

    kube: Kube
    namespace: str
    process: OperatorProcess
    moments: random.Random
    witness: Witness
    kills: int = 0

    def create(self) -> None:
        """Three kills, each once so many of the objects exist."""
        for count in sorted(self.moments.sample(range(1, OBJECTS), 3)):
            self.process.start()
            eventually(f"{count} objects", partial(self._has, count))
            self.kill()

    def _has(self, count: int) -> bool:
        return len(self.kube.owned(self.namespace)) >= count

    def disturb(self) -> None:
        """One kill, some moment after the start; most of the time before it is the interpreter's."""
        self.process.start()
        time.sleep(self.moments.uniform(1.0, 3.0))
        self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.kills += 1
        self.witness.look()

    def finish(self, goal: str) -> None:
        self.process.start()
        eventually(goal, lambda: settled(self.kube, self.namespace, goal), seconds=60)
        self.process.kill()
        self.witness.look()


def life(kube: Kube, namespace: str, storm: Storm, *, calm: bool) -> list[dict[tuple[str, str], Any]]:
    """Create, upgrade, delete; what there is after each."""
    states = []
    make(kube, namespace, deletionPolicy="Retain")
    if not calm:
        storm.create()
    storm.finish("Ready")
    states.append(content(namespace, kube.owned(namespace)))
    make(kube, namespace, deletionPolicy="Retain", **UPGRADE)
    if not calm:
        storm.disturb()
    storm.finish("Ready")
    states.append(content(namespace, kube.owned(namespace)))
    kube.delete("IP2A", namespace, NAME)
    if not calm:
        storm.disturb()
    storm.finish("gone")
    states.append(content(namespace, kube.owned(namespace)))
    return states


def settled(kube: Kube, namespace: str, goal: str) -> bool:
    resource = kube.get("IP2A", namespace, NAME)
    if goal == "gone":
        return resource is None
    ready = condition(resource, "Ready")
    generation = (resource or {}).get("metadata", {}).get("generation")
    return ready.get("status") == "True" and ready.get("observedGeneration") == generation


def test_killed_anywhere_it_ends_the_same(plane: ControlPlane, kube: Kube, tmp_path: Path) -> None:
    moments = random.Random(SEED)
    undisturbed: list[dict[tuple[str, str], Any]] = []
    kills = 0
    for number in range(LIVES + 1):
        name = f"crash-{number}"
        with kube.namespace(name), HealthWriter(kube, name):
            process = OperatorProcess(plane.kubeconfig, name, tmp_path / f"{name}.log")
            storm = Storm(kube, name, process, moments, Witness(kube, name))
            states = life(kube, name, storm, calm=number == 0)
        undisturbed = undisturbed or states
        kills += storm.kills
        assert states == undisturbed, f"life {number}, seed {SEED}"
        seen = storm.witness
        assert {key: len(values) for key, values in seen.values.items() if len(values) > 1} == {}
        assert {name: len(uids) for name, uids in seen.jobs.items() if len(uids) > 1} == {}
        assert len(seen.jobs) == 2
    assert kills >= 30
