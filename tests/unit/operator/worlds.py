"""Resources and worlds for the operator's tests: samples, and a model of what a cluster makes of objects.

`World` is a fake of the API server and its controllers, for pure plans only: it stores what is applied, gives
identities, and on request says that everything is healthy. Real servers are in tests/control_plane.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ip2a_operator.domain.actions import Action, Apply, Delete, EnsureSecret, RotateSecret
from ip2a_operator.domain.drift import fingerprint
from ip2a_operator.domain.observed import Live, Observed, Ref, ref_of
from ip2a_operator.domain.plan import Plan, Surroundings, plan
from ip2a_operator.domain.resource import Resource, parse
from ip2a_operator.domain.stack import Images
from ip2a_operator.names import ANNOUNCED_ANNOTATION, ROTATED_ANNOTATION, SERIAL_ANNOTATION

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
UID = "11111111-2222-3333-4444-555555555555"
IMAGES = Images(
    app="ghcr.io/ip2a/ip2a-app:1.0.0",
    postgresql="ghcr.io/cloudnative-pg/postgresql:17",
    postgresql_backup="ghcr.io/cloudnative-pg/postgresql:17-system",
    pgbouncer="ghcr.io/cloudnative-pg/pgbouncer:1.24.1",
    redis="docker.io/library/redis:8.0",
    redis_exporter="docker.io/oliver006/redis_exporter:v1.74.0",
    pull_policy="Always",
)
ALL_KINDS = frozenset({"HTTPRoute", "ServiceMonitor", "PodMonitor", "PrometheusRule", "Cluster", "Pooler"})
SURROUNDINGS = Surroundings(IMAGES, ALL_KINDS)


def sample(name: str) -> dict[str, Any]:
    """A manifest of manifests/samples."""
    loaded: dict[str, Any] = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def sample_names() -> list[str]:
    """All samples."""
    return sorted(path.stem for path in SAMPLES.glob("*.yaml"))


def resource_from(raw: dict[str, Any], **metadata: Any) -> Resource:
    """A resource as the API server would return it."""
    tree = copy.deepcopy(raw)
    tree["metadata"] = {"namespace": "members", "uid": UID, "generation": 1, **tree["metadata"], **metadata}
    return parse(tree)


def resource(spec: dict[str, Any] | None = None, **metadata: Any) -> Resource:
    """A resource with this spec on top of the minimal one."""
    raw = sample("minimal")
    raw["spec"] |= spec or {}
    return resource_from(raw, **metadata)


@dataclass
class World:
    """A fake cluster for one resource."""

    objects: dict[Ref, dict[str, Any]] = field(default_factory=dict)
    accepted: dict[Ref, str] = field(default_factory=dict)
    references: dict[Ref, str] = field(default_factory=dict)
    counter: int = 0

    def observed(self) -> Observed:
        objects = {ref: Live(copy.deepcopy(tree)) for ref, tree in self.objects.items()}
        return Observed(objects, dict(self.accepted), dict(self.references))

    def perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Apply):
                self._apply(copy.deepcopy(dict(action.manifest)))
                self.accepted[action.ref] = fingerprint(action.manifest, self.objects[action.ref])
            elif isinstance(action, EnsureSecret):
                self._ensure(action)
            elif isinstance(action, RotateSecret):
                self._rotate(action)
            elif isinstance(action, Delete):
                del self.objects[action.ref]

    def _apply(self, tree: dict[str, Any]) -> None:
        ref = ref_of(tree)
        before = self.objects.get(ref, {})
        self.counter += 1
        tree["metadata"] = {
            "uid": f"uid-{self.counter}",
            "generation": 1,
            "creationTimestamp": f"2026-11-22T12:00:{self.counter % 60:02d}Z",
            **{key: before["metadata"][key] for key in ("uid", "generation") if before},
            **tree["metadata"],
            "resourceVersion": str(self.counter),
        }
        if "status" in before:
            tree["status"] = before["status"]
        self.objects[ref] = tree

    def _ensure(self, action: EnsureSecret) -> None:
        before = self.objects.get(action.ref, {})
        self._apply(copy.deepcopy(dict(action.secret.manifest)))
        keys = (*action.secret.literal, *action.secret.generated)
        self.objects[action.ref]["digests"] = {key: "first" for key in keys} | before.get("digests", {})

    def _rotate(self, action: RotateSecret) -> None:
        tree, rotation = self.objects[action.ref], action.secret.rotation
        assert rotation is not None
        digests, annotations = tree["digests"], tree["metadata"].setdefault("annotations", {})
        self.counter += 1
        tree["metadata"]["resourceVersion"] = str(self.counter)
        if action.step == "announce":
            digests[rotation.keep] = action.token
            annotations[ANNOUNCED_ANNOTATION] = action.token
            return
        before = digests[rotation.key]
        digests[rotation.key] = digests[rotation.keep] if action.step == "adopt" else action.token
        if rotation.keep:
            digests[rotation.keep] = before
        annotations[ROTATED_ANNOTATION] = action.token
        if action.serial is not None:
            annotations[SERIAL_ANNOTATION] = str(action.serial)

    def heal(self) -> None:
        """Every controller has done its work."""
        for ref, tree in self.objects.items():
            if ref.kind in {"Deployment", "StatefulSet"}:
                count = tree["spec"]["replicas"]
                names = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
                tree["status"] = {"observedGeneration": 1, **dict.fromkeys(names, count)}
            elif ref.kind == "Cluster":
                count = tree["spec"]["instances"]
                healthy = {"phase": "Cluster in healthy state", "currentPrimary": f"{ref.name}-1"}
                tree["status"] = {"readyInstances": count, **healthy, "managedRolesStatus": self._roles(tree)}
            elif ref.kind == "Pooler":
                tree["status"] = {"phase": "active", "instances": tree["spec"]["instances"]}
            elif ref.kind == "Job":
                tree["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
            elif ref.kind == "HTTPRoute":
                accepted = {"type": "Accepted", "status": "True"}
                tree["status"] = {"parents": [{"conditions": [accepted]}]}

    def _roles(self, cluster: dict[str, Any]) -> dict[str, Any]:
        """What CloudNativePG says once every managed role has the password of its Secret."""
        roles = cluster["spec"]["managed"]["roles"]
        versions = {}
        for role in roles:
            secret = self.objects.get(Ref("v1", "Secret", role["passwordSecret"]["name"]), {"metadata": {}})
            versions[role["name"]] = {"resourceVersion": secret["metadata"].get("resourceVersion", "")}
        return {"byStatus": {"reconciled": sorted(versions)}, "passwordStatus": versions}

    def settle(self, wanted: Resource, surroundings: Surroundings = SURROUNDINGS) -> Plan:
        """Plan, perform, heal and wait as told until nothing is left; the last, empty plan."""
        now, waited = NOW, False
        for _ in range(40):
            made = plan(wanted, self.observed(), surroundings, now)
            if made.actions:
                self.perform(made.actions)
                self.heal()
                waited = False
            elif made.look_again is None or waited:
                return made
            else:
                now, waited = now + timedelta(seconds=made.look_again), True
        raise AssertionError(f"never settled: {made.actions}")


def drained(world: World) -> None:
    """No pod of app or worker is left, as in a teardown that has come so far."""
    for ref, tree in world.objects.items():
        if ref.kind == "Deployment":
            tree["spec"]["replicas"] = 0
