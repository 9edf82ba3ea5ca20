"""The chart: what it refuses, what it grants, and that its documents and its CRD agree with it."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, TypedDict

import pytest
import yaml

from charts.generate import CHART, CRD, RELEASE, documented_values, render
from ip2a_operator import telemetry
from ip2a_operator.permissions import RULES

rendered = functools.cache(render)
"""Most tests look at the same few sets of values."""


class Metadata(TypedDict, total=False):
    name: str
    namespace: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Rule(TypedDict):
    apiGroups: list[str]
    resources: list[str]
    verbs: list[str]
    resourceNames: NotRequired[list[str]]


class Manifest(TypedDict, total=False):
    kind: str
    metadata: Metadata
    spec: dict[str, object]
    rules: list[Rule]
    data: dict[str, str]


def objects(*arguments: str, release: str = RELEASE) -> list[Manifest]:
    """The rendered objects; arguments are helm's."""
    return [
        document
        for document in yaml.load_all(rendered(*arguments, release=release), Loader=yaml.CSafeLoader)
        if document
    ]


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def only(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [manifest for manifest in of_kind(manifests, kind) if manifest["metadata"]["name"] == name]
    return found


def pod_spec(manifest: Manifest) -> dict[str, object]:
    template = manifest["spec"]["template"]
    assert isinstance(template, dict)
    spec = template["spec"]
    assert isinstance(spec, dict)
    return spec


def container(manifest: Manifest) -> dict[str, object]:
    containers = pod_spec(manifest)["containers"]
    assert isinstance(containers, list)
    (one,) = containers
    assert isinstance(one, dict)
    return one


def environment(manifest: Manifest) -> dict[str, str]:
    variables = container(manifest)["env"]
    assert isinstance(variables, list)
    return {variable["name"]: variable.get("value", "") for variable in variables}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", "replica=2"], "replica"),
        (["--set", "images.operater=x/y:1"], "operater"),
        (["--set", "images.redis=redis"], "images/redis"),
        (["--set", "images.redis=docker.io/library/redis:latest"], "images/redis"),
        (["--set", "replicas=-1"], "replicas"),
        (["--set", "replicas=two"], "replicas"),
        (["--set", "scope=namespace"], "scope"),
        (["--set", "scope=namespaced", "--set", "namespaces={Not_A_Name}"], "namespaces"),
        (["--set", "namespaces={one}"], "scope: namespaced"),
        (["--set", "logLevel=loud"], "logLevel"),
        (["--set", "cleanup.timeoutSeconds=0"], "timeoutSeconds"),
        (["--set", "networkPolicy.apiServerPorts={70000}"], "apiServerPorts"),
        (["--set", "resources.limits.cpus=1"], "cpus"),
        (["--set", "crds.install=true"], "install"),
    ],
)
def test_wrong_values_are_refused_by_name(arguments: list[str], named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)):
        render(*arguments)


def test_the_schema_knows_every_value_and_closes_every_section() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def sections(part: dict[str, object], found: dict[str, object], path: str) -> Iterator[str]:
        properties = part.get("properties")
        if not isinstance(properties, dict):
            return
        assert part.get("additionalProperties") is False, f"{path} takes unknown keys"
        assert set(found) <= set(properties), path
        for key, value in found.items():
            yield f"{path}.{key}".removeprefix(".")
            if isinstance(value, dict):
                yield from sections(properties[key], value, f"{path}.{key}")

    assert {"replicas", "images.operator", "cleanup.timeoutSeconds"} <= set(sections(schema, values, ""))


def test_every_value_is_documented() -> None:
    text = (CHART / "values.yaml").read_text()
    documented = {value.path for value in documented_values(text)}

    def leaves(values: dict[str, object], path: str) -> Iterator[str]:
        for key, value in values.items():
            name = f"{path}.{key}".removeprefix(".")
            if name not in documented and isinstance(value, dict) and value:
                yield from leaves(value, name)
            else:
                yield name

    assert set(leaves(yaml.safe_load(text), "")) == documented


def test_the_definition_is_the_generated_one_and_is_kept() -> None:
    crd = only(objects(), "CustomResourceDefinition", "ip2as.ip2a.dev")
    assert crd["spec"] == yaml.safe_load(CRD.read_text())["spec"]
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_definition_can_be_left_out_or_removed_with_the_release() -> None:
    assert not of_kind(objects("--set", "crds.enabled=false"), "CustomResourceDefinition")
    crd = only(objects("--set", "crds.keep=false"), "CustomResourceDefinition", "ip2as.ip2a.dev")
    assert "helm.sh/resource-policy" not in crd["metadata"].get("annotations", {})


@pytest.mark.parametrize("scope", ["cluster", "namespaced"])
def test_no_right_is_a_wildcard(scope: str) -> None:
    manifests = objects("--set", f"scope={scope}")
    roles = of_kind(manifests, "Role") + of_kind(manifests, "ClusterRole")
    assert roles
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], role["metadata"]["name"]


def test_both_scopes_grant_the_same_rules() -> None:
    cluster = only(objects(), "ClusterRole", "ip2a-operator")
    role = only(objects("--set", "scope=namespaced"), "Role", "ip2a-operator")
    assert role["rules"] == cluster["rules"]
    assert role["metadata"]["namespace"] == "ip2a-system"


