"""The operator on a real cluster: mends what is deleted, removes what it made, keeps what it was told to keep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from devcluster.errors import StepFailed
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes

SPACE = "e2e-operator"
READY_TIMEOUT = "300s"


def _resource(name: str, **spec: object) -> str:
    body = {
        "apiVersion": "ip2a.dev/v1alpha1",
        "kind": "IP2A",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": {"users": 100, "ingress": {"host": f"{name}.localhost"}, **spec},
    }
    return json.dumps(body)


@pytest.fixture(scope="module", autouse=True)
def _space(kubernetes: Kubernetes) -> Iterator[None]:
    kubernetes.run("create", "namespace", SPACE)
    kubernetes.run("label", "namespace", SPACE, "pod-security.kubernetes.io/enforce=restricted")
    sizes = {"database": {"instances": 1}, "app": {"replicas": 1}}
    for policy in ("Retain", "Delete"):  # both at once: they only wait for their databases
        kubernetes.run("apply", "-f", "-", text=_resource(policy.lower(), deletionPolicy=policy, **sizes))
    yield
    kubernetes.run("delete", "namespace", SPACE, "--timeout=120s", timeout=150)


def test_a_deleted_service_is_back_within_five_seconds(kubernetes: Kubernetes) -> None:
    name = f"{RESOURCE}-app"
    old = kubernetes.get("-n", NAMESPACE, "service", name)["metadata"]["uid"]
    kubernetes.run("-n", NAMESPACE, "delete", "service", name)

    def back() -> bool:
        shown = kubernetes.run("-n", NAMESPACE, "get", "service", name, "--ignore-not-found", "-o", "json")
        return bool(shown) and json.loads(shown)["metadata"]["uid"] != old

    kubernetes.eventually(back, within=5, what="the Service comes back")


def test_the_table_shows_what_an_operator_asks_first(kubernetes: Kubernetes) -> None:
    header, row = kubernetes.run("-n", NAMESPACE, "get", "ip2a", RESOURCE).splitlines()
    assert header.split() == ["NAME", "USERS", "APP", "DB", "URL", "READY", "AGE"]
    assert row.split()[1] == "100"
    assert row.split()[5] == "True"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"users": 0}, "spec.users"),
        ({"usres": 5}, "usres"),
        ({"database": {"instances": 99}}, "spec.database.instances"),
        ({"ingress": {"host": "not a host"}}, "spec.ingress.host"),
    ],
)
def test_bad_input_is_refused_with_the_fields_name(kubernetes: Kubernetes, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(StepFailed) as refusal:
        kubernetes.run("apply", "--validate=strict", "--dry-run=server", "-f", "-", text=_resource("bad", **spec))
    assert words in str(refusal.value)


@pytest.mark.parametrize(("policy", "kept"), [("Retain", True), ("Delete", False)])
def test_deletion_removes_everything_but_what_the_policy_keeps(kubernetes: Kubernetes, policy: str, kept: bool) -> None:
    name = policy.lower()
    kubernetes.run(
        "-n", SPACE, "wait", f"ip2a/{name}", "--for=condition=Ready", f"--timeout={READY_TIMEOUT}", timeout=320
    )
    assert kubernetes.names(
        "-n", SPACE, "service,deployment,secret,ingress,pooler,cluster", "-l", f"ip2a.dev/owner={name}"
    )
    kubernetes.run("-n", SPACE, "delete", "ip2a", name, "--timeout=120s", timeout=150)

    kinds = "deployment,statefulset,job,service,ingress,pooler,serviceaccount,configmap,poddisruptionbudget,pods"

    def left() -> set[str]:
        found = kubernetes.names("-n", SPACE, kinds, "-l", f"ip2a.dev/owner={name}")
        return {one for one in found if not (kept and _is_database(one, name))}

    kubernetes.eventually(lambda: not left(), within=90, what="owned objects go")
    clusters = {one for one in kubernetes.names("-n", SPACE, "cluster.postgresql.cnpg.io") if _is_database(one, name)}
    claims = kubernetes.names("-n", SPACE, "pvc", "-l", f"cnpg.io/cluster={name}-db")
    if kept:
        assert clusters == {f"cluster.postgresql.cnpg.io/{name}-db"}
        assert claims
        kubernetes.run("-n", SPACE, "delete", "cluster.postgresql.cnpg.io", f"{name}-db", "--timeout=90s")
    else:
        assert clusters == set()
        kubernetes.eventually(
            lambda: not kubernetes.names("-n", SPACE, "pvc", "-l", f"cnpg.io/cluster={name}-db"),
            within=60,
            what="the volumes go",
        )


def _is_database(name: str, resource: str) -> bool:
    return f"{resource}-db" in name
