"""A deletion's last backup against a server that refuses it: the finalizer stays, and nothing is let go."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from ip2a_operator.adapters.bystanders import Bystanders
from ip2a_operator.adapters.clock import SystemClock, SystemEntropy
from ip2a_operator.adapters.kube import KubeCluster
from ip2a_operator.api.kinds import BY_KIND, RESOURCE
from ip2a_operator.domain.actions import Notice
from ip2a_operator.errors import NotLeaderError, RejectedError, UnavailableError
from ip2a_operator.reconcile.executor import Executor
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.reconciler import Reconciler
from ip2a_operator.reconcile.store import Store
from tests.contract.operator.scripted_api import Answer, Json, ScriptedApi, status
from tests.contract.operator.test_cluster import Meter
from tests.unit.operator.worlds import SURROUNDINGS, UID, sample

KEY = Key("members", "local46")
CLUSTER, BACKUP = (BY_KIND["postgresql.cnpg.io/v1", kind] for kind in ("Cluster", "Backup"))


class Recorder:
    """Keeps events."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def record(self, key: Key, uid: str, notice: Notice) -> None:
        self.reasons.append(notice.reason)


class Fence:
    """Open until told otherwise."""

    def __init__(self) -> None:
        self.open = True

    def check(self) -> None:
        if not self.open:
            raise NotLeaderError("somebody else works")


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    server = ScriptedApi()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def leaving(api: ScriptedApi) -> Json:
    raw: dict[str, Any] = sample("minimal")
    backup = {"destination": "s3://backups/here", "credentials": {"name": "s3"}, "final": True}
    raw["spec"] |= {"deletionPolicy": "Delete", "database": {"backup": backup}}
    raw["metadata"] |= {"uid": UID, "deletionTimestamp": datetime.now(UTC).isoformat(timespec="seconds")}
    return api.put(RESOURCE, raw)


@pytest.fixture
async def reconciler(api: ScriptedApi, leaving: Json) -> AsyncIterator[Reconciler]:
    store, fence = Store(), Fence()
    owner = {"apiVersion": RESOURCE.api_version, "kind": "IP2A", "name": KEY.name, "uid": UID, "controller": True}
    database = {
        "metadata": {"name": "local46-db", "labels": {"ip2a.dev/owner": KEY.name}, "ownerReferences": [owner]},
        "spec": {"instances": 1},
        "status": {"currentPrimary": "local46-db-1", "readyInstances": 1},
    }
    store.put(api.put(CLUSTER, database))
    store.put_resource(KEY, leaving)
    async with ApiClient(Configuration(host=api.url)) as client:
        cluster = KubeCluster(client, Meter())
        executor = Executor(cluster, store, fence, SystemEntropy(), Bystanders(client, (), ()))
        yield Reconciler(cluster, store, executor, Recorder(), SystemClock(), fence, SURROUNDINGS)


def backups(api: ScriptedApi) -> list[str]:
    return [name for plural, name in api.objects if plural == "backups"]


async def dated(api: ScriptedApi, request: web.Request) -> Answer | None:
    """A Backup as a real server makes it: with the time of its creation."""
    if request.method != "POST" or not request.path.endswith("/backups"):
        return None
    body = await request.json()
    body["metadata"]["creationTimestamp"] = datetime.now(UTC).isoformat(timespec="seconds")
    return web.json_response(api.put(BACKUP, body), status=201)


@pytest.mark.parametrize(("code", "error"), [(403, RejectedError), (422, RejectedError), (500, UnavailableError)])
async def test_a_backup_that_is_refused_lets_nothing_go(
    api: ScriptedApi, reconciler: Reconciler, leaving: Json, code: int, error: type[Exception]
) -> None:
    async def refused(request: web.Request) -> Answer | None:
        return status(code, "scripted") if request.path.endswith("/backups") else None

    api.faults.append(refused)
    with pytest.raises(error, match="scripted"):
        await reconciler.tear_down(KEY, leaving)
    assert not [path for method, path in api.requests if method == "PATCH"]
    api.faults.clear()
    assert not await reconciler.tear_down(KEY, leaving)
    assert len(backups(api)) == 1


async def test_a_backup_that_the_watch_has_not_shown_is_no_error(
    api: ScriptedApi, reconciler: Reconciler, leaving: Json
) -> None:
    async def exists(request: web.Request) -> Answer | None:
        return status(409, "exists") if request.path.endswith("/backups") else None

    api.faults.append(exists)
    for _ in range(2):
        assert not await reconciler.tear_down(KEY, leaving)
    assert api.objects["ip2as", KEY.name]["status"]["conditions"], "it is said what is waited for"


async def test_who_no_longer_leads_makes_no_backup(api: ScriptedApi, reconciler: Reconciler, leaving: Json) -> None:
    assert isinstance(reconciler.fence, Fence)
    reconciler.fence.open = False
    with pytest.raises(NotLeaderError):
        await reconciler.tear_down(KEY, leaving)
    assert backups(api) == []


async def test_a_completed_backup_ends_the_wait(api: ScriptedApi, reconciler: Reconciler, leaving: Json) -> None:
    async def made(request: web.Request) -> Answer | None:
        return await dated(api, request)

    api.faults.append(made)
    assert not await reconciler.tear_down(KEY, leaving)
    (name,) = backups(api)
    reconciler.store.put(api.put(BACKUP, {**api.objects["backups", name], "status": {"phase": "completed"}}))
    assert await reconciler.tear_down(KEY, leaving)
    assert isinstance(reconciler.recorder, Recorder)
    assert reconciler.recorder.reasons[-2:] == ["FinalBackupTaken", "Deleted"]


DEPLOYMENT, POD = BY_KIND["apps/v1", "Deployment"], BY_KIND["v1", "Pod"]


async def test_pods_end_before_the_backup_is_made(api: ScriptedApi, reconciler: Reconciler, leaving: Json) -> None:
    owner = {"apiVersion": RESOURCE.api_version, "kind": "IP2A", "name": KEY.name, "uid": UID, "controller": True}
    labels = {"ip2a.dev/owner": KEY.name, "app.kubernetes.io/component": "app"}
    metadata = {"name": "local46-app", "labels": labels, "ownerReferences": [owner]}
    reconciler.store.put(api.put(DEPLOYMENT, {"metadata": metadata, "spec": {"replicas": 2}}))
    pod = api.put(POD, {"metadata": {"name": "local46-app-1", "labels": labels}, "status": {"phase": "Running"}})
    reconciler.store.put(pod)

    assert not await reconciler.tear_down(KEY, leaving)
    assert api.objects["deployments", "local46-app"]["spec"]["replicas"] == 0
    assert backups(api) == []
    conditions = {one["type"]: one for one in api.objects["ip2as", KEY.name]["status"]["conditions"]}
    assert (conditions["Progressing"]["reason"], "local46-app-1" in conditions["Progressing"]["message"]) == (
        "Draining",
        True,
    )
    patches = len([path for method, path in api.requests if method == "PATCH" and "/deployments/" in path])
    reconciler.store.drop(pod)
    assert not await reconciler.tear_down(KEY, leaving)
    assert len(backups(api)) == 1
    assert len([path for method, path in api.requests if method == "PATCH" and "/deployments/" in path]) == patches
