"""Database passwords are rotated with two logins in turn: at no step does a pod hold a login that may not log in."""

from typing import Any

import pytest

from ip2a_operator.domain.actions import RotateSecret
from ip2a_operator.domain.logins import logins
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.plan import plan
from ip2a_operator.domain.resource import Resource
from tests.unit.operator.worlds import NOW, SURROUNDINGS, World, resource

CLUSTER = Ref("postgresql.cnpg.io/v1", "Cluster", "local46-db")
APP = Ref("apps/v1", "Deployment", "local46-app")
WORKER = Ref("apps/v1", "Deployment", "local46-worker")
TURNS = (("ip2a_app", "local46-db-app"), ("ip2a_worker", "local46-db-worker"))


def rotating(token: str) -> Resource:
    return resource(annotations={"ip2a.dev/rotate": f"database={token}"})


def roles(world: World) -> dict[str, bool]:
    return {role["name"]: role["login"] for role in world.objects[CLUSTER]["spec"]["managed"]["roles"]}


def env(world: World, ref: Ref) -> dict[str, Any]:
    container = world.objects[ref]["spec"]["template"]["spec"]["containers"][0]
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}


def login(world: World, ref: Ref) -> tuple[str, str]:
    found = env(world, ref)
    return found["IP2A_DB_USER"], found["IP2A_DB_PASSWORD"]["secretKeyRef"]["name"]


def step(world: World, wanted: Resource) -> int:
    made = plan(wanted, world.observed(), SURROUNDINGS, NOW)
    world.perform(made.actions)
    return len(made.actions)


def old_pod(world: World, name: str, login_annotation: str = "") -> Ref:
    ref = Ref("v1", "Pod", name)
    notes = {"ip2a.dev/login": login_annotation} if login_annotation else {}
    labels = {"app.kubernetes.io/component": "app"}
    metadata = {"name": name, "labels": labels, "annotations": notes}
    world.objects[ref] = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"phase": "Running"}}
    return ref


def test_each_part_of_the_platform_has_a_role_of_its_own() -> None:
    world = World()
    world.settle(resource())
    assert roles(world) == {"ip2a_app": True, "ip2a_worker": True, "ip2a_audit_reader": True}
    assert login(world, APP) == ("ip2a_app", "local46-db-app")
    assert login(world, WORKER) == ("ip2a_worker", "local46-db-worker")


def test_an_image_of_ones_own_has_one_role() -> None:
    world = World()
    world.settle(resource({"app": {"image": "shop:1", "worker": {"enabled": True, "command": ["work"]}}}))
    assert roles(world) == {"ip2a_app": True}
    assert login(world, WORKER) == login(world, APP)


def test_the_schema_waits_for_the_roles() -> None:
    world, wanted = World(), resource()
    while step(world, wanted):
        pass
    world.heal()
    world.objects[CLUSTER]["status"]["managedRolesStatus"]["byStatus"]["reconciled"].remove("ip2a_worker")
    while step(world, wanted):
        pass
    assert not [ref for ref in world.objects if ref.kind == "Job"]


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_no_pod_ever_holds_a_login_that_is_off(rounds: int) -> None:
    world = World()
    world.settle(resource())
    for number in range(1, rounds + 1):
        wanted = rotating(str(number))
        for _ in range(30):
            done = step(world, wanted) == 0
            for ref in (APP, WORKER):
                assert roles(world)[login(world, ref)[0]]
            world.heal()
            if done:
                break
        assert done
        suffix = "_b" if number % 2 else ""
        assert login(world, APP) == (f"ip2a_app{suffix}", f"local46-db-app{suffix.replace('_', '-')}")
        assert roles(world)[f"ip2a_app{suffix}"]
        assert not roles(world)["ip2a_app" if suffix else "ip2a_app_b"]
        assert not roles(world)["ip2a_worker" if suffix else "ip2a_worker_b"]


def test_the_second_login_has_the_rights_of_the_first() -> None:
    world = World()
    world.settle(resource())
    world.settle(rotating("1"))
    second = [r for r in world.objects[CLUSTER]["spec"]["managed"]["roles"] if r["name"].endswith("_b")]
    assert [(role["name"], role["inRoles"]) for role in second] == [
        ("ip2a_app_b", ["ip2a_app"]),
        ("ip2a_worker_b", ["ip2a_worker"]),
    ]


def test_pods_do_not_move_before_the_database_knows_the_password() -> None:
    world = World()
    world.settle(resource())
    wanted = rotating("1")
    while step(world, wanted):
        pass
    assert login(world, APP)[0] == "ip2a_app"
    assert world.objects[Ref("v1", "Secret", "local46-db-app-b")]["metadata"]["annotations"]["ip2a.dev/serial"] == "1"
    world.heal()
    step(world, wanted)
    assert login(world, APP)[0] == "ip2a_app_b"


def test_the_old_login_stays_while_a_pod_uses_it_and_no_other_rotation_begins() -> None:
    world = World()
    world.settle(resource())
    pod = old_pod(world, "old")
    world.settle(rotating("1"))
    assert roles(world)["ip2a_app"]
    again = plan(rotating("2"), world.observed(), SURROUNDINGS, NOW)
    assert not [action for action in again.actions if isinstance(action, RotateSecret) and action.serial]
    del world.objects[pod]
    world.settle(rotating("1"))
    assert not roles(world)["ip2a_app"]


def test_a_rotation_is_not_undone_when_nobody_asks_any_more() -> None:
    world = World()
    world.settle(resource())
    world.settle(rotating("1"))
    world.settle(resource())
    assert login(world, APP)[0] == "ip2a_app_b"


def test_pods_keep_their_login_while_nobody_can_say_what_the_database_knows() -> None:
    """A rotation was begun, and then the Cluster is gone from sight."""
    world = World()
    world.settle(rotating(""))
    for _ in range(3):
        step(world, rotating("one"))
    assert logins("local46", TURNS, world.observed(), "one").newest == "b"
    del world.objects[CLUSTER]
    assert logins("local46", TURNS, world.observed(), "one").serving == "a"
