"""The cluster as its administrator sees it, for tests: kubectl, SQL on an instance, and waiting."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devcluster import cluster, quickstart

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "e2e"
"""What people may want to look at after a run."""

NAMESPACE, RESOURCE = quickstart.NAMESPACE, quickstart.RESOURCE


@dataclass(frozen=True)
class Kubernetes:
    """The cluster as its administrator sees it."""

    def run(self, *arguments: str, text: str | None = None, timeout: float = 120) -> str:
        """kubectl's output; raises StepFailed."""
        return cluster.kubectl(*arguments, text=text, timeout=timeout)

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get … -o json`."""
        shown: dict[str, Any] = json.loads(self.run("get", *arguments, "-o", "json"))
        return shown

    def names(self, *arguments: str) -> set[str]:
        """`kubectl get … -o name`."""
        return set(self.run("get", *arguments, "-o", "name").split())

    def sql(self, statement: str, *, role: str) -> str:
        """Asks the `primary` or a `replica` instance of the quickstart's database, as its superuser."""
        selector = f"cnpg.io/cluster={RESOURCE}-db,cnpg.io/instanceRole={role}"
        pod = self.run("-n", NAMESPACE, "get", "pods", "-l", selector, "-o", "jsonpath={.items[0].metadata.name}")
        command = ("psql", "-U", "postgres", "-d", "ip2a", "-At", "-v", "ON_ERROR_STOP=1", "-c", statement)
        return self.run("-n", NAMESPACE, "exec", pod, "-c", "postgres", "--", *command).strip()

    def eventually(self, holds: Callable[[], bool], *, within: float, what: str) -> float:
        """Polls until it holds; the seconds that took. Fails after `within` seconds."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > within:
                pytest.fail(f"{what}: not within {within:.0f} s")
            time.sleep(0.1)
        return time.monotonic() - began
