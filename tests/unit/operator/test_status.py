"""What is published: conditions over a resource's life, failures, invalid specs, events, teardown."""

from datetime import timedelta
from typing import Any

import pytest

from ip2a_operator.api.conditions import Condition, ConditionType, find
from ip2a_operator.api.v1alpha1 import IP2AStatus
from ip2a_operator.domain import status
from ip2a_operator.domain.observed import Live, Ref, last_words, pod_problem
from ip2a_operator.domain.plan import Plan, Surroundings, plan
from ip2a_operator.domain.resource import Resource, parse, parse_scaling, parse_status
from ip2a_operator.domain.teardown import teardown
from ip2a_operator.errors import InvalidSpecError
from tests.unit.operator.worlds import IMAGES, NOW, SURROUNDINGS, World, drained, resource, sample

CLUSTER = Ref("postgresql.cnpg.io/v1", "Cluster", "local46-db")
DEPLOYMENT = Ref("apps/v1", "Deployment", "local46-app")
LATER = NOW + timedelta(minutes=1)


def condition(published: IP2AStatus, kind: ConditionType) -> Condition:
    found = find(published.conditions, kind)
    assert found is not None
    return found


def published_after(spec: dict[str, Any] | None = None) -> tuple[World, Resource]:
    """A settled world, and its resource with the status that was published."""
    world = World()
    made = world.settle(resource(spec))
    raw = sample("minimal")
    raw["spec"] |= spec or {}
    raw["metadata"] |= {"namespace": "members", "uid": resource().uid, "generation": 1}
    raw["status"] = made.status.model_dump(by_alias=True, mode="json")
    return world, parse(raw)


def replan(world: World, wanted: Resource) -> Plan:
    return plan(wanted, world.observed(), SURROUNDINGS, LATER)


def test_transition_time_moves_only_with_status() -> None:
    world, wanted = published_after()
    world.objects[CLUSTER]["status"]["readyInstances"] = 1
    made = replan(world, wanted)
    assert condition(made.status, ConditionType.CACHE_READY).last_transition_time.startswith("2026-11-22T12:00")
    assert condition(made.status, ConditionType.DATABASE_READY).last_transition_time.startswith("2026-11-22T12:01")


@pytest.mark.parametrize(
    ("lost", "reason"),
    [({"readyInstances": 1}, "ReplicasMissing"), ({"readyInstances": 0, "currentPrimary": ""}, "NoPrimary")],
)
def test_lost_instances_degrade_what_was_ready(lost: dict[str, Any], reason: str) -> None:
    world, wanted = published_after()
    world.objects[CLUSTER]["status"] |= lost
    made = replan(world, wanted)
    degraded = condition(made.status, ConditionType.DEGRADED)
    assert (degraded.status, degraded.reason) == ("True", reason)
    assert condition(made.status, ConditionType.READY).status == "False"
    events = {notice.reason: notice.kind.value for notice in made.notices}
    assert events["DegradedTrue"] == "Warning"
    assert events["ReadyFalse"] == "Warning"


def test_recovery_is_an_event_too() -> None:
    world, wanted = published_after()
    healthy = dict(world.objects[CLUSTER]["status"])
    world.objects[CLUSTER]["status"]["readyInstances"] = 1
    broken = replan(world, wanted).status
    world.objects[CLUSTER]["status"] = healthy
    again = Resource(wanted.name, wanted.namespace, wanted.uid, 1, wanted.spec, broken)
    events = {notice.reason: notice.kind.value for notice in replan(world, again).notices}
    assert events == {"ReadyTrue": "Normal", "ProgressingFalse": "Normal", "DegradedFalse": "Normal"} | {
        "DatabaseReadyTrue": "Normal"
    }


def test_what_was_lost_and_comes_back_is_an_event() -> None:
    world, wanted = published_after()
    del world.objects[Ref("v1", "Service", "local46-app")]
    told = [notice.message for notice in replan(world, wanted).notices if notice.reason == "Recreated"]
    assert told == ["Service local46-app was missing"]


def test_nothing_new_is_no_event() -> None:
    world, wanted = published_after()
    made = replan(world, wanted)
    assert made.notices == ()
    assert made.status == wanted.status


def test_slow_rollout_is_named_after_its_deadline() -> None:
    world, wanted = published_after()
    overdue = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    world.objects[DEPLOYMENT]["status"] |= {"updatedReplicas": 1, "conditions": [overdue]}
    progressing = condition(replan(world, wanted).status, ConditionType.PROGRESSING)
    assert (progressing.status, progressing.reason) == ("False", "ProgressDeadlineExceeded")