def grants(rules: list[Rule]) -> set[tuple[str, str, str]]:
    """(group, resource, verb) one by one."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize(
    ("where", "kind", "name"), [("watched", "ClusterRole", "ip2a-operator"), ("own", "Role", "ip2a-operator-lease")]
)
def test_the_rights_are_what_the_code_says_it_calls(where: str, kind: str, name: str) -> None:
    """That the code calls nothing else is shown where it runs: with these rights, and no others."""
    called = {(rule.group, rule.resource, verb) for rule in RULES if rule.where == where for verb in rule.verbs}
    assert called
    assert grants(only(objects(), kind, name)["rules"]) == called


def test_a_lease_right_holds_for_the_one_lease_only() -> None:
    """Creation cannot be limited to a name."""
    rules = only(objects(), "Role", "ip2a-operator-lease")["rules"]
    unlimited = {verb for rule in rules if not rule.get("resourceNames") for verb in rule["verbs"]}
    assert unlimited == {"create"}
    named = {name for rule in rules for name in rule.get("resourceNames", [])}
    assert named == {environment(only(objects(), "Deployment", "ip2a-operator"))["IP2A_OPERATOR_LEASE_NAME"]}


def test_namespaced_scope_grants_nothing_cluster_wide() -> None:
    manifests = objects("--set", "scope=namespaced,namespaces={one,two},rbac.aggregate=false")
    assert not of_kind(manifests, "ClusterRole")
    assert not of_kind(manifests, "ClusterRoleBinding")
    granted = {
        role["metadata"]["namespace"]
        for role in of_kind(manifests, "Role")
        if role["metadata"]["name"] == "ip2a-operator"
    }
    assert granted == {"one", "two"}
    assert environment(only(manifests, "Deployment", "ip2a-operator"))["IP2A_OPERATOR_NAMESPACES"] == "one,two"


def test_cluster_scope_watches_every_namespace() -> None:
    assert environment(only(objects(), "Deployment", "ip2a-operator"))["IP2A_OPERATOR_NAMESPACES"] == ""


def test_the_operator_is_told_every_image_of_the_values() -> None:
    images = yaml.safe_load((CHART / "values.yaml").read_text())["images"]
    deployment = only(objects(), "Deployment", "ip2a-operator")
    assert container(deployment)["image"] == images.pop("operator")
    told = {
        name.removeprefix("IP2A_OPERATOR_IMAGE_"): value
        for name, value in environment(deployment).items()
        if name.startswith("IP2A_OPERATOR_IMAGE_") and name != "IP2A_OPERATOR_IMAGE_PULL_POLICY"
    }
    assert told == {re.sub(r"([A-Z])", r"_\1", name).upper(): image for name, image in images.items()}


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_meet_the_restricted_standard(kind: str) -> None:
    """Checked by the API server's own admission, too, on the real cluster."""
    (workload,) = of_kind(objects(), kind)
    pod = pod_spec(workload)
    context = pod["securityContext"]
    assert isinstance(context, dict)
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(workload)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_uninstalling_cannot_hang() -> None:
    manifests = objects("--set", "cleanup.timeoutSeconds=90")
    (job,) = of_kind(manifests, "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    assert job["spec"]["activeDeadlineSeconds"] == 150
    assert job["spec"]["backoffLimit"] == 0
    assert container(job)["args"] == ["--timeout=90"]


def test_the_cleanup_may_only_delete_ip2a_resources_and_only_while_it_runs() -> None:
    manifests = objects()
    rules = only(manifests, "ClusterRole", "ip2a-operator-cleanup")["rules"]
    assert rules == [{"apiGroups": ["ip2a.dev"], "resources": ["ip2as"], "verbs": ["get", "list", "watch", "delete"]}]
    for manifest in manifests:
        if manifest["metadata"]["name"] == "ip2a-operator-cleanup":
            assert manifest["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete", manifest["kind"]


def test_a_single_replica_has_no_disruption_budget() -> None:
    assert of_kind(objects(), "PodDisruptionBudget")
    assert not of_kind(objects("--set", "replicas=1"), "PodDisruptionBudget")


def test_two_releases_share_no_cluster_wide_name() -> None:
    names = [
        {
            (manifest["kind"], manifest["metadata"]["name"])
            for manifest in objects(release=name)
            if "namespace" not in manifest["metadata"]
        }
        for name in ("first", "second")
    ]
    assert names[0] & names[1] == {("CustomResourceDefinition", "ip2as.ip2a.dev")}


def test_every_metric_on_the_dashboard_is_one_the_operator_has() -> None:
    (dashboard,) = [
        json.loads(one["data"]["ip2a-operator.json"])
        for one in objects("--set", "dashboard.enabled=true")
        if one["kind"] == "ConfigMap"
    ]
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    shown = {re.sub(r"_bucket$", "", name) for name in re.findall(r"ip2a_operator_\w+", asked)}
    sources = Path(telemetry.__file__).parents[1].rglob("*.py")
    named = {name for path in sources for name in re.findall(r'"(ip2a_operator_\w+)"', path.read_text())}
    assert shown
    assert shown <= named
