"""The end of the pods before that of the resource: what they still commit is kept, and not waited for without end."""

from datetime import timedelta
from typing import Any

from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.resource import Resource
from ip2a_operator.domain.teardown import DRAIN_SECONDS, Teardown, teardown
from tests.unit.operator.worlds import NOW, World, drained, resource

BACKUP = {"backup": {"destination": "s3://backups/here", "credentials": {"name": "s3"}, "final": True}}
APP, WORKER = "local46-app", "local46-worker"


def leaving(**spec: Any) -> tuple[World, Resource]:
    world = World()
    world.settle(resource(spec))
    return world, resource(spec, deletionTimestamp=NOW.isoformat())


def look(world: World, wanted: Resource, seconds: float = 0.0) -> Teardown:
    return teardown(wanted, world.observed(), NOW + timedelta(seconds=seconds))


def put_pod(world: World, name: str, component: str, phase: str = "Running", **labels: str) -> None:
    labels |= {"app.kubernetes.io/component": component}
    tree = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "status": {"phase": phase}}
    world.objects[Ref("v1", "Pod", name)] = tree


def test_app_and_worker_get_no_pods_any_more() -> None:
    world, wanted = leaving()
    step = look(world, wanted)
    assert [item.ref.name for item in step.drain] == [APP, WORKER]
    assert [item.uid for item in step.drain] == [
        world.objects[Ref("apps/v1", "Deployment", name)]["metadata"]["uid"] for name in (APP, WORKER)
    ]
    assert (step.waits, step.is_done, step.reason, step.retain) == (True, False, "Draining", ())


def test_a_backup_waits_for_pods_that_still_commit_but_not_for_jobs_or_the_finished() -> None:
    world, wanted = leaving(database=BACKUP)
    drained(world)
    put_pod(world, "app-1", "app")
    put_pod(world, "nightly-1", "worker", **{"job-name": "nightly"})
    put_pod(world, "worker-0", "worker", "Failed")
    step = look(world, wanted, 10)
    assert (step.waits, step.make) == (True, None)
    assert step.message == "waiting for pods to finish: app-1"
    del world.objects[Ref("v1", "Pod", "app-1")]
    step = look(world, wanted, 20)
    assert step.reason == "FinalBackup"
    assert step.make is not None


def test_pods_that_do_not_end_are_not_waited_for_without_end() -> None:
    world, wanted = leaving(deletionPolicy="Delete")
    drained(world)
    put_pod(world, "app-1", "app")
    assert not look(world, wanted, DRAIN_SECONDS - 1).is_done
    assert look(world, wanted, DRAIN_SECONDS).is_done


def test_what_another_owns_is_not_ended() -> None:
    world, wanted = leaving(deletionPolicy="Delete")
    for name in (APP, WORKER):
        world.objects[Ref("apps/v1", "Deployment", name)]["metadata"]["ownerReferences"] = []
    assert look(world, wanted).is_done
