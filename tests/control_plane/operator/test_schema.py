"""The CRD on a real API server: every constraint and every rule is violated once, every sample is accepted.

The violations are enumerated from the schema itself, so a constraint that is added is tested without a new
test;
a CEL rule that is added fails the test until it has a counter-example here.
"""

import copy
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import httpx
import pytest

from ip2a_operator.api.schema import custom_resource_definition, spec_schema
from tests.control_plane.operator.kube import Json, Kube
from tests.unit.operator.worlds import sample, sample_names

pytestmark = pytest.mark.control_plane

Path = tuple[str | int, ...]

EXAMPLES = {
    r"^s3://[^\s]+$": "s3://bucket/path",
    r"^https?://[^\s]+$": "http://host",
    r"^(@[a-z]+|([^\s]+\s+){4}[^\s]+)$": "0 3 * * *",
    r"^[0-9a-fA-F:.]+/[0-9]{1,3}$": "10.0.0.0/8",
    r"^([0-9]+(s|m|h|d|w))$": "30d",
    r"^[^@\s]+@[^@\s]+$": "a@b",
    r"^/": "/x",
    r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$": "8Gi",
}
BAD_TEXT = " %"
"""Matches none of the patterns."""
NEEDED: dict[str, Json] = {
    # What CEL wants beside the field in question, by the name of the object that holds it.
    "readiness": {"tcpSocket": {}},
    "liveness": {"tcpSocket": {}},
    "startup": {"tcpSocket": {}},
}


@dataclass(frozen=True)
class Violation:
    """A spec that is right, and the same made wrong in one place."""

    label: str
    right: Json
    wrong: Json
    field: str


