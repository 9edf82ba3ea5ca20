"""Secrets and ConfigMaps that people make: a change replaces exactly the pods that use them, and nothing else does."""

from typing import Any

import pytest

from ip2a_operator.domain.builders.secrets import secrets
from ip2a_operator.domain.desired import desired
from ip2a_operator.domain.observed import Observed, Ref
from ip2a_operator.domain.plan import Plan, make_stack, plan
from ip2a_operator.domain.references import _used, followed, named
from ip2a_operator.domain.resource import Resource
from ip2a_operator.names import BASELINE_ANNOTATION, REFERENCES_ANNOTATION
from tests.unit.operator.worlds import NOW, SURROUNDINGS, World, resource, resource_from, sample, sample_names

S3, COLOURS = Ref("v1", "Secret", "documents-s3"), Ref("v1", "ConfigMap", "colours")
SPEC: dict[str, Any] = {
    "storage": {"endpoint": "https://s3.example", "bucket": "documents", "credentials": {"name": "documents-s3"}},
    "app": {"envFrom": [{"configMapRef": {"name": "colours"}}]},
}
APP, WORKER = (Ref("apps/v1", "Deployment", f"local46-{name}") for name in ("app", "worker"))


def settled(digests: dict[Ref, str]) -> tuple[World, Resource]:
    world, wanted = World(references=dict(digests)), resource(SPEC)
    world.settle(wanted)
    return world, wanted


def replan(world: World, wanted: Resource) -> Plan:
    return plan(wanted, world.observed(), SURROUNDINGS, NOW)


def template_checksum(world: World, ref: Ref) -> str | None:
    found: str | None = world.objects[ref]["spec"]["template"]["metadata"]["annotations"].get(REFERENCES_ANNOTATION)
    return found


def changed(world: World, wanted: Resource) -> set[Ref]:
    """What is applied now, and what it makes of the world."""
    made = replan(world, wanted)
    world.perform(made.actions)
    world.heal()
    return {action.ref for action in made.actions}


@pytest.mark.parametrize("name", sample_names())
def test_everything_that_pods_read_is_generated_or_read_by_the_operator(name: str) -> None:
    wanted = resource_from(sample(name))
    stack = make_stack(wanted, Observed(), SURROUNDINGS)
    generated = {secret.name for secret in secrets(stack)} | {stack.database_ca}
    deployments = [item.manifest for item in desired(stack) if item.ref.kind == "Deployment"]
    used = {ref for manifest in deployments for ref, _ in _used(manifest)}
    assert {ref for ref in used if ref.name not in generated} <= named(wanted.spec)


def test_a_change_replaces_the_pods_that_use_it() -> None:
    world, wanted = settled({S3: "one", COLOURS: "one"})
    redis = world.objects[Ref("apps/v1", "StatefulSet", "local46-redis")]["spec"]["template"]
    assert template_checksum(world, APP) is None, "what they started with is no change"
    world.references[S3] = "two"
    assert changed(world, wanted) == {APP, WORKER}
    second = template_checksum(world, APP)
    assert second is not None
    assert changed(world, wanted) == set()
    world.references[S3] = "one"
    assert changed(world, wanted) == {APP, WORKER}
    assert template_checksum(world, APP) not in {None, second}, "going back is a change too"
    assert world.objects[Ref("apps/v1", "StatefulSet", "local46-redis")]["spec"]["template"] == redis


def test_learning_of_a_reference_restarts_nothing() -> None:
    world, wanted = settled({})
    before = world.objects[APP]["spec"]["template"]
    world.references |= {S3: "one", COLOURS: "one"}
    assert changed(world, wanted) == {APP, WORKER}
    assert world.objects[APP]["metadata"]["annotations"][BASELINE_ANNOTATION]
    assert world.objects[APP]["spec"]["template"] == before


@pytest.mark.parametrize("unknown", [{S3: "two"}, {S3: "two", COLOURS: ""}, {}])
def test_what_is_unknown_or_missing_changes_nothing(unknown: dict[Ref, str]) -> None:
    world, wanted = settled({S3: "one", COLOURS: "one"})
    world.references = unknown
    assert changed(world, wanted) == set()


def test_an_operator_that_knows_nothing_yet_keeps_what_was_rolled_out() -> None:
    world, wanted = settled({S3: "one", COLOURS: "one"})
    world.references[S3] = "two"
    changed(world, wanted)
    world.references = {}
    assert changed(world, wanted) == set()


def test_an_optional_reference_may_be_missing_and_come() -> None:
    optional = {"name": "MOTTO", "valueFrom": {"configMapKeyRef": {"name": "mottos", "key": "k", "optional": True}}}
    mottos = Ref("v1", "ConfigMap", "mottos")
    world, wanted = World(references={mottos: ""}), resource({"app": {"env": [optional]}})
    world.settle(wanted)
    world.references[mottos] = "one"
    assert changed(world, wanted) == {APP, WORKER}


def test_volumes_of_every_kind_are_seen() -> None:
    volumes = [
        {"name": "a", "secret": {"secretName": "a"}},
        {"name": "b", "configMap": {"name": "b"}},
        {"name": "c", "projected": {"sources": [{"secret": {"name": "c"}}, {"configMap": {"name": "d"}}]}},
        {"name": "e", "emptyDir": {}},
    ]
    found = named(resource({"app": {"volumes": volumes}}).spec)
    assert {(ref.kind, ref.name) for ref in found} == {
        ("Secret", "a"),
        ("ConfigMap", "b"),
        ("Secret", "c"),
        ("ConfigMap", "d"),
    }


def test_nothing_but_deployments_is_touched() -> None:
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}
    assert followed(manifest, None, {S3: "one"}, ()) is manifest
    plain = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {}}}
    assert followed(plain, None, {}, ()) is plain
