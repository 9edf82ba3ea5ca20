"""The order in which connections grow and shrink: at no step can poolers ask for more than every instance grants."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ip2a_operator.domain.growth import growth
from ip2a_operator.domain.observed import Observed, Ref
from ip2a_operator.domain.plan import Plan, make_stack, plan
from ip2a_operator.domain.resource import Resource
from tests.unit.operator.worlds import NOW, SURROUNDINGS, World, resource

CLUSTER = Ref("postgresql.cnpg.io/v1", "Cluster", "local46-db")
WRITE = Ref("postgresql.cnpg.io/v1", "Pooler", "local46-pool-rw")
LATER = NOW + timedelta(seconds=61)


def sized(size: int, pods: int = 1) -> Resource:
    return resource({"pooling": {"write": {"size": size, "pods": pods}}}, generation=2)


def limit(world: World) -> int:
    return int(world.objects[CLUSTER]["spec"]["postgresql"]["parameters"]["max_connections"])


def pool(world: World) -> int:
    return int(world.objects[WRITE]["spec"]["pgbouncer"]["parameters"]["default_pool_size"])


def asked(world: World) -> int:
    """Connections that the poolers of this world can ask for at worst, and all others; by hand."""
    total = 2 + 17 + 3
    for ref, tree in world.objects.items():
        if ref.kind == "Pooler":
            parameters: dict[str, Any] = tree["spec"]["pgbouncer"]["parameters"]
            one = int(parameters["default_pool_size"]) + int(parameters["reserve_pool_size"])
            total += 2 * tree["spec"]["instances"] * 2 * one
    return total


def until_quiet(world: World, wanted: Resource, now: datetime) -> Plan:
    for _ in range(20):
        made = plan(wanted, world.observed(), SURROUNDINGS, now)
        if not made.actions:
            return made
        world.perform(made.actions)
    raise AssertionError("never quiet")


def test_the_database_is_raised_first_and_the_poolers_follow_when_it_has_restarted() -> None:
    world = World()
    world.settle(sized(8))
    before = limit(world)
    made = until_quiet(world, sized(40), NOW)
    assert limit(world) > before
    assert pool(world) == 8
    assert made.look_again is not None
    assert made.look_again <= 60
    assert "grow once PostgreSQL grants" in next(c.message for c in made.status.conditions if c.type == "PoolingReady")
    world.objects[CLUSTER]["status"]["phase"] = "Primary instance is being restarted without a switchover"
    until_quiet(world, sized(40), LATER)
    assert pool(world) == 8, "the restart is not over"
    world.heal()
    until_quiet(world, sized(40), LATER)
    assert pool(world) == 40
    assert "ip2a.dev/granted" not in world.objects[CLUSTER]["metadata"]["annotations"]


def test_the_poolers_shrink_first_and_the_database_follows() -> None:
    world = World()
    world.settle(sized(40))
    before = limit(world)
    first = plan(sized(8), world.observed(), SURROUNDINGS, NOW)
    assert CLUSTER not in [action.ref for action in first.actions]
    world.perform(first.actions)
    assert (pool(world), limit(world)) == (8, before)
    until_quiet(world, sized(8), NOW)
    assert limit(world) < before


def test_ending_pods_still_count() -> None:
    world = World()
    world.settle(sized(20, pods=4))
    for number in range(8):
        ref = Ref("v1", "Pod", f"pool-{number}")
        labels = {"cnpg.io/poolerName": "local46-pool-rw"}
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        world.objects[ref] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": ref.name, "labels": labels},
            "status": ready,
        }
    before = limit(world)
    until_quiet(world, sized(8), LATER)
    assert limit(world) == before
    world.objects = {ref: tree for ref, tree in world.objects.items() if ref.kind != "Pod"}
    until_quiet(world, sized(8), LATER)
    assert limit(world) < before


@pytest.mark.untraced
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 4)), min_size=2, max_size=4), st.data())
def test_no_step_asks_for_more_than_was_granted(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    """`granted` is the model of PostgreSQL: it follows the setting only when the world heals."""
    world, now = World(), NOW
    world.settle(sized(*steps[0]))
    granted = limit(world)
    for size, pods in steps[1:]:
        for _ in range(12):
            made = plan(sized(size, pods), world.observed(), SURROUNDINGS, now)
            world.perform(made.actions)
            granted = min(granted, limit(world))  # a lower setting may be in force at any time
            assert asked(world) <= granted, (size, pods)
            if limit(world) > granted:
                world.objects[CLUSTER]["status"]["phase"] = "Applying configuration"
            if data.draw(st.booleans()):
                now += timedelta(seconds=30)
                if data.draw(st.booleans()):
                    world.heal()
                    granted = limit(world)
    for _ in range(4):
        now += timedelta(seconds=61)
        world.heal()
        until_quiet(world, sized(*steps[-1]), now)
    assert pool(world) == steps[-1][0]


def test_a_note_that_cannot_be_read_counts_as_none() -> None:
    world = World()
    world.settle(sized(8))
    for note in ("100 120 soon", "100 120", "a b 2026-11-22T12:00:00Z"):
        world.objects[CLUSTER]["metadata"]["annotations"]["ip2a.dev/granted"] = note
        seen = world.observed()
        found = growth("local46", make_stack(sized(8), seen, SURROUNDINGS).sizes, limit(world), seen, NOW)
        assert (found.granted, found.note, found.withheld) == (limit(world), "", False), note


def test_a_pooler_that_is_not_there_yet_waits_for_nothing_of_its_own() -> None:
    """Only what runs is kept as it is until PostgreSQL grants more."""
    world = World()
    world.settle(sized(8))
    del world.objects[WRITE]
    wanted = make_stack(sized(40), Observed(), SURROUNDINGS).sizes
    found = growth("local46", wanted, limit(world) + 200, world.observed(), NOW)
    assert found.sizes.write == wanted.write
