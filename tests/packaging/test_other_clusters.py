"""Files for tools that cannot run on every machine: kind, skaffold and GitHub's runners.

kind's configuration is decoded by kind's own type, its addons are rendered by kubectl, workflows are read by
actionlint. skaffold publishes no type that can be had: its file is held to the fields and values it may have here.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from charts.generate import CHART
from devcluster.addons import cnpg_manifest
from devcluster.dockerfiles import SOURCES
from devcluster.gotools import module_directory, module_version, tool

ROOT = Path(__file__).resolve().parents[2]
KIND_CONFIG = ROOT / "kind-config.yaml"
KIND_TYPE = Path(__file__).with_name("kind_config")
ADDONS = ROOT / "manifests" / "kind"
SKAFFOLD = ROOT / "skaffold.yaml"
WORKFLOWS = ROOT / ".github" / "workflows"
TIMEOUT_SECONDS = 300


def decode_with_kind(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["go", "run", "-mod=readonly", "."],
        cwd=KIND_TYPE,
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def test_kind_reads_its_configuration() -> None:
    decoded = decode_with_kind(KIND_CONFIG.read_text())
    assert decoded.returncode == 0, decoded.stderr
    cluster = json.loads(decoded.stdout)
    assert [node["role"] for node in cluster["nodes"]] == ["control-plane", "worker", "worker"]
    ports = {(port["hostPort"], port["containerPort"]) for port in cluster["nodes"][0]["extraPortMappings"]}
    assert ports == {(8080, 80), (8443, 443)}
    zones = [node["labels"]["topology.kubernetes.io/zone"] for node in cluster["nodes"][1:]]
    assert len(set(zones)) == 2
    assert {node["image"].split("@")[0] for node in cluster["nodes"]} == {"kindest/node:v1.36.1"}


def test_kind_refuses_a_field_it_does_not_know() -> None:
    decoded = decode_with_kind(KIND_CONFIG.read_text().replace("hostPort", "hostport"))
    assert decoded.returncode == 1
    assert "field hostport not found" in decoded.stderr


def test_the_installed_kind_is_the_one_whose_type_is_tested() -> None:
    required = re.search(r"sigs\.k8s\.io/kind (v\S+)", (KIND_TYPE / "go.mod").read_text())
    installed = re.search(r"sigs\.k8s\.io/kind@(v\S+)", (WORKFLOWS / "ci.yml").read_text())
    assert required
    assert installed
    assert required[1] == installed[1]


@pytest.fixture(name="addons")
def _addons(tmp_path: Path) -> list[dict[str, Any]]:
    """manifests/kind as kubectl renders it; what it would load from the network is taken from the Go modules."""
    kustomization = yaml.safe_load((ADDONS / "kustomization.yaml").read_text())
    gateway, cnpg, own = kustomization["resources"]
    assert f"/{module_version('ingress', 'sigs.k8s.io/gateway-api')}/" in gateway
    assert cnpg.rpartition("/")[2] == cnpg_manifest().name
    crds = module_directory("ingress", "sigs.k8s.io/gateway-api") / "config" / "crd" / "standard"
    local = [
        *sorted(crds.glob("gateway.networking.k8s.io_*.yaml")),
        cnpg_manifest(),
        (ADDONS / own).resolve(),
    ]
    kustomization["resources"] = [_beside(path, tmp_path) for path in local]
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    rendered = subprocess.run(
        [str(tool("kubectl")), "kustomize", "--load-restrictor=LoadRestrictionsNone", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert rendered.returncode == 0, rendered.stderr
    return list(yaml.safe_load_all(rendered.stdout))


def _beside(path: Path, directory: Path) -> str:
    """kustomize takes relative paths only."""
    link = directory / path.name
    link.symlink_to(path)
    return link.name


def test_kind_gets_the_ingress_on_the_node_with_the_host_ports(addons: list[dict[str, Any]]) -> None:
    (traefik,) = [one for one in addons if one["kind"] == "Deployment" and one["metadata"]["name"] == "traefik"]
    pod = traefik["spec"]["template"]["spec"]
    ports = {port["name"]: port.get("hostPort") for port in pod["containers"][0]["ports"]}
    assert ports == {"web": 80, "websecure": 443, "metrics": None}
    (selected,) = pod["nodeSelector"].items()
    nodes = yaml.safe_load(KIND_CONFIG.read_text())["nodes"]
    (matching,) = [node for node in nodes if selected in node.get("labels", {}).items()]
    assert matching["extraPortMappings"]


def test_kind_gets_what_the_operator_needs(addons: list[dict[str, Any]]) -> None:
    made = {(one["kind"], one["metadata"]["name"]) for one in addons}
    assert ("CustomResourceDefinition", "clusters.postgresql.cnpg.io") in made
    assert ("CustomResourceDefinition", "httproutes.gateway.networking.k8s.io") in made
    assert ("Deployment", "prometheus") in made
    assert ("IngressClass", "traefik") in made
    assert not [name for kind, name in made if kind == "GatewayClass"]


SKAFFOLD_FIELDS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "build", "manifests", "deploy"],
    "properties": {
        "apiVersion": {"const": "skaffold/v4beta13"},
        "kind": {"const": "Config"},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"name": {"type": "string"}},
        },
        "build": {"$ref": "#/definitions/build"},
        "manifests": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"rawYaml": {"type": "array", "items": {"type": "string"}}},
        },
        "deploy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "statusCheckDeadlineSeconds": {"type": "integer"},
                "kubectl": {"type": "object", "additionalProperties": False},
                "helm": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"releases": {"type": "array", "items": {"$ref": "#/definitions/release"}}},
                },
            },
        },
        "profiles": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "build": {"$ref": "#/definitions/build"}},
            },
        },
    },
    "definitions": {
        "build": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "tagPolicy": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"inputDigest": {"type": "object"}},
                },
                "local": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"push": {"type": "boolean"}, "useBuildkit": {"type": "boolean"}},
                },
                "artifacts": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["image"],
                        "properties": {
                            "image": {"type": "string"},
                            "context": {"type": "string"},
                            "docker": {
                                "type": "object",
                                "additionalProperties": False,
                                "properties": {"dockerfile": {"type": "string"}},
                            },
                        },
                    },
                },
            },
        },
        "release": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "chartPath": {"type": "string"},
                "namespace": {"type": "string"},
                "createNamespace": {"type": "boolean"},
                "wait": {"type": "boolean"},
                "setValues": {"type": "object"},
                "setValueTemplates": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    },
}
"""Fields of skaffold's published schema v4beta13 that our file uses, and no others."""


