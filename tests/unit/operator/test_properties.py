"""Properties of every plan, for specs and worlds that hypothesis makes up."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ip2a_operator.domain.actions import Delete
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.plan import plan
from tests.unit.operator.worlds import NOW, SURROUNDINGS, UID, World, resource

PROFILE = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    spec: dict[str, Any] = {"users": draw(st.integers(1, 20_000))}
    app: dict[str, Any] = {
        "replicas": draw(st.none() | st.integers(0, 10)),
        "worker": {"enabled": draw(st.booleans())},
        "env": [{"name": "EXTRA", "value": draw(st.sampled_from(["a", "b"]))}],
    }
    if draw(st.booleans()):
        app["image"] = draw(st.sampled_from(["shop:1", "shop:2"]))
    if draw(st.booleans()):
        app["jobs"] = [{"name": "nightly", "schedule": "0 3 * * *"}]
    spec["app"] = {key: value for key, value in app.items() if value is not None}
    spec["cache"] = {"enabled": draw(st.booleans())}
    spec["database"] = draw(
        st.sampled_from(
            [
                {},
                {"instances": 1},
                {"instances": 3, "durability": "synchronous"},
                {"parameters": {"work_mem": "8MB"}},
            ]
        )
    )
    spec["ingress"] = draw(st.sampled_from([None, {"host": "a.example"}, {"host": "b.example", "tls": {}}]))
    return spec


@pytest.mark.untraced
@PROFILE
@given(specs())
def test_a_settled_world_has_an_empty_plan_and_is_ready(spec: dict[str, Any]) -> None:
    made = World().settle(resource(spec))
    assert made.actions == ()
    assert next(c for c in made.status.conditions if c.type == "Ready").status == "True"


@pytest.mark.untraced
@PROFILE
@given(specs(), specs())
def test_any_spec_can_follow_any_other(first: dict[str, Any], second: dict[str, Any]) -> None:
    world = World()
    world.settle(resource(first))
    world.settle(resource(second, generation=2))
    fresh = World()
    fresh.settle(resource(second, generation=2))
    history = {ref for ref in world.objects if ref.kind == "Job"}
    assert set(world.objects) - history == set(fresh.objects) - {ref for ref in fresh.objects if ref.kind == "Job"}


@pytest.mark.untraced
@PROFILE
@given(specs(), st.data())
def test_plans_are_deterministic_and_delete_nothing_foreign(spec: dict[str, Any], data: st.DataObject) -> None:
    world, wanted = World(), resource(spec)
    world.settle(resource())
    for ref in list(world.objects):
        fate = data.draw(st.sampled_from(["keep", "lose", "foreign", "namesake"]))
        if fate == "lose":
            del world.objects[ref]
        elif fate == "foreign":
            world.objects[ref]["metadata"]["ownerReferences"] = [{"uid": "somebody", "controller": True}]
        elif fate == "namesake":
            world.objects[ref]["metadata"]["ownerReferences"] = [
                {
                    "apiVersion": "ip2a.dev/v1alpha1",
                    "kind": "IP2A",
                    "name": "local46",
                    "uid": "old",
                    "controller": True,
                }
            ]
    before = copy.deepcopy(world.objects)
    one = plan(wanted, world.observed(), SURROUNDINGS, NOW)
    assert one == plan(wanted, world.observed(), SURROUNDINGS, NOW)
    assert world.objects == before
    for action in one.actions:
        if isinstance(action, Delete):
            owners = world.objects[action.ref]["metadata"]["ownerReferences"]
            assert [owner["uid"] for owner in owners] == [UID]
            assert action.ref.kind not in {"Cluster", "Pod"}


@pytest.mark.untraced
@PROFILE
@given(specs(), st.data())
def test_whatever_is_lost_comes_back(spec: dict[str, Any], data: st.DataObject) -> None:
    world, wanted = World(), resource(spec)
    world.settle(wanted)
    whole = set(world.objects)
    for ref in sorted(whole):
        if data.draw(st.booleans()):
            del world.objects[ref]
    world.settle(wanted)
    assert set(world.objects) == whole


def test_ref_names_are_unique() -> None:
    world = World()
    world.settle(resource({"app": {"worker": {"enabled": True}, "jobs": [{"name": "app", "schedule": "@daily"}]}}))
    names = [Ref(*ref) for ref in world.objects]
    assert len(names) == len(set(names))
