"""Everything we render is valid for the API it is sent to (kubeconform) and well configured (kube-score)."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from charts.generate import GOLDENS, INSTALL
from devcluster.gotools import tool
from tests.packaging import schemas

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "tests" / "unit" / "operator" / "golden"
"""What the operator renders from every sample; its unit tests keep these current."""
TIMEOUT_SECONDS = 120
CRITICAL = 1
STAND_IN = "stand-in"
ASKED_FOR = {"bare.yaml": "pod-networkpolicy", "devcluster.yaml": "container-image-pull-policy"}
"""Cases whose very values ask for what kube-score calls critical: no policies, and images that are at hand."""


def rendered() -> list[Path]:
    """What the chart renders, the plain install, our samples and what the operator renders from each."""
    manifests = ROOT / "manifests"
    directories = (GOLDENS, manifests / "samples", manifests / "quickstart", BUILT)
    return [INSTALL, *(path for directory in directories for path in sorted(directory.glob("*.yaml")))]


@pytest.fixture(name="schema_directory", scope="session")
def _schema_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("schemas")
    schemas.write_all(directory)
    return directory


def kubeconform(schema_directory: Path, text: str) -> tuple[Counter[str], str]:
    """Objects by status, and what was said."""
    run = subprocess.run(
        [
            str(tool("kubeconform")),
            "-output=json",
            "-verbose",
            f"-schema-location={schema_directory}/{schemas.TEMPLATE}",
        ],
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    resources = json.loads(run.stdout)["resources"]
    wrong = [one for one in resources if one["status"] != "statusValid"]
    return Counter(one["status"] for one in resources), json.dumps(wrong, indent=1)


@pytest.mark.parametrize("path", rendered(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_object_is_valid(schema_directory: Path, path: Path) -> None:
    statuses, said = kubeconform(schema_directory, path.read_text())
    assert set(statuses) == {"statusValid"}, said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("maxUnavailable: 1", "maxUnavailable: [1]"),
        ("podSelector:", "podSelectors:"),
        ("replicas: 2", 'replicas: "2"'),
        ("restartPolicy: Never", "restartPolice: Never"),
    ],
)
def test_a_wrong_field_or_type_is_found(schema_directory: Path, right: str, wrong: str) -> None:
    text = (GOLDENS / "default.yaml").read_text()
    assert right in text
    statuses, _ = kubeconform(schema_directory, text.replace(right, wrong))
    assert statuses["statusInvalid"] >= 1


def test_an_unknown_field_of_a_custom_resource_is_found(schema_directory: Path) -> None:
    text = "apiVersion: ip2a.dev/v1alpha1\nkind: IP2A\nmetadata: {name: x}\nspec: {users: 100, usres: 1}\n"
    statuses, said = kubeconform(schema_directory, text)
    assert statuses == {"statusInvalid": 1}
    assert "usres" in said


def criticals(text: str) -> list[str]:
    """What kube-score calls critical of anything but stand-ins, with its default checks and nothing ignored."""
    run = subprocess.run(
        [str(tool("kube-score")), "score", "--output-format=json", "--disable-ignore-checks-annotations", "-"],
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return [
        f"{scored['object_name']}: {check['check']['id']}: {comment['path']} {comment['summary']}"
        for scored in json.loads(run.stdout) or ()
        if STAND_IN not in scored["object_name"]
        for check in scored["checks"]
        if check["grade"] == CRITICAL and not check["skipped"]
        for comment in check["comments"]
    ]


def with_stand_ins(text: str) -> str:
    """And pods that CloudNativePG would make: NetworkPolicies of ours select them, and no manifest holds them."""
    pods = []
    for one in yaml.load_all(text, Loader=yaml.CSafeLoader):
        name, namespace = one["metadata"]["name"], one["metadata"].get("namespace", "default")
        labels = {
            "Cluster": {"cnpg.io/cluster": name, "cnpg.io/podRole": "instance"},
            "Pooler": {"cnpg.io/poolerName": name},
        }.get(one["kind"])
        if labels:
            metadata = {"name": f"{STAND_IN}-{name}", "namespace": namespace, "labels": labels}
            pods.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}})
    return "---\n".join([text, yaml.safe_dump_all(pods)])


def quickstart() -> str:
    """All that `make up` applies, beside what the operator renders for such a resource."""
    directory = ROOT / "manifests" / "quickstart"
    image = "ghcr.io/ip2a/ip2a-app:1.0.0"
    own = [file.read_text().replace("APP_IMAGE", image) for file in sorted(directory.glob("*.yaml"))]
    made = (BUILT / "minimal.yaml").read_text().replace("namespace: members", "namespace: ip2a")
    return "---\n".join([*own, made])


@pytest.mark.parametrize("path", rendered(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_is_critical(path: Path) -> None:
    text = quickstart() if path.parent.name == "quickstart" else path.read_text()
    found = criticals(with_stand_ins(text))
    asked_for = ASKED_FOR.get(path.name, "")
    assert [one for one in found if not asked_for or asked_for not in one] == []
    assert bool(found) == bool(asked_for)


@pytest.mark.parametrize(
    "selector",
    [
        "  podSelector:\n    matchLabels:\n      cnpg.io/poolerName: local46-pool-rw",
        "  podSelector: {matchLabels: {app: local46-mail}}",
    ],
)
def test_a_policy_that_selects_nothing_is_critical(selector: str) -> None:
    text = quickstart()
    assert selector in text
    stood = with_stand_ins(text.replace(selector, selector.replace("local46", "local47"), 1))
    assert any("networkpolic" in found for found in criticals(stood))


def test_a_pod_without_limits_is_critical() -> None:
    text = (GOLDENS / "default.yaml").read_text().replace("limits:", "requests2:")
    assert any("container-resources" in found for found in criticals(text))
