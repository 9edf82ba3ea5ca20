"""The planner: gates, drift, pruning, refusal, retries."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from ip2a_operator.api.conditions import Condition
from ip2a_operator.domain.actions import Apply, Delete, EnsureSecret, RotateSecret
from ip2a_operator.domain.drift import fingerprint
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.plan import Plan, plan
from ip2a_operator.domain.resource import Resource
from tests.unit.operator.worlds import (
    IMAGES,
    NOW,
    SURROUNDINGS,
    World,
    resource,
    resource_from,
    sample,
    sample_names,
)

CLUSTER = Ref("postgresql.cnpg.io/v1", "Cluster", "local46-db")
DEPLOYMENT = Ref("apps/v1", "Deployment", "local46-app")
SERVICE = Ref("v1", "Service", "local46-app")
JOBS = ("mark-overdue", "enforce-referral", "extend-audit", "clean-up")
SERVING = ["Deployment local46-app", "Deployment local46-worker", *(f"CronJob local46-{name}" for name in JOBS)]


def kinds(made: Plan) -> list[str]:
    return [str(action.ref) for action in made.actions]


def conditions(made: Plan) -> dict[str, Condition]:
    return {condition.type: condition for condition in made.status.conditions}


def settled(spec: dict[str, Any] | None = None, **metadata: Any) -> tuple[World, Resource]:
    world, wanted = World(), resource(spec, **metadata)
    world.settle(wanted)
    return world, wanted


def replan(world: World, wanted: Resource) -> Plan:
    return plan(wanted, world.observed(), SURROUNDINGS, NOW)


def migration_of(world: World) -> Ref:
    return next(ref for ref in world.objects if ref.kind == "Job")


@pytest.mark.parametrize("name", sample_names())
def test_every_sample_becomes_ready(name: str) -> None:
    made = World().settle(resource_from(sample(name)))
    ready = conditions(made)["Ready"]
    assert (ready.status, ready.reason) == ("True", "Serving"), ready.message


def test_stages_open_one_after_the_other() -> None:
    world, wanted = World(), resource()
    first = replan(world, wanted)
    assert "Secret local46-db-owner" in kinds(first)
    assert "Service local46-app" in kinds(first)
    assert "Cluster local46-db" not in kinds(first)
    world.perform(first.actions)

    second = replan(world, wanted)
    assert kinds(second) == ["Cluster local46-db", "StatefulSet local46-redis"]
    world.perform(second.actions)
    assert kinds(replan(world, wanted)) == []

    world.heal()
    third = replan(world, wanted)
    assert kinds(third)[:2] == ["Pooler local46-pool-rw", "Pooler local46-pool-ro"]
    assert str(migration_of_plan(third)) in kinds(third)
    assert "Deployment local46-app" not in kinds(third)
    world.perform(third.actions)
    assert kinds(replan(world, wanted)) == []

    world.heal()
    assert kinds(replan(world, wanted)) == SERVING


def migration_of_plan(made: Plan) -> Ref:
    return next(action.ref for action in made.actions if action.ref.kind == "Job")


def test_missing_object_is_made_again_and_changed_object_mended() -> None:
    world, wanted = settled()
    del world.objects[SERVICE]
    world.objects[DEPLOYMENT]["spec"]["replicas"] = 7
    made = replan(world, wanted)
    assert [(str(action.ref), action.why) for action in made.actions if isinstance(action, Apply)] == [
        ("Service local46-app", "missing"),
        ("Deployment local46-app", "drifted"),
    ]
    assert [notice.reason for notice in made.notices][-1] == "DriftMended"


def test_what_others_add_is_left_alone() -> None:
    world, wanted = settled()
    tree = world.objects[DEPLOYMENT]
    tree["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
    tree["metadata"]["labels"]["team"] = "blue"
    tree["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "image": "proxy:1"})
    tree["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"
    assert replan(world, wanted).actions == ()


def test_what_a_webhook_makes_of_our_apply_is_not_drift() -> None:
    world, wanted = settled()
    image = world.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]
    image["image"] = "mirror.example.org/ip2a-app:1.0.0"
    first = replan(world, wanted)
    assert kinds(first) == ["Deployment local46-app"]
    # The webhook rewrites the apply in the same way again; the executor files the answer as accepted.
    apply = first.actions[0]
    assert isinstance(apply, Apply)
    world.accepted[DEPLOYMENT] = fingerprint(apply.manifest, world.objects[DEPLOYMENT])
    assert replan(world, wanted).actions == ()


def test_no_longer_wanted_is_pruned_but_never_the_foreign_or_the_database() -> None:
    world, _ = settled()
    foreign = copy.deepcopy(world.objects[SERVICE])
    foreign["metadata"] |= {"name": "other", "ownerReferences": []}
    world.objects[Ref("v1", "Service", "other")] = foreign
    without = resource({"cache": {"enabled": False}, "ingress": None})
    deleted = {str(action.ref) for action in replan(world, without).actions if isinstance(action, Delete)}
    assert deleted == {
        "Ingress local46-app",
        "StatefulSet local46-redis",
        "Service local46-redis",
        "Service local46-redis-pods",
        "Secret local46-redis",
        "NetworkPolicy local46-redis",
        "PodMonitor local46-redis",
    }


def test_foreign_object_of_the_same_name_stops_and_says_so() -> None:
    world, wanted = settled()
    world.objects[SERVICE]["metadata"]["ownerReferences"] = []
    made = replan(world, wanted)
    assert made.actions == ()
    progressing = conditions(made)["Progressing"]
    assert (progressing.status, progressing.reason) == ("False", "ForeignObject")
    assert "Service local46-app" in progressing.message


def test_leftovers_of_an_earlier_namesake_are_waited_for() -> None:
    world, _ = settled()
    again = resource(uid="99999999-0000-0000-0000-000000000000")
    made = replan(world, again)
    assert made.actions == ()
    assert conditions(made)["Progressing"].status == "True"


def test_retained_database_is_adopted() -> None:
    world, _ = settled()
    for ref in (CLUSTER, Ref("v1", "Secret", "local46-db-owner"), Ref("v1", "Secret", "local46-db-app")):
        world.objects[ref]["metadata"]["ownerReferences"] = []
        world.objects[ref]["metadata"].setdefault("annotations", {})["ip2a.dev/retained"] = "old"
    kept = {ref: tree for ref, tree in world.objects.items() if not tree["metadata"]["ownerReferences"]}
    world.objects = dict(kept)
    before = copy.deepcopy(world.objects[Ref("v1", "Secret", "local46-db-app")]["digests"])
    made = world.settle(resource(uid="99999999-0000-0000-0000-000000000000"))
    assert conditions(made)["Ready"].status == "True"
    assert world.objects[CLUSTER]["metadata"]["ownerReferences"][0]["uid"].startswith("99999999")
    assert world.objects[Ref("v1", "Secret", "local46-db-app")]["digests"] == before


def test_paused_changes_nothing_but_reports() -> None:
    world, _ = settled()
    del world.objects[SERVICE]
    made = replan(world, resource({"paused": True}))
    assert made.actions == ()
    assert conditions(made)["Paused"].status == "True"
    assert replan(world, resource(annotations={"ip2a.dev/paused": "true"})).actions == ()


def test_exceeded_budget_is_refused_with_the_arithmetic() -> None:
    world, _ = settled()
    greedy = {
        "pooling": {"write": {"pods": 3, "size": 40}},
        "database": {"parameters": {"max_connections": "100"}},
    }
    made = replan(world, resource(greedy, generation=2))
    assert made.actions == ()
    budget = conditions(made)["ConnectionBudget"]
    assert budget.status == "False"
    assert "6 write poolers (old and new) × 84" in budget.message
    assert "> 97" in budget.message
    assert conditions(made)["Ready"].status == "False"


def test_new_image_is_migrated_before_it_serves() -> None:
    world, _ = settled()
    newer = resource({"app": {"image": "ghcr.io/ip2a/ip2a-app:2.0.0"}}, generation=2)
    first = replan(world, newer)
    assert [action.ref.kind for action in first.actions] == ["Job"]
    world.perform(first.actions)
    assert replan(world, newer).actions == ()
    assert "1.0.0" in world.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["image"]
    world.heal()
    assert kinds(replan(world, newer)) == SERVING


def test_going_back_to_an_image_does_not_migrate_again() -> None:
    world, older = settled()
    newer = resource({"app": {"image": "ghcr.io/ip2a/ip2a-app:2.0.0"}}, generation=2)
    world.settle(newer)
    assert kinds(replan(world, older)) == SERVING


def failing_job(world: World, ref: Ref, at: str, message: str) -> None:
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": at, "message": "BackoffLimitExceeded"}
    world.objects[ref]["status"] = {"conditions": [failed]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{ref.name}-abcde", "labels": {"job-name": ref.name}},
        "status": {
            "phase": "Failed",
            "startTime": at,
            "containerStatuses": [{"state": {"terminated": {"exitCode": 1, "message": message}}}],
        },
    }
    world.objects[Ref("v1", "Pod", f"{ref.name}-abcde")] = pod


def test_failed_migration_keeps_the_old_version_and_is_tried_again_later() -> None:
    world, _ = settled()
    newer = resource({"app": {"image": "ghcr.io/ip2a/ip2a-app:2.0.0"}}, generation=2)
    world.perform(replan(world, newer).actions)
    job = [ref for ref in world.objects if ref.kind == "Job"][-1]
    failing_job(world, job, "2026-11-22T12:00:00Z", "line one\nERROR: relation exists")
    made = replan(world, newer)
    assert made.actions == ()
    progressing = conditions(made)["Progressing"]
    assert (progressing.status, progressing.reason) == ("False", "MigrationFailed")
    assert "relation exists" in progressing.message
    assert made.look_again is not None
    assert 40 <= made.look_again <= 60

    later = plan(newer, world.observed(), SURROUNDINGS, NOW + timedelta(seconds=61))
    assert [type(action) for action in later.actions] == [Delete, Apply]
    apply = later.actions[1]
    assert isinstance(apply, Apply)
    metadata = apply.manifest["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["annotations"]["ip2a.dev/attempt"] == "1"


def test_failing_migration_with_a_changed_spec_is_replaced_at_once() -> None:
    world, _ = settled()
    newer = {"image": "ghcr.io/ip2a/ip2a-app:2.0.0"}
    world.perform(replan(world, resource({"app": newer}, generation=2)).actions)
    job = [ref for ref in world.objects if ref.kind == "Job"][-1]
    failing_job(world, job, "2026-11-22T12:00:00Z", "KeyError: SETTING")
    mended = resource({"app": {**newer, "env": [{"name": "SETTING", "value": "1"}]}}, generation=3)
    assert [type(action) for action in replan(world, mended).actions] == [Delete, Apply]


def test_a_key_is_known_to_every_pod_before_one_signs_with_it() -> None:
    world, _ = settled()
    keys = Ref("v1", "Secret", "local46-app-keys")
    rotating = resource(annotations={"ip2a.dev/rotate": "jwt=2026-12"})
    made = replan(world, rotating)
    assert [type(action) for action in made.actions] == [RotateSecret]
    world.perform(made.actions)
    digests = world.objects[keys]["digests"]
    assert (digests["jwt-key"], digests["jwt-previous-key"]) == ("first", "2026-12")
    made = replan(world, rotating)
    assert kinds(made) == SERVING
    world.perform(made.actions)
    world.objects[DEPLOYMENT]["status"] |= {"updatedReplicas": 1, "replicas": 3}
    assert replan(world, rotating).actions == (), "an old pod is left"

    world.heal()
    made = replan(world, rotating)
    assert kinds(made) == ["Secret local46-app-keys"]
    world.perform(made.actions)
    assert (digests["jwt-key"], digests["jwt-previous-key"]) == ("2026-12", "first")
    assert kinds(replan(world, rotating)) == SERVING
    world.perform(replan(world, rotating).actions)
    world.heal()
    assert replan(world, rotating).actions == ()


def test_a_rotation_that_is_asked_for_from_the_start_comes_to_its_end() -> None:
    world, wanted = World(), resource(annotations={"ip2a.dev/rotate": "jwt=one"})
    world.settle(wanted)
    secret = world.objects[Ref("v1", "Secret", "local46-app-keys")]
    assert secret["metadata"]["annotations"]["ip2a.dev/rotated"] == "one"
    assert secret["digests"]["jwt-key"] == "one"


def test_an_announced_value_that_was_lost_is_announced_again() -> None:
    world, _ = settled()
    rotating = resource(annotations={"ip2a.dev/rotate": "jwt=2026-12"})
    world.perform(replan(world, rotating).actions)
    del world.objects[Ref("v1", "Secret", "local46-app-keys")]["digests"]["jwt-previous-key"]
    assert [action.step for action in replan(world, rotating).actions if isinstance(action, RotateSecret)] == [
        "announce"
    ]


def test_lost_key_of_a_secret_is_filled_in_again() -> None:
    world, wanted = settled()
    del world.objects[Ref("v1", "Secret", "local46-app-keys")]["digests"]["cookie-key"]
    made = replan(world, wanted)
    assert [type(action) for action in made.actions] == [EnsureSecret]


def test_bad_image_is_named_while_the_old_pods_serve() -> None:
    world, _ = settled()
    newer = resource({"app": {"image": "ghcr.io/ip2a/ip2a-app:typo"}}, generation=2)
    world.perform(replan(world, newer).actions)
    job = [ref for ref in world.objects if ref.kind == "Job"][-1]
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
    world.objects[Ref("v1", "Pod", "p")] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "labels": {"job-name": job.name}},
        "status": {"phase": "Pending", "containerStatuses": [waiting]},
    }
    made = replan(world, newer)
    assert made.actions == ()
    assert conditions(made)["Progressing"].reason == "ImagePullBackOff"
    assert conditions(made)["MigrationsApplied"].reason == "ImagePullBackOff"
    assert made.status.app.summary == "2/2"


def test_crashing_pods_are_named() -> None:
    world, _ = settled()
    newer = resource({"app": {"env": [{"name": "BROKEN", "value": "1"}]}}, generation=2)
    world.perform(replan(world, newer).actions)
    world.objects[DEPLOYMENT]["status"] |= {"updatedReplicas": 1, "replicas": 3}
    crashed = {
        "restartCount": 1,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": 1, "message": "ValueError: BROKEN"}},
    }
    labels = {"app.kubernetes.io/component": "app"}
    world.objects[Ref("v1", "Pod", "p")] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "labels": labels},
        "status": {"containerStatuses": [crashed]},
    }
    progressing = conditions(replan(world, newer))["Progressing"]
    assert (progressing.status, progressing.reason) == ("False", "CrashLoop")
    assert "ValueError: BROKEN" in progressing.message


REDIS = Ref("apps/v1", "StatefulSet", "local46-redis")
NEWER = "ghcr.io/ip2a/ip2a-app:2.0.0"


def image_in(action: Any) -> str:
    spec = action.manifest["spec"]
    spec = spec["jobTemplate"]["spec"] if action.ref.kind == "CronJob" else spec
    return str(spec["template"]["spec"]["containers"][0]["image"])


@pytest.mark.parametrize("fate", ["running", "failed", "job lost"])
def test_while_a_new_image_is_not_migrated_the_old_one_is_mended(fate: str) -> None:
    world, _ = settled()
    newer = resource({"app": {"image": NEWER}}, generation=2)
    world.perform(replan(world, newer).actions)
    job = [ref for ref in world.objects if ref.kind == "Job"][-1]
    if fate == "failed":
        failing_job(world, job, "2026-11-22T12:00:00Z", "ERROR")
    assert replan(world, newer).actions == ()

    del world.objects[Ref("apps/v1", "Deployment", "local46-worker")]
    del world.objects[Ref("batch/v1", "CronJob", "local46-clean-up")]
    world.objects[DEPLOYMENT]["spec"]["replicas"] = 0
    if fate == "job lost":
        del world.objects[job]
    made = replan(world, newer)
    mended = [action for action in made.actions if isinstance(action, Apply) and action.ref.kind != "Job"]
    assert [(str(action.ref), action.why) for action in mended] == [
        ("Deployment local46-app", "drifted"),
        ("Deployment local46-worker", "missing"),
        ("CronJob local46-clean-up", "missing"),
    ]
    assert {image_in(action) for action in mended} == {IMAGES.app}
    world.perform(made.actions)
    assert world.objects[DEPLOYMENT]["spec"]["replicas"] == 2
    assert not [action for action in replan(world, newer).actions if action.ref.kind != "Job"]
    assert conditions(replan(world, newer))["Ready"].status == "False"


@pytest.mark.parametrize("lost", [{"Deployment"}, {"Deployment", "CronJob"}])
def test_when_all_that_serves_is_lost_the_image_migrated_last_serves_again(lost: set[str]) -> None:
    world, _ = settled()
    newer = resource({"app": {"image": NEWER}}, generation=2)
    world.perform(replan(world, newer).actions)
    for ref in [ref for ref in world.objects if ref.kind in lost]:
        del world.objects[ref]
    made = replan(world, newer)
    assert kinds(made) == [name for name in SERVING if name.split()[0] in lost]
    assert {image_in(action) for action in made.actions} == {IMAGES.app}


def test_an_image_that_cannot_be_told_is_not_guessed() -> None:
    quiet = {"worker": {"enabled": False}, "jobs": []}
    world, _ = settled({"app": quiet})
    del world.objects[migration_of(world)]
    world.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["name"] = "somebodys"
    world.objects[DEPLOYMENT]["spec"]["replicas"] = 0
    newer = resource({"app": {**quiet, "image": NEWER}}, generation=2)
    assert [action.ref.kind for action in replan(world, newer).actions] == ["Job"]


def test_what_is_on_its_way_out_is_waited_for() -> None:
    world, wanted = settled()
    world.objects[SERVICE]["metadata"]["deletionTimestamp"] = NOW.isoformat()
    world.objects[SERVICE]["spec"]["ports"] = []
    assert replan(world, wanted).actions == ()


def test_a_migration_of_somebody_else_is_neither_taken_nor_replaced() -> None:
    world, _ = settled()
    newer = resource({"app": {"image": NEWER}}, generation=2)
    world.perform(replan(world, newer).actions)
    job = [ref for ref in world.objects if ref.kind == "Job"][-1]
    world.objects[job]["metadata"]["ownerReferences"] = []
    made = replan(world, newer)
    assert made.actions == ()
    assert conditions(made)["Progressing"].reason == "ForeignObject"


def test_what_else_changes_with_an_image_waits_for_its_migration() -> None:
    world, _ = settled()
    jobs = [{"name": "of-the-new-image", "schedule": "@daily"}]
    spec = {"app": {"image": NEWER, "env": [{"name": "NEW", "value": "1"}], "jobs": jobs}}
    newer = resource(spec, generation=2)
    first = replan(world, newer)
    assert {str(action.ref) for action in first.actions if isinstance(action, Apply)} == {str(migration_of_plan(first))}
    world.perform(first.actions)
    assert replan(world, newer).actions == ()
    del world.objects[DEPLOYMENT]
    again = replan(world, newer).actions
    assert [str(action.ref) for action in again] == ["Deployment local46-app"], "better than nothing"
    assert image_in(again[0]) == IMAGES.app


def test_somebody_elses_image_is_not_taken_for_an_earlier_one_of_the_platform() -> None:
    world, _ = settled({"app": {"image": "shop:1"}})
    platform = resource(generation=2)
    for _ in range(3):
        made = replan(world, platform)
        assert not {str(action.ref) for action in made.actions if isinstance(action, Apply)} & set(SERVING)
        world.perform(made.actions)


def test_pods_get_a_new_redis_password_once_redis_knows_it() -> None:
    world, _ = settled()
    rotating = resource(annotations={"ip2a.dev/rotate": "cache=2026-12"})
    world.perform(replan(world, rotating).actions)
    first = replan(world, rotating)
    assert kinds(first) == ["StatefulSet local46-redis"]
    world.perform(first.actions)
    world.objects[REDIS]["status"]["updatedReplicas"] = 0
    waiting = replan(world, rotating)
    assert waiting.actions == ()
    assert conditions(waiting)["Ready"].reason == "RollingOut", "it is not done"
    world.objects[REDIS]["status"]["updatedReplicas"] = 1
    assert kinds(replan(world, rotating)) == SERVING


def test_a_redis_that_does_not_answer_holds_nothing_back() -> None:
    world, _ = settled()
    world.objects[REDIS]["status"] |= {"readyReplicas": 0, "updatedReplicas": 0}
    rotating = resource(annotations={"ip2a.dev/rotate": "cache=2026-12"})
    world.perform(replan(world, rotating).actions)
    assert kinds(replan(world, rotating)) == ["StatefulSet local46-redis", *SERVING]
