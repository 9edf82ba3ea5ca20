"""HealthWriter: a fake of every controller that the product needs, named as such.

It writes the statuses that CloudNativePG and Kubernetes' own controllers would write once all is well; there
are no
pods. What it cannot show (real rollouts, real poolers) is tested on the full cluster.
"""

import threading
from datetime import UTC, datetime

from tests.control_plane.operator.kube import Json, Kube

COUNTS = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")


class HealthWriter:
    """Runs in a thread for one namespace, as a context manager."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> "HealthWriter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._write()
        except BaseException as failure:  # raised where the context ends
            self._failure = failure

    def _write(self) -> None:
        while not self._stop.wait(0.1):
            for kind in ("Deployment", "StatefulSet", "Cluster", "Pooler", "Job"):
                for item in self._kube.list(kind, self._namespace):
                    wanted = healthy(kind, item)
                    if kind == "Cluster":
                        wanted["managedRolesStatus"] |= self._passwords(item)
                    current = item.get("status", {})
                    if any(current.get(key) != value for key, value in wanted.items()):
                        name = item["metadata"]["name"]
                        self._kube.merge(kind, self._namespace, name, {"status": wanted}, status=True)

    def _passwords(self, cluster: Json) -> Json:
        """Every managed role has the password of its Secret, as far as that is there."""
        versions = {}
        for role in cluster["spec"]["managed"]["roles"]:
            secret = self._kube.get("Secret", self._namespace, role["passwordSecret"]["name"])
            if secret is not None:
                versions[role["name"]] = {"resourceVersion": secret["metadata"]["resourceVersion"]}
        return {"passwordStatus": versions}


def healthy(kind: str, item: Json) -> Json:
    """The status of an object that is as it should be."""
    if kind == "Cluster":
        count = item["spec"]["instances"]
        primary = f"{item['metadata']['name']}-1"
        phase = "Cluster in healthy state"
        roles = {"byStatus": {"reconciled": sorted(role["name"] for role in item["spec"]["managed"]["roles"])}}
        counts = {"instances": count, "readyInstances": count}
        return {**counts, "currentPrimary": primary, "phase": phase, "managedRolesStatus": roles}
    if kind == "Pooler":
        return {"instances": item["spec"]["instances"], "phase": "active"}
    if kind == "Job":
        if item.get("status", {}).get("succeeded"):
            return {}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        dated = {"status": "True", "lastProbeTime": now, "lastTransitionTime": now}
        conditions = [{"type": "SuccessCriteriaMet", **dated}, {"type": "Complete", **dated}]
        return {"succeeded": 1, "startTime": now, "completionTime": now, "conditions": conditions}
    generation = item["metadata"]["generation"]
    return {"observedGeneration": generation, **dict.fromkeys(COUNTS, item["spec"]["replicas"])}
