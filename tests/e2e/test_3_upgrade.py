"""Upgrading the operator from an earlier chart: whose meaning did not change, nothing of it is restarted."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from devcluster import quickstart
from devcluster.dockerfiles import SOURCES, Source
from devcluster.paths import CHECKOUT
from tests.e2e import images
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes

PREVIOUS = "800c685"
"""The version upgraded from: the latest whose pods mean the same as this one's."""
OWNED = f"ip2a.dev/owner={RESOURCE}"
NEEDED = ("charts/ip2a-operator", "operator", "requirements/operator.txt")


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The earlier version's chart and sources."""
    archive = subprocess.run(
        ["git", "archive", PREVIOUS, *NEEDED], cwd=CHECKOUT, capture_output=True, timeout=60, check=False
    )
    if archive.returncode:
        pytest.fail(f"{archive.stderr.decode()}; remedy: fetch the whole history (actions/checkout: fetch-depth: 0)")
    place = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(place, filter="data")
    return place


def _install(kubernetes: Kubernetes, chart: Path, values: dict[str, str]) -> None:
    """Returns once the installed operator has looked at the resource and all is settled."""
    kubernetes.target.run_helm(
        *("upgrade", quickstart.RELEASE, chart, "-n", quickstart.OPERATOR_NAMESPACE, "--wait", "--timeout=120s"),
        *("--reset-values", *(part for key, value in values.items() for part in ("--set", f"{key}={value}"))),
    )
    kubernetes.eventually(lambda: _reconciled(kubernetes), within=60, what="the installed operator has looked at it")
    kubernetes.eventually(lambda: kubernetes.is_ready(NAMESPACE, RESOURCE), within=180, what="it is Ready")


def _reconciled(kubernetes: Kubernetes) -> bool:
    """By the leader's own count; before helm's --wait is over, only pods of the installed version are left."""
    space = quickstart.OPERATOR_NAMESPACE
    pods = [*kubernetes.pods(space, f"app.kubernetes.io/instance={quickstart.RELEASE}")]
    shown = [
        kubernetes.run("get", "--raw", f"/api/v1/namespaces/{space}/pods/{pod}:8080/proxy/metrics") for pod in pods
    ]
    return any(
        line.startswith("ip2a_operator_reconciles_total{") and not line.endswith(" 0.0")
        for text in shown
        for line in text.splitlines()
    )


def test_an_upgrade_of_the_operator_restarts_no_pod(kubernetes: Kubernetes, previous: Path) -> None:
    release = ("get", "values", quickstart.RELEASE, "-n", quickstart.OPERATOR_NAMESPACE, "-o", "json")
    now = _flat(kubernetes.target.run_helm(*release))
    source = SOURCES["operator"]
    old = images.build(
        kubernetes, "operator", Source(source.repository, source.dockerfile, source.inputs, root=previous)
    )
    _install(kubernetes, previous / "charts" / "ip2a-operator", {**now, "images.operator": old})
    before = kubernetes.pods(NAMESPACE, OWNED)
    assert before
    _install(kubernetes, quickstart.CHART, now)
    after = kubernetes.pods(NAMESPACE, OWNED)
    assert before.items() <= after.items()


def _flat(values: str) -> dict[str, str]:
    """helm's user-supplied values as --set takes them."""
    found: dict[str, str] = {}

    def walk(tree: dict[str, object], prefix: str) -> None:
        for key, value in tree.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                found[f"{prefix}{key}"] = str(value).lower() if isinstance(value, bool) else str(value)

    walk(json.loads(values), "")
    return found
