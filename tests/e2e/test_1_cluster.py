"""The embedded cluster is a whole one: names, volumes, metrics, pod security, and nothing gets out of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from devcluster.errors import StepFailed
from tests.e2e.kubernetes import Kubernetes

SPACE = "e2e-cluster"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module", autouse=True)
def _space(kubernetes: Kubernetes) -> Iterator[None]:
    kubernetes.run("create", "namespace", SPACE)
    yield
    kubernetes.run("delete", "namespace", SPACE, "--timeout=60s")


def _pod(name: str, script: str, *, claim: str | None = None) -> dict[str, object]:
    mounts = [{"name": "volume", "mountPath": "/volume"}] if claim else []
    volumes = [{"name": "volume", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    container = {
        "name": "main",
        "image": "docker.io/library/python:3.13-slim",
        "command": ["python3", "-c", script],
        "securityContext": RESTRICTED,
        "volumeMounts": mounts,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": {"restartPolicy": "Never", "containers": [container], "volumes": volumes},
    }


def _result(kubernetes: Kubernetes, pod: dict[str, object]) -> str:
    name = pod["metadata"]["name"]  # type: ignore[index]
    kubernetes.run("apply", "-f", "-", text=json.dumps(pod))
    kubernetes.run("-n", SPACE, "wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    return kubernetes.run("-n", SPACE, "logs", name).strip()


def test_a_volume_is_provisioned_and_goes_with_its_claim(kubernetes: Kubernetes) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "claim", "namespace": SPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    kubernetes.run("apply", "-f", "-", text=json.dumps(claim))
    script = "open('/volume/f','w').write('kept'); print(open('/volume/f').read())"
    assert _result(kubernetes, _pod("writer", script, claim="claim")) == "kept"
    volume = kubernetes.get("-n", SPACE, "pvc", "claim")["spec"]["volumeName"]
    kubernetes.run("-n", SPACE, "delete", "pod/writer", "pvc/claim")
    kubernetes.eventually(
        lambda: f"persistentvolume/{volume}" not in kubernetes.names("pv"), within=60, what="the volume goes"
    )


def test_names_resolve_inside_and_only_inside(kubernetes: Kubernetes) -> None:
    script = """
import socket
print(socket.gethostbyname("kubernetes.default.svc.cluster.local"))
try:
    print(socket.gethostbyname("example.com"))
except socket.gaierror:
    print("no such name")
"""
    assert _result(kubernetes, _pod("resolver", script)).splitlines() == ["10.96.0.1", "no such name"]


def test_a_pod_reaches_the_api_server_and_nothing_outside(kubernetes: Kubernetes) -> None:
    """192.0.2.0/24 and 198.51.100.0/24 are documentation ranges: nobody is asked; the guard refuses at once."""
    script = """
import socket
def attempt(address, port):
    with socket.socket() as one:
        one.settimeout(3)
        try:
            one.connect((address, port))
            return "connected"
        except OSError as error:
            return type(error).__name__ if isinstance(error, TimeoutError) else "refused"
print(attempt("10.96.0.1", 443), attempt("198.51.100.7", 80))
"""
    assert _result(kubernetes, _pod("caller", script)) == "connected refused"


def test_pod_security_is_enforced(kubernetes: Kubernetes) -> None:
    pod = _pod("intruder", "print(1)")
    pod["spec"]["hostNetwork"] = True  # type: ignore[index]
    with pytest.raises(StepFailed, match="violates PodSecurity"):
        kubernetes.run("apply", "-f", "-", text=json.dumps(pod))


def test_metrics_server_measures_nodes_and_pods(kubernetes: Kubernetes) -> None:
    kubernetes.eventually(lambda: _answers(kubernetes, "top", "nodes"), within=90, what="kubectl top nodes")
    kubernetes.eventually(
        lambda: _answers(kubernetes, "-n", "kube-system", "top", "pods"), within=60, what="kubectl top pods"
    )


def _answers(kubernetes: Kubernetes, *arguments: str) -> bool:
    try:
        return len(kubernetes.run(*arguments).splitlines()) > 1
    except StepFailed:
        return False


def test_prometheus_scrapes_everything_there_is(kubernetes: Kubernetes) -> None:
    def jobs_up() -> set[str]:
        path = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/targets?state=active"
        targets = json.loads(kubernetes.run("get", "--raw", path))["data"]["activeTargets"]
        assert targets
        return {target["scrapePool"] for target in targets if target["health"] == "up"}

    wanted = {"pods", "cloudnative-pg", "pgbouncer", "kubelet", "cadvisor", "prometheus"}
    kubernetes.eventually(lambda: wanted <= jobs_up(), within=60, what=f"targets of {wanted}")
