"""Both ways to install the operator, on a real API server: what is accepted, what is granted, what stays behind.

The controllers run, so that pods are made and judged by PodSecurity admission; no kubelet does, so none starts.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.generate import CASES, CHART, INSTALL
from devcluster.control_plane import ControlPlane, control_plane
from devcluster.gotools import tool
from ip2a_operator.permissions import RULES
from tests.packaging.schemas import monitoring_crds

pytestmark = pytest.mark.control_plane

TIMEOUT_SECONDS = 60
NAMESPACES = ("local46", "local11")


@pytest.fixture(name="plane", scope="module")
def _plane() -> Iterator[ControlPlane]:
    with control_plane(controllers=True) as plane:
        for namespace in NAMESPACES:
            kubectl(plane, "create", "namespace", namespace)
        for path in monitoring_crds():
            kubectl(plane, "apply", "--server-side", "-f", str(path))
        yield plane


def call(
    plane: ControlPlane, program: str, *arguments: str, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tool(program)), f"--kubeconfig={plane.kubeconfig}", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def kubectl(plane: ControlPlane, *arguments: str, text: str | None = None) -> str:
    run = call(plane, "kubectl", *arguments, text=text)
    assert run.returncode == 0, run.stderr
    return run.stdout


def helm(plane: ControlPlane, *arguments: str) -> str:
    run = call(plane, "helm", *arguments)
    assert run.returncode == 0, run.stderr
    return run.stdout


def eventually(check: Callable[[], bool], what: str) -> None:
    """Controllers answer in their own time; there is no one event to wait for."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture(name="namespace")
