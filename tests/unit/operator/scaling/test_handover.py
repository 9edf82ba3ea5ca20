"""Fields change hands without ever being without an owner, and what runs stays as it is."""

from typing import Any

import pytest

from ip2a_operator.domain import handover
from ip2a_operator.domain.actions import Apply
from ip2a_operator.domain.handover import ANNOTATION, INSTANCES, POOL_LIMIT, POOL_SIZE, REPLICAS, Record
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.plan import plan
from tests.unit.operator.worlds import NOW, SURROUNDINGS, World, resource

DEPLOYMENT = Ref("apps/v1", "Deployment", "local46-app")
POOLER = Ref("postgresql.cnpg.io/v1", "Pooler", "local46-pool-rw")
CLUSTER = Ref("postgresql.cnpg.io/v1", "Cluster", "local46-db")


def settled(world: World, **autoscaling: Any) -> World:
    world.settle(resource({"autoscaling": autoscaling}))
    return world


def applied(world: World, **autoscaling: Any) -> dict[Ref, Any]:
    """What the operator would apply now."""
    made = plan(resource({"autoscaling": autoscaling}), world.observed(), SURROUNDINGS, NOW)
    return {action.ref: action.manifest for action in made.actions if isinstance(action, Apply)}


def mark(world: World, ref: Ref, record: str, **spec: Any) -> None:
    tree = world.objects[ref]
    tree["metadata"].setdefault("annotations", {})[ANNOTATION] = record
    tree["spec"] |= spec


def test_before_the_autoscaler_has_them_the_operator_applies_the_live_values() -> None:
    world = settled(World(), mode="Recommend")
    world.objects[DEPLOYMENT]["spec"]["replicas"] = 7
    assert applied(world, mode="Auto")[DEPLOYMENT]["spec"]["replicas"] == 7
    assert applied(world, mode="Recommend")[DEPLOYMENT]["spec"]["replicas"] == 2  # that is drift, and mended


def test_once_they_are_the_autoscalers_the_operator_leaves_them_out_and_never_mends_them() -> None:
    world = settled(World(), mode="Recommend")
    mark(world, DEPLOYMENT, "auto replicas=2", replicas=7)
    mark(world, POOLER, "auto instances=1,default_pool_size=8,max_db_connections=10")
    mark(world, CLUSTER, "auto instances=2", instances=3)
    once = applied(world, mode="Auto")
    assert "replicas" not in once[DEPLOYMENT]["spec"]
    assert "instances" not in once[CLUSTER]["spec"]
    parameters = once[POOLER]["spec"]["pgbouncer"]["parameters"]
    assert "default_pool_size" not in parameters
    assert "max_db_connections" not in parameters
    assert parameters["max_client_conn"] == "2000"
    world.objects[DEPLOYMENT]["metadata"]["annotations"] |= once[DEPLOYMENT]["metadata"]["annotations"]
    world.objects[DEPLOYMENT]["spec"]["replicas"] = 30
    assert DEPLOYMENT not in applied(world, mode="Auto")


def test_what_was_scaled_stays_in_recommend_until_the_spec_says_something_else() -> None:
    world = settled(World(), mode="Recommend")
    for record in ("auto replicas=2", "held replicas=2"):
        mark(world, DEPLOYMENT, record, replicas=7)
        assert applied(world, mode="Recommend")[DEPLOYMENT]["spec"]["replicas"] == 7
    wanted = resource({"autoscaling": {"mode": "Recommend"}, "app": {"replicas": 4}})
    made = plan(wanted, world.observed(), SURROUNDINGS, NOW)
    again: dict[Ref, Any] = {item.ref: item.manifest for item in made.actions if isinstance(item, Apply)}
    assert again[DEPLOYMENT]["spec"]["replicas"] == 4


def test_off_means_the_sizes_of_the_spec() -> None:
    world = settled(World(), mode="Recommend")
    mark(world, DEPLOYMENT, "auto replicas=2", replicas=7)
    assert applied(world, mode="Off")[DEPLOYMENT]["spec"]["replicas"] == 2


def test_an_actuators_own_mode_never_goes_further_than_the_resources() -> None:
    def mode(**autoscaling: Any) -> str:
        return handover.mode_of(resource({"autoscaling": autoscaling}).spec, "Deployment")

    assert mode(mode="Auto") == "Auto"
    assert mode(mode="Auto", app={"mode": "Recommend"}) == "Recommend"
    assert mode(mode="Recommend", app={"mode": "Auto"}) == "Recommend"
    assert mode(mode="Recommend", app={"mode": "Off"}) == "Off"
    assert mode(mode="Off", app={"mode": "Auto"}) == "Off"


@pytest.mark.parametrize("text", ["", "auto", "mine replicas=2", "auto "])
def test_a_record_that_cannot_be_read_is_none(text: str) -> None:
    assert handover.record_of({"metadata": {"annotations": {ANNOTATION: text}}}) is None


def test_a_record_is_read_as_it_is_written() -> None:
    for record in (Record(True, "replicas=2"), Record(False, "instances=1,default_pool_size=8,max_db_connections=10")):
        assert handover.record_of({"metadata": {"annotations": {ANNOTATION: str(record)}}}) == record


def test_owners_are_read_from_managed_fields() -> None:
    def tree(**fields: Any) -> dict[str, Any]:
        entry = {"operation": "Apply", "fieldsV1": {"f:spec": fields}}
        return {"metadata": {"managedFields": [{"manager": "ip2a-operator", **entry}]}}

    pool: dict[str, Any] = {"f:pgbouncer": {"f:parameters": {"f:default_pool_size": {}, "f:max_db_connections": {}}}}
    assert handover.may_release(tree(**{"f:replicas": {}}), (REPLICAS,))
    assert not handover.may_release(tree(), (REPLICAS,))
    assert handover.may_release(tree(**{"f:instances": {}}, **pool), (INSTANCES, POOL_SIZE, POOL_LIMIT))
    assert not handover.may_release(tree(**pool), (INSTANCES, POOL_SIZE))
    assert not handover.is_scalers(tree(**{"f:replicas": {}}), (REPLICAS,))
    assert not handover.may_release({"metadata": {}}, (REPLICAS,))


def test_a_claim_names_the_very_version_that_was_seen() -> None:
    world = settled(World(), mode="Recommend")
    world.objects[POOLER]["metadata"] |= {"resourceVersion": "42", "namespace": "members"}
    live = world.observed().objects[POOLER]
    made = handover.claim(live, {INSTANCES: 2, POOL_SIZE: "9"}, {"a": "b"})
    assert made == {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Pooler",
        "metadata": {
            "name": "local46-pool-rw",
            "namespace": "members",
            "uid": live.uid,
            "resourceVersion": "42",
            "annotations": {"a": "b"},
        },
        "spec": {"instances": 2, "pgbouncer": {"parameters": {"default_pool_size": "9"}}},
    }