def test_worker_counts_for_ready() -> None:
    world, wanted = published_after({"app": {"worker": {"enabled": True}}})
    world.objects[Ref("apps/v1", "Deployment", "local46-worker")]["status"]["availableReplicas"] = 0
    ready = condition(replan(world, wanted).status, ConditionType.READY)
    assert (ready.status, ready.message) == ("False", "the background worker is not ready")


def test_missing_cloudnativepg_is_named() -> None:
    made = plan(resource(), World().observed(), Surroundings(IMAGES), NOW)
    assert condition(made.status, ConditionType.PROGRESSING).reason == "CloudNativePGMissing"
    external = resource({"database": {"external": {"host": "h", "secret": {"name": "s"}}}})
    made = plan(external, World().observed(), Surroundings(IMAGES), NOW)
    assert condition(made.status, ConditionType.PROGRESSING).status == "True"


def test_failed_reconciliation_keeps_what_is_known_of_the_parts() -> None:
    _, wanted = published_after()
    failed = status.failure(wanted, "Rejected", "Service a: no", LATER)
    assert condition(failed, ConditionType.READY).status == "True"
    assert condition(failed, ConditionType.PROGRESSING).reason == "Rejected"
    assert condition(failed, ConditionType.DEGRADED).message == "Service a: no"
    assert [item.type for item in failed.conditions] == [item.type for item in wanted.conditions]
    fresh = status.failure(resource(), "Rejected", "no", NOW)
    assert condition(fresh, ConditionType.READY).status == "False"


def test_invalid_spec_is_named_by_field() -> None:
    raw = sample("minimal")
    raw["spec"] |= {"users": 0, "app": {"nonsense": 1}}
    with pytest.raises(InvalidSpecError, match=r"spec\.users: .*; spec\.app\.nonsense: "):
        parse(raw)
    published = status.invalid(IP2AStatus(), 3, "spec.users: too few", NOW)
    assert published.observed_generation == 3
    assert condition(published, ConditionType.DEGRADED).reason == "InvalidSpec"


def test_status_of_another_version_counts_as_none() -> None:
    assert parse_status({"conditions": "nonsense"}) == IP2AStatus()


def test_route_that_no_gateway_takes() -> None:
    spec = {"ingress": {"host": "a.example", "parentRefs": [{"name": "g"}]}}
    world, wanted = published_after(spec)
    route = next(ref for ref in world.objects if ref.kind == "HTTPRoute")
    refusal = {"type": "Accepted", "status": "False", "reason": "NoMatchingListener", "message": "no listener"}
    world.objects[route]["status"]["parents"][0]["conditions"] = [refusal]
    assert condition(replan(world, wanted).status, ConditionType.INGRESS_READY).reason == "NoMatchingListener"
    world.objects[route]["status"] = {}
    assert condition(replan(world, wanted).status, ConditionType.INGRESS_READY).reason == "Waiting"
    without = plan(wanted, world.observed(), Surroundings(IMAGES, frozenset({"Cluster"})), LATER)
    assert condition(without.status, ConditionType.PROGRESSING).reason == "GatewayApiMissing"


def test_retained_database_loses_its_owner_and_nothing_else_does() -> None:
    world, wanted = published_after({"deletionPolicy": "Retain"})
    drained(world)
    step = teardown(wanted, world.observed(), NOW)
    assert {str(item.ref) for item in step.retain} == {
        "Cluster local46-db",
        "Secret local46-db-owner",
        "Secret local46-db-app",
        "Secret local46-db-worker",
        "Secret local46-db-audit",
    }
    assert not step.is_done
    for item in step.retain:
        world.objects[item.ref]["metadata"]["ownerReferences"] = []
    assert teardown(wanted, world.observed(), NOW).is_done
    assert "members/local46-db" in step.message


@pytest.mark.parametrize(
    "spec", [{"deletionPolicy": "Delete"}, {"database": {"external": {"host": "h", "secret": {"name": "s"}}}}]
)
def test_nothing_is_retained_where_nothing_is_to_stay(spec: dict[str, Any]) -> None:
    world, wanted = published_after(spec)
    drained(world)
    assert teardown(wanted, world.observed(), NOW).is_done


