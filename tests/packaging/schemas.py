"""JSON schemas of every kind that we render, from the sources of what defines the kind.

kubeconform would load them from the network; here they come from the Go modules the cluster is built from, closed
so that a field nobody knows is an error. Nothing is validated here.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from devcluster.addons import cnpg_manifest
from devcluster.gotools import module_directory

Schema = dict[str, object]

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
"""Where kubeconform finds the schema of a kind below the directory."""

PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
PROMETHEUS_OPERATOR_SUM = "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="
MONITORS = ("servicemonitors", "podmonitors", "prometheusrules")
INT_OR_STRING: Schema = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
QUANTITY: Schema = {"oneOf": [{"type": "string"}, {"type": "number"}]}
QUANTITY_NAME = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def write_all(directory: Path) -> None:
    """The schema of every kind of Kubernetes, CloudNativePG, Gateway API, Prometheus Operator and ours."""
    for group, kind, version, schema in [*_kubernetes(), *_custom(_definitions())]:
        path = directory / (group or version) / f"{kind.lower()}_{version}.json"  # as kubeconform calls the core group
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema))


def monitoring_crds() -> list[Path]:
    """Prometheus Operator's definitions of the kinds that we render."""
    directory = _prometheus_operator() / "example" / "prometheus-operator-crd"
    return [directory / f"monitoring.coreos.com_{plural}.yaml" for plural in MONITORS]


def _kubernetes() -> Iterator[tuple[str, str, str, Schema]]:
    source = module_directory("cluster", "k8s.io/kubernetes") / "api" / "openapi-spec" / "swagger.json"
    definitions: dict[str, Schema] = json.loads(source.read_text())["definitions"]
    closed = {name: _closed(definition) for name, definition in definitions.items()}
    closed[QUANTITY_NAME] = QUANTITY
    for name, definition in definitions.items():
        kinds = definition.get("x-kubernetes-group-version-kind", [])
        assert isinstance(kinds, list)
        if len(kinds) != 1:  # kinds of several groups are options of requests, not objects
            continue
        needed = {one: closed[one] for one in _reachable(name, closed)}
        schema: Schema = {"$ref": f"#/definitions/{name}", "definitions": needed}
        yield kinds[0]["group"], kinds[0]["kind"], kinds[0]["version"], schema


def _custom(definitions: Iterable[Schema]) -> Iterator[tuple[str, str, str, Schema]]:
    for definition in definitions:
        spec = definition["spec"]
        assert isinstance(spec, dict)
        for version in spec["versions"]:
            schema = _closed(version["schema"]["openAPIV3Schema"])
            properties = schema.setdefault("properties", {})
            assert isinstance(properties, dict)
            for name in ("apiVersion", "kind", "metadata"):
                properties.setdefault(name, {})
            yield spec["group"], spec["names"]["kind"], version["name"], schema


def _definitions() -> Iterator[Schema]:
    """CustomResourceDefinitions of what we use and of what we define."""
    gateway = module_directory("ingress", "sigs.k8s.io/gateway-api") / "config" / "crd" / "standard"
    ours = ROOT / "manifests" / "crds"
    files = [cnpg_manifest(), *gateway.glob("*.yaml"), *monitoring_crds(), *ours.glob("*.yaml")]
    for file in files:
        for document in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            if document and document["kind"] == "CustomResourceDefinition":
                yield document


def _prometheus_operator() -> Path:
    """Its sources; no module of ours depends on them, so the checksum stands here instead of in a go.sum."""
    run = subprocess.run(
        ["go", "mod", "download", "-json", PROMETHEUS_OPERATOR],
        cwd=ROOT / "devcluster" / "go" / "cluster",
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    module: dict[str, str] = json.loads(run.stdout)
    assert module["Sum"] == PROMETHEUS_OPERATOR_SUM
    return Path(module["Dir"])


def _closed(schema: Schema) -> Schema:
    """The schema with every object that lists its fields taking no others."""
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return INT_OR_STRING
    result = {key: _closed_part(key, value) for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result


def _closed_part(key: str, value: object) -> object:
    if key == "properties" and isinstance(value, dict):  # its keys are names of fields, not words of a schema
        return {name: _closed(schema) for name, schema in value.items()}
    if key in {"default", "enum", "example"}:
        return value
    if isinstance(value, dict):
        return _closed(value)
    if isinstance(value, list):
        return [_closed(one) if isinstance(one, dict) else one for one in value]
    return value


def _reachable(name: str, definitions: dict[str, Schema]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += re.findall(r'"#/definitions/([^"]+)"', json.dumps(definitions[one]))
    return found