def example(schema: Json, name: str = "") -> Any:
    """The smallest valid value of a schema."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        required = {key: example(properties[key], key) for key in schema.get("required", [])}
        return {**copy.deepcopy(NEEDED.get(name, {})), **required}
    if schema.get("type") == "array":
        return [example(schema["items"])] * schema.get("minItems", 0)
    if schema.get("x-kubernetes-int-or-string"):
        return "100Mi"
    text = EXAMPLES.get(schema.get("pattern", ""), "abc")
    return {"integer": schema.get("minimum", 1), "boolean": True}.get(schema.get("type", ""), text)


def nodes(schema: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every node of a schema with its path; list items are 0."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, (*path, name))
    if "items" in schema:
        yield from nodes(schema["items"], (*path, 0))


def with_value(path: Path, value: Any) -> Json:
    """The smallest valid spec that has this value at this path."""
    schema = cast("Json", spec_schema())
    root: Json = example(schema)
    node: Any = root
    for position, step in enumerate(path):
        schema = schema["items"] if step == 0 else schema["properties"][step]
        last = position == len(path) - 1
        if isinstance(step, int):
            child = value if last else example(schema)
            node[:] = [child]
        else:
            child = value if last else node.get(step, example(schema, step))
            if step in {"httpGet", "exec"}:
                node.pop("tcpSocket", None)
            node[step] = child
        node = child
    return root if path else cast("Json", value)


def wrong_values(schema: Json) -> Iterator[tuple[str, Any]]:
    """One value for each constraint of a node, and what it violates."""
    wrong_type = {"object": 7, "array": 7, "integer": "x", "boolean": "x", "string": 7}
    if schema.get("type") in wrong_type:
        yield "type", wrong_type[schema["type"]]
    scalars: dict[str, Callable[[int], Any]] = {
        "enum": lambda _: "no such choice",
        "minimum": lambda bound: bound - 1,
        "maximum": lambda bound: bound + 1,
        "pattern": lambda _: BAD_TEXT,
        "minLength": lambda _: "",
        "maxLength": lambda bound: "/" + "a" * bound,
        "minItems": lambda _: [],
        "maxProperties": lambda bound: {f"key{index}": "x" for index in range(bound + 1)},
    }
    for what, make in scalars.items():
        if what in schema:
            yield what, make(schema[what])
    if "maxItems" in schema:
        items = [example(schema["items"]) for _ in range(schema["maxItems"] + 1)]
        yield "maxItems", [_named(item, index) for index, item in enumerate(items)]
    if "properties" in schema:
        yield from _wrong_objects(schema)


def _wrong_objects(schema: Json) -> Iterator[tuple[str, Any]]:
    right = example(schema)
    for key in schema.get("required", []):
        yield f"required {key}", {name: value for name, value in right.items() if name != key}
    yield "unknown field", {**right, "noSuchField": 1}


def _named(item: Any, index: int) -> Any:
    return {**item, "name": f"n{index}"} if isinstance(item, dict) and "name" in item else item


def violations() -> list[Violation]:
    found = []
    for path, schema in nodes(cast("Json", spec_schema())):
        for what, value in wrong_values(schema):
            right = with_value(path, example(schema, str(path[-1]) if path else ""))
            dotted = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
            label = f"spec{dotted} {what}"
            found.append(Violation(label, right, with_value(path, value), _last_field(path, what)))
    return found


def _last_field(path: Path, what: str) -> str:
    if what == "unknown field":
        return "noSuchField"
    if what.startswith("required "):
        return what.removeprefix("required ")
    return next((step for step in reversed(path) if isinstance(step, str)), "spec")


def dry_run(kube: Kube, spec: Json, name: str = "x", method: str = "POST") -> httpx.Response:
    body = {
        "apiVersion": "ip2a.dev/v1alpha1",
        "kind": "IP2A",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }
    path = "/apis/ip2a.dev/v1alpha1/namespaces/default/ip2as"
    return kube.request(method, path, json=body, params={"dryRun": "All", "fieldValidation": "Strict"})


def test_every_constraint_is_enforced_and_its_field_is_named(kube: Kube) -> None:
    cases = violations()
    assert len(cases) > 400
    rights = {json.dumps(case.right, sort_keys=True): case for case in cases}
    with ThreadPoolExecutor(4) as pool:
        wrong = [*pool.map(partial(_accepted, kube), rights.values()), *pool.map(partial(_refused, kube), cases)]
    assert not list(filter(None, wrong)), "\n".join(filter(None, wrong))


def _accepted(kube: Kube, case: Violation) -> str:
    """What is wrong with how the right spec was answered; empty when nothing."""
    response = dry_run(kube, case.right)
    return "" if response.status_code == 201 else f"{case.label}: right, but refused: {response.text[:300]}"


def _refused(kube: Kube, case: Violation) -> str:
    response = dry_run(kube, case.wrong)
    good = response.status_code in {400, 422} and case.field in response.text
    return "" if good else f"{case.label}: {response.status_code} {response.text[:300]}"


@pytest.mark.parametrize("name", sample_names())
def test_samples_are_accepted(kube: Kube, name: str) -> None:
    response = dry_run(kube, sample(name)["spec"])
    assert response.status_code == 201, response.text


EXTERNAL = {"host": "h", "secret": {"name": "s"}}
BACKUP = {"destination": "s3://b/p", "credentials": {"name": "s"}}
CREATED_WRONG: dict[str, Json] = {
    "set value or valueFrom": {"app": {"env": [{"name": "A", "value": "1", "valueFrom": {}}]}},
    "a probe needs exactly one": {"app": {"probes": {"readiness": {"periodSeconds": 3}}}},
    "database.external excludes": {"database": {"external": EXTERNAL, "backup": BACKUP}},
    "durability synchronous needs": {"database": {"durability": "synchronous", "instances": 1}},
    "cache.external excludes": {"cache": {"external": {"host": "h"}, "memory": "1Gi"}},
    "ingress.parentRefs excludes": {"ingress": {"host": "h", "parentRefs": [{"name": "g"}], "className": "c"}},
    "min must not be greater": {"autoscaling": {"app": {"min": 3, "max": 2}}},
}
CHANGED_WRONG: dict[str, tuple[Json, Json]] = {
    "size cannot shrink": (
        {"database": {"storage": {"size": "5Gi"}}},
        {"database": {"storage": {"size": "4096Mi"}}},
    ),
    "storageClass cannot change": (
        {"database": {"storage": {"storageClass": "a"}}},
        {"database": {"storage": {"storageClass": "b"}}},
    ),
    "database.external cannot be added": ({}, {"database": {"external": EXTERNAL}}),
    "cache.persistence cannot change": ({"cache": {"persistence": {}}}, {"cache": {"enabled": True}}),
}
NAMED_WRONG = {
    "metadata.name must have at most": "a" * 41,
    "metadata.name must start with a letter": "1a",
}


def rule_messages() -> set[str]:
    """The messages of all CEL rules of the CRD."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for rule in node.get("x-kubernetes-validations", []):
                yield rule["message"]
            for child in node.values():
                yield from walk(child)
        elif isinstance(node, list):
            for child in node:
                yield from walk(child)

    return set(walk(custom_resource_definition()))


def test_every_rule_has_a_counter_example() -> None:
    examples = [*CREATED_WRONG, *CHANGED_WRONG, *NAMED_WRONG]
    untested = {message for message in rule_messages() if not any(start in message for start in examples)}
    assert not untested
    assert all(any(start in message for message in rule_messages()) for start in examples)


@pytest.mark.parametrize("message", CREATED_WRONG)
def test_rule_on_creation(kube: Kube, message: str) -> None:
    response = dry_run(kube, {"users": 1, **CREATED_WRONG[message]})
    assert response.status_code == 422
    assert message in response.text


@pytest.mark.parametrize("message", NAMED_WRONG)
def test_rule_on_names(kube: Kube, message: str) -> None:
    response = dry_run(kube, {"users": 1}, name=NAMED_WRONG[message])
    assert response.status_code == 422
    assert message in response.text


@pytest.mark.parametrize("message", CHANGED_WRONG)
def test_rule_on_change(kube: Kube, namespace: str, message: str) -> None:
    old, new = CHANGED_WRONG[message]
    manifest = {"apiVersion": "ip2a.dev/v1alpha1", "kind": "IP2A", "metadata": {"name": "x", "namespace": namespace}}
    assert kube.apply({**manifest, "spec": {"users": 1, **old}}).status_code == 201
    response = kube.apply({**manifest, "spec": {"users": 1, **new}})
    assert response.status_code == 422
    assert message in response.text