@pytest.mark.parametrize("failed", [False, True])
def test_a_resource_that_waits_for_its_last_backup_says_so(failed: bool) -> None:
    _, wanted = published_after()
    fresh = status.leaving(wanted, "FinalBackup", "waiting for local46-db-final-1", failed=failed, now=LATER)
    progressing = condition(fresh, ConditionType.PROGRESSING)
    assert (progressing.status, progressing.reason) == ("True", "FinalBackup")
    assert progressing.message == "waiting for local46-db-final-1"
    assert condition(fresh, ConditionType.DEGRADED).status == ("True" if failed else "False")
    assert condition(fresh, ConditionType.DATABASE_READY).status == "True", "the parts stay as they were"


def pod(**status_: Any) -> Live:
    return Live({"metadata": {"name": "a-1"}, "status": {"containerStatuses": [status_]}})


def test_a_container_that_keeps_ending_crashes_also_between_two_attempts() -> None:
    again = {"restartCount": 3, "ready": False, "lastState": {"terminated": {"exitCode": 1, "message": "no database"}}}
    found = pod_problem(pod(**again))
    assert found is not None
    assert (found.reason, found.message) == ("CrashLoop", "no database")
    assert pod_problem(pod(**{**again, "ready": True})) is None
    assert pod_problem(pod(**{**again, "restartCount": 2})) is None


def test_last_words_are_of_a_container_that_failed() -> None:
    assert last_words(pod(state={"terminated": {"exitCode": 3, "message": "one\ntwo\n"}})) == "one\ntwo"
    assert last_words(pod(state={"terminated": {"exitCode": 0, "message": "well"}})) == ""
    assert last_words(pod(state={"running": {}})) == ""


def test_a_decision_that_cannot_be_understood_counts_as_none() -> None:
    assert parse_scaling({"actuators": "none"}) is None
    assert parse_scaling({}) is None


def test_lost_app_pods_degrade_what_was_ready_and_more_wanted_ones_do_not() -> None:
    world, wanted = published_after()
    world.objects[DEPLOYMENT]["status"] |= {"availableReplicas": 1, "readyReplicas": 1}
    lost = replan(world, wanted).status
    assert condition(lost, ConditionType.READY).reason == "PodsMissing"
    degraded = condition(lost, ConditionType.DEGRADED)
    assert (degraded.status, degraded.reason) == ("True", "PodsMissing")
    assert "1 of 2 app pods are ready" in degraded.message
    still = replan(world, with_status(wanted, lost)).status
    assert condition(still, ConditionType.DEGRADED).status == "True", "also once it is known"

    world, wanted = published_after({"autoscaling": {"mode": "Auto"}})
    world.objects[DEPLOYMENT]["spec"]["replicas"] = 5
    world.objects[DEPLOYMENT]["status"] |= {"replicas": 5, "updatedReplicas": 5}
    scaled = replan(world, wanted).status
    for published in (scaled, replan(world, with_status(wanted, scaled)).status):
        assert condition(published, ConditionType.READY).reason == "RollingOut"
        assert condition(published, ConditionType.DEGRADED).status == "False"


def test_a_rollout_in_which_every_old_pod_serves_is_not_degraded() -> None:
    world, wanted = published_after()
    world.objects[DEPLOYMENT]["status"] |= {"replicas": 3, "updatedReplicas": 1}
    assert condition(replan(world, wanted).status, ConditionType.DEGRADED).status == "False"
    world.objects[DEPLOYMENT]["status"] |= {"replicas": 3, "updatedReplicas": 2}
    assert condition(replan(world, wanted).status, ConditionType.DEGRADED).status == "False"


def test_lost_worker_pods_degrade_what_was_ready() -> None:
    world, wanted = published_after()
    world.objects[Ref("apps/v1", "Deployment", "local46-worker")]["status"]["availableReplicas"] = 0
    degraded = condition(replan(world, wanted).status, ConditionType.DEGRADED)
    assert (degraded.status, degraded.reason) == ("True", "PodsMissing")
    assert "worker" in degraded.message


def with_status(wanted: Resource, published: IP2AStatus) -> Resource:
    return Resource(wanted.name, wanted.namespace, wanted.uid, 1, wanted.spec, published)


def failing(name: str, reason: str, **labels: str) -> tuple[Ref, dict[str, Any]]:
    waiting = {"state": {"waiting": {"reason": reason, "message": f"{name} does not start"}}}
    tree = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "status": {"containerStatuses": [waiting]},
    }
    return Ref("v1", "Pod", name), tree


