"""What every cluster has beside the control plane: DNS, storage, metrics, ingress, monitoring, CloudNativePG.

The manifests lie beside this file; those that come with a Go module are read from it.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import yaml

from devcluster import cache
from devcluster.errors import StepFailed
from devcluster.gotools import module_directory

CNPG_MODULE = "github.com/cloudnative-pg/cloudnative-pg"
GATEWAY_MODULE = "sigs.k8s.io/gateway-api"
FIELD_MANAGER = "devcluster"
RECORD = "devcluster-addons"
READY_TIMEOUT = "180s"
WORKLOADS = (
    ("kube-system", "deployment/coredns"),
    ("kube-system", "deployment/local-path-provisioner"),
    ("cnpg-system", "deployment/cnpg-controller-manager"),
    ("ingress", "deployment/traefik"),
    ("monitoring", "deployment/prometheus"),
    ("monitoring", "deployment/alertmanager"),
    ("monitoring", "daemonset/node-exporter"),
)
"""In the order in which they are waited for."""
SLOW_WORKLOADS = (("kube-system", "deployment/metrics-server"),)
"""Ready only after their first measurements, about 20 s; nothing of ours needs them to start."""


class Kubectl(Protocol):
    """Runs kubectl and gives its output; raises StepFailed."""

    def __call__(self, *arguments: str | Path, text: str | None = None, timeout: float = 120) -> str:
        """`text` is its standard input; `timeout` in seconds."""


def apply(kubectl: Kubectl) -> bool:
    """Applies everything server-side. Whether it had to: the cluster remembers the digest of what it has."""
    batches = [yaml.dump_all(documents, Dumper=yaml.CSafeDumper) for documents in (_gateway_crds(), _own(), _cnpg())]
    wanted = cache.digest(*batches)
    if _applied(kubectl) == wanted:
        return False
    for batch in batches:
        _with_retries(functools.partial(_apply, kubectl, batch))
    _apply(kubectl, yaml.safe_dump(_record(wanted)))
    return True


def _applied(kubectl: Kubectl) -> str:
    """The digest of the addons the cluster has; empty when it has none, or one of their workloads is missing."""
    names = {name for _, name in (*WORKLOADS, *SLOW_WORKLOADS)}
    shown = kubectl("get", "deployment,daemonset", "-A", "-o", "name")
    present = {line.replace(".apps", "") for line in shown.split()}
    if not names <= present:
        return ""
    return kubectl(
        "-n", "kube-system", "get", "configmap", RECORD, "--ignore-not-found", "-o", "jsonpath={.data.digest}"
    )


def _record(digest: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": RECORD, "namespace": "kube-system"},
        "data": {"digest": digest},
    }


def _apply(kubectl: Kubectl, text: str) -> None:
    options = ("--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}")
    kubectl("apply", *options, "-f", "-", text=text)


def wait(kubectl: Kubectl) -> None:
    """Until what others build on is ready and CloudNativePG's webhook answers. Raises StepFailed."""
    _roll_out(kubectl, WORKLOADS)
    probe = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "webhook-probe", "namespace": "default"},
        "spec": {"instances": 1, "storage": {"size": "1Gi"}},
    }
    _with_retries(lambda: kubectl("create", "--dry-run=server", "-f", "-", text=yaml.safe_dump(probe)))


def wait_for_slow(kubectl: Kubectl) -> None:
    """Until the rest is ready too. Raises StepFailed."""
    _roll_out(kubectl, SLOW_WORKLOADS)


def _roll_out(kubectl: Kubectl, workloads: Iterable[tuple[str, str]]) -> None:
    for namespace, workload in workloads:
        kubectl("-n", namespace, "rollout", "status", workload, f"--timeout={READY_TIMEOUT}", timeout=200)


def cnpg_manifest() -> Path:
    """CloudNativePG's own release manifest."""
    directory = module_directory("cluster", CNPG_MODULE)
    return directory / "releases" / f"cnpg-{directory.name.rpartition('@v')[2]}.yaml"


def _own() -> list[dict[str, object]]:
    files = sorted(Path(__file__).parent.glob("*.yaml"))
    return [document for file in files for document in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader)]


def _gateway_crds() -> list[dict[str, object]]:
    directory = module_directory("ingress", GATEWAY_MODULE) / "config" / "crd" / "standard"
    documents = [
        one
        for file in sorted(directory.glob("*.yaml"))
        for one in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader)
    ]
    return [one for one in documents if one and one["kind"] == "CustomResourceDefinition"]


def _cnpg() -> list[dict[str, object]]:
    return [
        _fit(document) for document in yaml.load_all(cnpg_manifest().read_text(), Loader=yaml.CSafeLoader) if document
    ]


def _fit(document: dict[str, object]) -> dict[str, object]:
    """The manifest pulls its image always and holds the operator to a tenth of a core; neither fits here."""
    for container in _containers(document):
        container["imagePullPolicy"] = "IfNotPresent"
        container["resources"] = {"requests": {"cpu": "50m", "memory": "100Mi"}, "limits": {"memory": "500Mi"}}
    return document


def _containers(document: dict[str, object]) -> Iterator[dict[str, object]]:
    if document["kind"] == "Deployment":
        spec = document["spec"]
        assert isinstance(spec, dict)  # noqa: S101 - a Deployment of a release manifest
        yield from spec["template"]["spec"]["containers"]


def _with_retries(attempt: Callable[[], object], *, seconds: float = 90.0) -> None:
    """Just after a CRD or a webhook came, the API server may refuse for some seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            attempt()
        except StepFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(1.0)
        else:
            return
