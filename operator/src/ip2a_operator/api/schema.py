"""The CRD, made from the models: a structural schema without references, nulls or titles.

Pydantic's JSON schema is translated, never edited by hand; what it cannot express (CEL rules, list types)
stands as extra keys on the models. The API server then enforces exactly what the operator believes.
"""

import copy
from collections.abc import Mapping
from typing import Final, cast

from pydantic import JsonValue

from ip2a_operator.api.v1alpha1 import ROOT_RULES, IP2ASpec, IP2AStatus
from ip2a_operator.names import GROUP, KIND, PLURAL, VERSION

Schema = dict[str, JsonValue]

CRD_NAME: Final = f"{PLURAL}.{GROUP}"

_KEPT: Final = (
    "type",
    "description",
    "enum",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "required",
    "maxProperties",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
)

_COLUMNS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("Users", "integer", ".spec.users", "People in the busiest hour"),
    ("App", "string", ".status.app.summary", "App pods, ready/desired"),
    ("DB", "string", ".status.database.summary", "Database instances, ready/desired"),
    ("URL", "string", ".status.url", "Where browsers find it"),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether it serves as specified"),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', "Why it is so"),
    ("Current", "string", ".status.autoscaling.current", "Sizes: app pods, pools, replicas"),
    ("Desired", "string", ".status.autoscaling.desired", "Sizes the autoscaler wants"),
    ("Bottleneck", "string", ".status.autoscaling.bottleneck", "What limits the platform"),
    ("Age", "date", ".metadata.creationTimestamp", "Time since it was made"),
)
_DETAIL: Final = frozenset({"Reason", "Current", "Desired", "Bottleneck"})


def structural(schema: Mapping[str, JsonValue], definitions: Mapping[str, JsonValue]) -> Schema:
    """One node of pydantic's schema as a node of a structural schema."""
    node = _resolved(schema, definitions)
    out: Schema = {key: copy.deepcopy(node[key]) for key in _KEPT if key in node}
    if node.get("x-kubernetes-int-or-string"):
        out["anyOf"] = copy.deepcopy(node["anyOf"])
    if "const" in node:
        out["enum"] = [node["const"]]
    if isinstance(properties := node.get("properties"), dict):
        out["properties"] = {name: structural(cast("Schema", child), definitions) for name, child in properties.items()}
    if isinstance(items := node.get("items"), dict):
        out["items"] = structural(items, definitions)
    if isinstance(values := node.get("additionalProperties"), dict):
        out["additionalProperties"] = structural(values, definitions)
    if "default" in node and _is_worth_writing(node["default"]):
        out["default"] = _default(out, node["default"])
    return out


def _default(schema: Schema, value: JsonValue) -> JsonValue:
    """Sections default to `{}`, which the fields' own defaults then fill; CEL rules see the default unfilled,
    so a section that has rules gets its values written out."""
    if not schema.get("properties") or not isinstance(value, dict):
        return copy.deepcopy(value)
    if "x-kubernetes-validations" not in schema:
        return {}
    return _worth_writing(value)


def _worth_writing(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return copy.deepcopy(value)
    return {key: _worth_writing(child) for key, child in value.items() if _is_worth_writing(child)}


def _resolved(schema: Mapping[str, JsonValue], definitions: Mapping[str, JsonValue]) -> Schema:
    """The node with its reference followed and an optional's `null` branch dropped; outer keys win."""
    node: Schema = dict(schema)
    if "x-kubernetes-int-or-string" in node:
        return node
    if isinstance(branches := node.pop("anyOf", None), list):
        real = [branch for branch in branches if isinstance(branch, dict) and branch.get("type") != "null"]
        if len(real) != 1:
            raise ValueError(f"a structural schema cannot express this union: {branches}")
        return _resolved({**real[0], **node}, definitions)
    if isinstance(reference := node.pop("$ref", None), str):
        target = cast("Schema", definitions[reference.rsplit("/", 1)[-1]])
        return _resolved({**target, **node}, definitions)
    return node


def _is_worth_writing(default: JsonValue) -> bool:
    """Absent, and not null or an empty collection, is how "not given" looks to CEL's has()."""
    return default is not None and (isinstance(default, bool | int | float) or bool(default))


def _model_schema(model: type[IP2ASpec] | type[IP2AStatus]) -> Schema:
    raw = model.model_json_schema(by_alias=True)
    return structural(raw, raw.get("$defs", {}))


def status_schema() -> Schema:
    """The status, without defaults: the operator writes it whole."""

    def strip(node: JsonValue) -> JsonValue:
        if isinstance(node, dict):
            return {key: strip(value) for key, value in node.items() if key != "default"}
        return [strip(value) for value in node] if isinstance(node, list) else node

    return cast("Schema", strip(_model_schema(IP2AStatus)))


def spec_schema() -> Schema:
    """The spec, with defaults and rules."""
    return _model_schema(IP2ASpec)


def custom_resource_definition() -> Schema:
    """The whole CustomResourceDefinition."""
    columns: list[JsonValue] = []
    for name, kind, path, description in _COLUMNS:
        column: Schema = {"name": name, "type": kind, "jsonPath": path, "description": description}
        columns.append({**column, "priority": 1} if name in _DETAIL else column)
    root: Schema = {
        "type": "object",
        "description": "A membership platform: the app, its database, pooling, cache and ingress.",
        "required": ["spec"],
        "x-kubernetes-validations": [cast("JsonValue", rule._asdict()) for rule in ROOT_RULES],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec_schema(),
            "status": status_schema(),
        },
    }
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root},
        "additionalPrinterColumns": columns,
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.app.replicas",
                "statusReplicasPath": ".status.app.ready",
                "labelSelectorPath": ".status.selector",
            },
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": "ip2a",
                "shortNames": ["ip2a"],
                "categories": ["all"],
            },
            "versions": [version],
        },
    }