WORKER_LABELS = {"app.kubernetes.io/component": "worker"}


@pytest.mark.parametrize(
    ("ref", "lost", "labels"),
    [
        (CLUSTER, {"readyInstances": 0}, {"cnpg.io/cluster": "local46-db"}),
        (CLUSTER, {"readyInstances": 0}, {"cnpg.io/cluster": "local46-db", "job-name": "local46-db-1-initdb"}),
        (
            Ref("postgresql.cnpg.io/v1", "Pooler", "local46-pool-ro"),
            {"phase": "", "instances": 0},
            {"cnpg.io/poolerName": "local46-pool-ro"},
        ),
        (
            Ref("apps/v1", "StatefulSet", "local46-redis"),
            {"readyReplicas": 0, "availableReplicas": 0},
            {"app.kubernetes.io/component": "cache"},
        ),
        (Ref("apps/v1", "Deployment", "local46-worker"), {"availableReplicas": 0}, WORKER_LABELS),
    ],
    ids=["instance", "initdb", "pooler", "redis", "worker"],
)
@pytest.mark.parametrize(
    ("reason", "named"), [("ImagePullBackOff", "ImagePullBackOff"), ("CrashLoopBackOff", "CrashLoop")]
)
def test_pods_of_every_part_that_do_not_come_up_are_named(
    ref: Ref, lost: dict[str, Any], labels: dict[str, str], reason: str, named: str
) -> None:
    world, _ = published_after()
    world.objects[ref]["status"] |= lost
    pod_ref, tree = failing("p-1", reason, **labels)
    world.objects[pod_ref] = tree
    made = replan(world, resource())  # nothing was published before: it is the first start
    progressing = condition(made.status, ConditionType.PROGRESSING)
    assert (progressing.status, progressing.reason) == ("False", named)
    assert "pod p-1: p-1 does not start" in progressing.message
    assert condition(made.status, ConditionType.DEGRADED).status == "True"


def test_a_scheduled_job_that_fails_says_nothing_about_the_worker() -> None:
    world, wanted = published_after()
    world.objects[Ref("apps/v1", "Deployment", "local46-worker")]["status"]["availableReplicas"] = 0
    ref, tree = failing("local46-clean-up-1", "CrashLoopBackOff", **WORKER_LABELS, **{"job-name": "local46-clean-up"})
    world.objects[ref] = tree
    assert condition(replan(world, wanted).status, ConditionType.PROGRESSING).status == "True"


BACKUP = {"database": {"backup": {"destination": "s3://b/c", "credentials": {"name": "s3"}}}}


@pytest.mark.parametrize(
    ("kind", "reason"), [("ContinuousArchiving", "ArchivingFailed"), ("LastBackupSucceeded", "BackupFailed")]
)
def test_backups_that_fail_degrade_what_serves(kind: str, reason: str) -> None:
    world, wanted = published_after(BACKUP)
    says = {"type": kind, "status": "False", "reason": "Failing", "message": "barman-cloud-wal-archive: exit 127"}
    world.objects[CLUSTER]["status"]["conditions"] = [says]
    made = replan(world, wanted)
    degraded = condition(made.status, ConditionType.DEGRADED)
    assert (degraded.status, degraded.reason, degraded.message) == ("True", reason, says["message"])
    assert condition(made.status, ConditionType.READY).status == "True", "everything serves"
    assert ("Warning", "DegradedTrue") in {(notice.kind.value, notice.reason) for notice in made.notices}
    world.objects[DEPLOYMENT]["status"] |= {"availableReplicas": 0, "updatedReplicas": 0}
    rolling = replan(world, with_status(wanted, made.status)).status
    assert condition(rolling, ConditionType.DEGRADED).reason == reason
    world.objects[DEPLOYMENT]["status"] |= {"updatedReplicas": 2}
    starting = replan(world, with_status(wanted, rolling)).status
    assert condition(starting, ConditionType.READY).reason == "RollingOut", "no pod was lost"
    world.objects[DEPLOYMENT]["status"] |= {"availableReplicas": 2}

    says["status"] = "True"
    assert condition(replan(world, wanted).status, ConditionType.DEGRADED).status == "False"
    says["status"] = "False"
    world.objects[CLUSTER]["spec"].pop("backup", None)
    without = plan(resource(), world.observed(), SURROUNDINGS, LATER)
    assert condition(without.status, ConditionType.DEGRADED).status == "False", "no backups are wanted any more"
