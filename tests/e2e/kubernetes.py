"""The cluster as its administrator sees it, for tests: kubectl, SQL on an instance, and waiting.

IP2A_CLUSTER says which: `embedded` (the default), or anything else for the one that KUBECONFIG and the caller's own
kubectl and helm reach, as kind's.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devcluster import quickstart
from devcluster.quickstart import Target

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "e2e"
"""What people may want to look at after a run."""

NAMESPACE, RESOURCE = quickstart.NAMESPACE, quickstart.RESOURCE


@dataclass(frozen=True)
class Kubernetes:
    """The cluster as its administrator sees it."""

    target: Target
    embedded: bool

    @classmethod
    def of_environment(cls) -> Kubernetes:
        """The cluster that IP2A_CLUSTER names."""
        embedded = os.environ.get("IP2A_CLUSTER", "embedded") == "embedded"
        return cls(quickstart.embedded_target() if embedded else quickstart.plain_target(), embedded)

    def run(self, *arguments: str | Path, text: str | None = None, timeout: float = 120) -> str:
        """kubectl's output; raises StepFailed."""
        return self.target.run(*arguments, text=text, timeout=timeout)

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get … -o json`."""
        shown: dict[str, Any] = json.loads(self.run("get", *arguments, "-o", "json"))
        return shown

    def names(self, *arguments: str) -> set[str]:
        """`kubectl get … -o name`."""
        return set(self.run("get", *arguments, "-o", "name").split())

    def patch(self, namespace: str, name: str, spec: dict[str, Any]) -> None:
        """Merges into the spec of an IP2A resource, as a person editing it does."""
        body = json.dumps({"spec": spec})
        self.run("-n", namespace, "patch", "ip2a", name, "--type=merge", "-p", body)

    def put_back(self, namespace: str, name: str, spec: dict[str, Any]) -> None:
        """Makes this the whole spec of an IP2A resource again."""
        patch = json.dumps([{"op": "replace", "path": "/spec", "value": spec}])
        self.run("-n", namespace, "patch", "ip2a", name, "--type=json", "-p", patch)

    def conditions(self, namespace: str, name: str) -> dict[str, dict[str, Any]]:
        """The conditions of an IP2A resource by type; none that are of an earlier generation."""
        shown = self.get("-n", namespace, "ip2a", name)
        generation = shown["metadata"]["generation"]
        conditions = shown.get("status", {}).get("conditions", [])
        return {one["type"]: one for one in conditions if one.get("observedGeneration") == generation}

    def is_ready(self, namespace: str, name: str) -> bool:
        """Whether an IP2A resource is Ready as it is specified now, with nothing left to do."""
        conditions = self.conditions(namespace, name)
        return all(
            conditions.get(kind, {}).get("status") == wanted
            for kind, wanted in {"Ready": "True", "Progressing": "False"}.items()
        )

    def pods(self, namespace: str, selector: str) -> dict[str, str]:
        """Pods with these labels that are not ending: name and uid."""
        return {
            pod["metadata"]["name"]: pod["metadata"]["uid"]
            for pod in self.get("-n", namespace, "pods", "-l", selector)["items"]
            if "deletionTimestamp" not in pod["metadata"]
        }

    def secret(self, namespace: str, name: str, key: str) -> str:
        """A value of a Secret."""
        data: dict[str, str] = self.get("-n", namespace, "secret", name)["data"]
        return base64.b64decode(data[key]).decode()

    def sql(self, statement: str, *, role: str, namespace: str = NAMESPACE, name: str = RESOURCE) -> str:
        """Asks the `primary` or a `replica` instance of a resource's database, as its superuser."""
        selector = f"cnpg.io/cluster={name}-db,cnpg.io/instanceRole={role}"
        pod = self.run("-n", namespace, "get", "pods", "-l", selector, "-o", "jsonpath={.items[0].metadata.name}")
        command = ("psql", "-U", "postgres", "-d", "ip2a", "-At", "-v", "ON_ERROR_STOP=1", "-c", statement)
        return self.run("-n", namespace, "exec", pod, "-c", "postgres", "--", *command).strip()

    def eventually(self, holds: Callable[[], bool], *, within: float, what: str) -> float:
        """Polls until it holds; the seconds that took. Fails after `within` seconds."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > within:
                pytest.fail(f"{what}: not within {within:.0f} s")
            time.sleep(0.1)
        return time.monotonic() - began