def skaffold() -> dict[str, Any]:
    loaded = yaml.safe_load(SKAFFOLD.read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_skaffold_has_only_fields_of_its_schema() -> None:
    jsonschema.Draft7Validator(SKAFFOLD_FIELDS).validate(skaffold())


def test_a_misspelt_field_is_found() -> None:
    wrong = skaffold()
    wrong["deploy"]["helm"]["releases"][0]["chartpath"] = "charts/ip2a-operator"
    with pytest.raises(jsonschema.ValidationError, match="chartpath"):
        jsonschema.Draft7Validator(SKAFFOLD_FIELDS).validate(wrong)


def test_skaffold_builds_the_images_that_the_chart_and_make_up_name() -> None:
    built = {one["image"]: one["docker"]["dockerfile"] for one in skaffold()["build"]["artifacts"]}
    assert built == {source.repository: source.dockerfile for source in SOURCES.values()}
    (release,) = skaffold()["deploy"]["helm"]["releases"]
    given = release["setValueTemplates"]
    images = yaml.safe_load((CHART / "values.yaml").read_text())["images"]
    for name, source in SOURCES.items():
        assert images[name].startswith(f"{source.repository}:")
        variable = re.sub(r"[/.:-]", "_", source.repository)
        assert given[f"images.{name}"] == f"{{{{.IMAGE_FULLY_QUALIFIED_{variable}}}}}"


def test_every_path_in_skaffold_exists() -> None:
    document = skaffold()
    paths = [*document["manifests"]["rawYaml"], *(one["chartPath"] for one in document["deploy"]["helm"]["releases"])]
    paths += [one["docker"]["dockerfile"] for one in document["build"]["artifacts"]]
    assert not [path for path in paths if not (ROOT / path).exists()]


def workflows() -> list[Path]:
    return sorted(WORKFLOWS.glob("*.yml"))


@pytest.mark.parametrize("path", workflows(), ids=lambda path: path.name)
def test_actionlint_finds_nothing(path: Path) -> None:
    found = subprocess.run(
        [str(tool("actionlint")), "-no-color", "-shellcheck=", "-pyflakes=", str(path)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("path", workflows(), ids=lambda path: path.name)
def test_workflows_pin_actions_and_start_without_rights(path: Path) -> None:
    text = path.read_text()
    for used in re.findall(r"uses:\s*(\S+.*)$", text, re.MULTILINE):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "permissions" not in job, name
        assert job["timeout-minutes"] <= 90, name
