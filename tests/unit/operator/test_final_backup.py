"""The last backup before a deletion: taken once, tried again, not awaited without end; nothing is lost without it."""

from datetime import timedelta
from typing import Any

import pytest

from ip2a_operator.domain.actions import NoticeKind
from ip2a_operator.domain.final_backup import RETRY_SECONDS, SECONDS
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.resource import Resource
from ip2a_operator.domain.teardown import Teardown, teardown
from ip2a_operator.names import RETAINED_ANNOTATION
from tests.unit.operator.worlds import NOW, UID, World, drained, resource

CLUSTER = Ref("postgresql.cnpg.io/v1", "Cluster", "local46-db")
BACKUP = {"destination": "s3://backups/here", "credentials": {"name": "s3"}, "final": True}


def leaving(policy: str, **backup: Any) -> tuple[World, Resource]:
    spec = {"deletionPolicy": policy, "database": {"backup": {**BACKUP, **backup}}}
    world = World()
    world.settle(resource(spec))
    drained(world)
    return world, resource(spec, deletionTimestamp=NOW.isoformat())


def look(world: World, wanted: Resource, seconds: float = 0.0) -> Teardown:
    """The next step, `seconds` after the deletion; a Backup that it makes is there from then on."""
    now = NOW + timedelta(seconds=seconds)
    step = teardown(wanted, world.observed(), now)
    if step.make is not None:
        tree = {**step.make, "metadata": {**step.make["metadata"], "creationTimestamp": now.isoformat()}}  # type: ignore[dict-item]
        world.objects[Ref("postgresql.cnpg.io/v1", "Backup", str(tree["metadata"]["name"]))] = tree  # type: ignore[index]
    return step


def backups(world: World) -> list[dict[str, Any]]:
    return [tree for ref, tree in sorted(world.objects.items()) if ref.kind == "Backup"]


def release(world: World, step: Teardown) -> None:
    for item in step.retain:
        metadata = world.objects[item.ref]["metadata"]
        metadata["ownerReferences"] = []
        metadata.setdefault("annotations", {})[RETAINED_ANNOTATION] = UID


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_one_backup_is_taken_and_waited_for(policy: str) -> None:
    world, wanted = leaving(policy)
    assert look(world, wanted).waits
    (backup,) = backups(world)
    assert backup["spec"] == {"cluster": {"name": "local46-db"}, "method": "barmanObjectStore", "target": "primary"}
    assert "ownerReferences" not in backup["metadata"], "it outlives the resource"
    backup["status"] = {"phase": "running"}
    step = look(world, wanted, 100)
    assert (step.waits, step.make, step.retain) == (True, None, ())
    assert "is running" in step.message
    backup["status"] = {"phase": "completed"}
    step = look(world, wanted, 200)
    assert not step.waits
    release(world, step)
    last = look(world, wanted, 202)
    assert last.is_done
    assert [notice.reason for notice in last.notices] == ["FinalBackupTaken", "Deleted"]
    assert "s3://backups/here" in last.notices[0].message
    assert len(backups(world)) == 1
    owned = bool(world.objects[CLUSTER]["metadata"]["ownerReferences"])
    assert owned == (policy == "Delete")


def test_a_backup_that_fails_is_tried_again_a_minute_later() -> None:
    world, wanted = leaving("Delete")
    look(world, wanted)
    backups(world)[0]["status"] = {"phase": "failed", "error": "no such bucket"}
    step = look(world, wanted, RETRY_SECONDS - 1)
    assert step.waits
    assert step.backup.failed
    assert "no such bucket" in step.message
    assert len(backups(world)) == 1
    assert look(world, wanted, RETRY_SECONDS).waits
    assert len(backups(world)) == 2
    backups(world)[1]["status"] = {"phase": "completed"}
    assert look(world, wanted, 100).is_done


@pytest.mark.parametrize("phase", ["failed", "running", ""])
def test_without_a_backup_in_time_the_database_is_kept(phase: str) -> None:
    world, wanted = leaving("Delete")
    look(world, wanted)
    backups(world)[0]["status"] = {"phase": phase}
    assert look(world, wanted, 30).waits
    step = look(world, wanted, SECONDS)
    assert CLUSTER in {item.ref for item in step.retain}
    release(world, step)
    last = look(world, wanted, SECONDS + 2)
    assert last.is_done
    assert [(notice.kind, notice.reason) for notice in last.notices] == [
        (NoticeKind.WARNING, "FinalBackupFailed"),
        (NoticeKind.NORMAL, "Deleted"),
    ]
    assert "kept, because its last backup failed" in last.message


def test_a_database_without_a_primary_is_waited_for_and_then_kept() -> None:
    world, wanted = leaving("Delete")
    world.objects[CLUSTER]["status"] = {}
    assert look(world, wanted, SECONDS - 1).waits
    assert backups(world) == []
    assert look(world, wanted, SECONDS).retain
    late_but_well, wanted = leaving("Delete")
    assert look(late_but_well, wanted, 10 * SECONDS).waits, "the operator was away: there is still a first attempt"


def test_nothing_is_backed_up_unless_it_is_wanted_and_there() -> None:
    world, wanted = leaving("Delete", final=False)
    assert look(world, wanted).is_done
    world, wanted = leaving("Delete")
    del world.objects[CLUSTER]
    assert look(world, wanted).is_done
    assert backups(world) == []
    assert [notice.reason for notice in look(world, wanted).notices] == ["Deleted"]