def _namespace(plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace held to the restricted standard, with nothing cluster-wide left in it afterwards."""
    name = f"test-{abs(hash(request.node.name)) % 10**8}"
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": label}}
    kubectl(plane, "apply", "-f", "-", text=json.dumps(manifest))
    yield name
    call(plane, "helm", "uninstall", "ip2a-operator", "--namespace", name, "--no-hooks")
    kubectl(plane, "delete", "crd", "ip2as.ip2a.dev", "--ignore-not-found")


def install(plane: ControlPlane, namespace: str, *arguments: str) -> str:
    return helm(plane, "upgrade", "--install", "ip2a-operator", str(CHART), "--namespace", namespace, *arguments)


def rules_of(plane: ControlPlane, user: str, namespace: str) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of what the API server lets a user do in a namespace; names are left out."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = kubectl(
        plane, "create", "-f", "-", "-o", "json", "--validate=false", f"--as={user}", text=json.dumps(review)
    )
    status: dict[str, Any] = json.loads(answer)["status"]
    assert not status["incomplete"]
    return {
        (group, resource, verb)
        for rule in status["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if group not in {"authorization.k8s.io", "authentication.k8s.io"}  # what everybody may ask about himself
    }


def service_account(namespace: str, name: str = "ip2a-operator") -> str:
    return f"system:serviceaccount:{namespace}:{name}"


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_chart_installs_with_every_set_of_values(plane: ControlPlane, namespace: str, case: Path) -> None:
    install(plane, namespace, "--values", str(case))
    replicas = yaml.safe_load(case.read_text()).get("replicas", 2)

    def pods() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(kubectl(plane, "get", "pods", "-n", namespace, "-o", "json"))["items"]
        return found

    eventually(lambda: len(pods()) == replicas, "PodSecurity admission or a wrong template keeps the pods out")
    assert {pod["status"]["phase"] for pod in pods()} == {"Pending"}


def meaning(items: list[dict[str, Any]]) -> dict[str, str]:
    """What changes when somebody writes an object anew: its generation, or its version where it has none.

    Controllers write status, which moves the version but not the generation.
    """
    return {
        f"{one['kind']}/{one['metadata']['name']}": str(
            one["metadata"].get("generation") or one["metadata"]["resourceVersion"]
        )
        for one in items
    }


def test_an_upgrade_with_the_same_values_changes_no_object(plane: ControlPlane, namespace: str) -> None:
    def objects() -> dict[str, str]:
        kinds = "serviceaccount,service,role,rolebinding,networkpolicy,poddisruptionbudget,deployment,crd,clusterrole"
        listed = kubectl(plane, "get", kinds, "-n", namespace, "-l", "app.kubernetes.io/instance", "-o", "json")
        return meaning(json.loads(listed)["items"])

    install(plane, namespace)
    before = objects()
    assert {"ServiceAccount/ip2a-operator", "CustomResourceDefinition/ip2as.ip2a.dev"} <= set(before)
    install(plane, namespace)
    assert objects() == before


def test_the_plain_install_is_accepted_and_a_second_time_changes_nothing(plane: ControlPlane) -> None:
    def apply() -> dict[str, str]:
        applied = kubectl(plane, "apply", "--server-side", "-f", str(INSTALL), "-o", "json")
        return meaning(json.loads(applied)["items"])

    try:
        before = apply()
        assert {"Deployment/ip2a-operator", "CustomResourceDefinition/ip2as.ip2a.dev"} <= set(before)
        assert apply() == before
    finally:
        kubectl(plane, "delete", "-f", str(INSTALL), "--wait=false")


def test_the_operator_may_do_what_its_role_says_where_it_watches_and_no_more(
    plane: ControlPlane, namespace: str
) -> None:
    values = "scope=namespaced,namespaces={local46,local11},rbac.aggregate=false"
    install(plane, namespace, "--set", values)
    operator = service_account(namespace)
    granted = rules_of(plane, operator, "local46")
    assert granted == {
        (rule.group, rule.resource, verb) for rule in RULES if rule.where == "watched" for verb in rule.verbs
    }
    assert rules_of(plane, operator, "local11") == granted
    assert rules_of(plane, operator, "default") == set()
    assert rules_of(plane, operator, namespace) == {
        ("coordination.k8s.io", "leases", verb) for verb in ("create", "get", "update")
    }


FORBIDDEN = {
    ("", "pods/exec", "create"),
    ("", "pods", "create"),
    ("", "namespaces", "delete"),
    ("", "nodes", "list"),
    ("", "serviceaccounts/token", "create"),
    ("ip2a.dev", "ip2as", "delete"),
    ("rbac.authorization.k8s.io", "rolebindings", "create"),
    ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "patch"),
}


def test_the_operator_cannot_make_itself_more_powerful(plane: ControlPlane, namespace: str) -> None:
    install(plane, namespace)
    granted = rules_of(plane, service_account(namespace), "default")
    assert ("ip2a.dev", "ip2as", "list") in granted
    assert not granted & FORBIDDEN


def test_people_with_the_built_in_roles_may_use_the_resource(plane: ControlPlane, namespace: str) -> None:
    install(plane, namespace)
    for role in ("view", "edit"):
        kubectl(plane, "create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}er", "-n", "local46")

    def verbs(user: str) -> set[str]:
        return {
            verb
            for group, resource, verb in rules_of(plane, user, "local46")
            if (group, resource) == ("ip2a.dev", "ip2as")
        }

    reading = {"get", "list", "watch"}
    eventually(lambda: verbs("viewer") == reading, "the view role was not aggregated")
    writing = {"create", "update", "patch", "delete", "deletecollection"}
    eventually(lambda: verbs("editer") == reading | writing, "the edit role was not aggregated")


def test_an_uninstall_that_cannot_clean_up_fails_in_time_and_removes_nothing(
    plane: ControlPlane, namespace: str
) -> None:
    """No kubelet runs here, so the hook's pod never starts: the same as an image that cannot be pulled."""
    install(plane, namespace)
    failed = call(plane, "helm", "uninstall", "ip2a-operator", "--namespace", namespace, "--timeout", "3s")
    assert failed.returncode != 0
    kubectl(plane, "get", "deployment,serviceaccount", "ip2a-operator", "-n", namespace)


def test_without_the_cleanup_an_uninstall_leaves_the_definition_only(plane: ControlPlane, namespace: str) -> None:
    install(plane, namespace, "--set", "cleanup.enabled=false")
    helm(plane, "uninstall", "ip2a-operator", "--namespace", namespace)
    left = kubectl(
        plane, "get", "clusterrole,clusterrolebinding,crd", "-l", "app.kubernetes.io/name=ip2a-operator", "-o", "name"
    )
    assert left.split() == ["customresourcedefinition.apiextensions.k8s.io/ip2as.ip2a.dev"]


def test_a_foreign_definition_is_not_taken_over(plane: ControlPlane, namespace: str) -> None:
    """Two releases must not fight about one definition: the second is told to leave it out."""
    install(plane, namespace)
    second = ("install", "second", str(CHART), "--namespace", "local46")
    refused = call(plane, "helm", *second)
    assert refused.returncode != 0
    assert "ip2as.ip2a.dev" in refused.stderr
    helm(plane, *second, "--set", "crds.enabled=false,scope=namespaced")
    helm(plane, "uninstall", "second", "--namespace", "local46", "--no-hooks")
