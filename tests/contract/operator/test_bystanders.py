"""What is known of others' objects: which names are free, also when the server breaks, and what is done about a name
that is not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from ip2a_operator.adapters import watches
from ip2a_operator.adapters.bystanders import Bystanders
from ip2a_operator.adapters.clock import SystemEntropy
from ip2a_operator.adapters.kube import KubeCluster, api_client
from ip2a_operator.api.kinds import BY_KIND, OWNED
from ip2a_operator.domain.actions import Apply
from ip2a_operator.domain.observed import Ref
from ip2a_operator.errors import ForeignObjectError
from ip2a_operator.names import OWNER_LABEL
from ip2a_operator.reconcile.executor import Executor
from ip2a_operator.reconcile.store import Store
from tests.contract.operator.scripted_api import Answer, ScriptedApi, status
from tests.contract.operator.test_cluster import Meter
from tests.contract.operator.test_owned_watches import is_watch, until
from tests.contract.operator.test_teardown import Fence
from tests.unit.operator.worlds import UID, resource

SERVICE = BY_KIND["v1", "Service"]
APP = Ref("v1", "Service", "local46-app")
MANIFEST = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": APP.name, "namespace": "members", "labels": {OWNER_LABEL: "local46"}},
}


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScriptedApi]:
    monkeypatch.setattr(watches, "REOPEN_SECONDS", 0.01)
    monkeypatch.setattr(watches, "LONGEST_PAUSE", 0.02)
    server = ScriptedApi()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(api: ScriptedApi) -> AsyncIterator[ApiClient]:
    async with ApiClient(Configuration(host=api.url)) as made:
        yield made


@pytest.fixture
async def bystanders(client: ApiClient) -> AsyncIterator[Bystanders]:
    made = Bystanders(client, [SERVICE], ["members"])
    assert not made.is_free("members", APP), "nothing is known yet"
    tasks = [asyncio.create_task(watch.run()) for watch in made.watches]
    await until("followed", lambda: all(watch.follows for watch in made.watches))
    yield made
    for task in tasks:
        task.cancel()


def put(api: ScriptedApi, **metadata: Any) -> Any:
    return api.put(SERVICE, {"metadata": {"name": APP.name, **metadata}, "spec": {"clusterIP": "None"}})


async def test_a_name_is_free_until_somebody_has_it_and_after(api: ScriptedApi, bystanders: Bystanders) -> None:
    assert bystanders.is_free("members", APP)
    assert not bystanders.is_free("elsewhere", APP), "where nobody looks, nothing is known"
    assert not bystanders.is_free("members", Ref("apps/v1", "Deployment", APP.name)), "of other kinds neither"
    put(api)
    await until("taken", lambda: not bystanders.is_free("members", APP))
    api.drop(SERVICE, APP.name)
    await until("free", lambda: bystanders.is_free("members", APP))


async def test_nothing_is_known_while_nothing_is_heard(api: ScriptedApi, bystanders: Bystanders) -> None:
    async def cut(request: web.Request) -> Answer | None:
        return status(429, "scripted") if is_watch(request) else None

    api.faults.append(cut)
    api.break_watches()
    await until("unknown", lambda: not bystanders.is_free("members", APP))
    assert bystanders.version("members", APP) is None
    api.faults.clear()
    await until("known", lambda: bystanders.is_free("members", APP))


async def test_what_went_while_nobody_listened_is_free(api: ScriptedApi, bystanders: Bystanders) -> None:
    put(api)
    await until("taken", lambda: bystanders.version("members", APP))
    expired = iter([True])

    async def gone(request: web.Request) -> Answer | None:
        if is_watch(request) and request.path.endswith("services") and next(expired, False):
            del api.objects["services", APP.name]
            return status(410, "too old")
        return None

    api.faults.append(gone)
    api.break_watches()
    await until("free", lambda: bystanders.is_free("members", APP))


async def test_only_metadata_is_asked_for_and_of_what_we_apply_only_that_of_others(
    api: ScriptedApi, client: ApiClient
) -> None:
    asked: dict[str, set[tuple[str, str]]] = {}

    async def spy(request: web.Request) -> None:
        what = request.headers["Accept"].partition("as=")[2].partition(";")[0]
        asked.setdefault(request.path.rpartition("/")[2], set()).add((what, request.query.get("labelSelector", "")))

    api.faults.append(spy)
    made = Bystanders(client, OWNED, ["members"])
    tasks = [asyncio.create_task(watch.run()) for watch in made.watches]
    await until("followed", lambda: all(watch.follows for watch in made.watches))
    for task in tasks:
        task.cancel()
    whole = {("PartialObjectMetadataList", ""), ("PartialObjectMetadata", "")}
    others = {(what, f"!{OWNER_LABEL}") for what, _ in whole}
    assert {plural for plural, how in asked.items() if how == whole} == {"secrets", "configmaps"}
    assert {plural for plural, how in asked.items() if how == others} == {
        kind.plural for kind in OWNED if kind.kind not in {"Secret", "Pod", "Backup"}
    }


async def test_many_namespaces_do_not_run_out_of_connections(api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Configuration, "_default", Configuration(host=api.url))
    async with api_client() as client:
        made = Bystanders(client, OWNED, [f"n{number}" for number in range(8)])
        assert len(made.watches) > 100, "more than a client has by itself"
        tasks = [asyncio.create_task(watch.run()) for watch in made.watches]
        await until("all followed", lambda: all(watch.follows for watch in made.watches))
        for task in tasks:
            task.cancel()


class Told:
    """The Names port, as it is told."""

    def __init__(self, *, free: bool) -> None:
        self.free = free

    def is_free(self, namespace: str, ref: Ref) -> bool:
        return self.free


def executor(client: ApiClient, store: Store, *, free: bool) -> Executor:
    return Executor(KubeCluster(client, Meter()), store, Fence(), SystemEntropy(), Told(free=free))


def reads(api: ScriptedApi) -> int:
    return sum(method == "GET" for method, _ in api.requests)


async def test_what_surely_nobody_has_is_made_without_a_look(api: ScriptedApi, client: ApiClient) -> None:
    made = Apply(MANIFEST, known=False, why="missing")
    await executor(client, Store(), free=True).execute(resource(), [made])
    assert ("services", APP.name) in api.objects
    assert reads(api) == 0


@pytest.mark.parametrize("how", ["others", "another resource", "somebody faster"])
async def test_what_is_somebody_elses_is_left_as_it_is(api: ScriptedApi, client: ApiClient, how: str) -> None:
    store = Store()
    theirs = put(api, labels={OWNER_LABEL: "other"} if how == "another resource" else {})
    store.put(theirs)

    async def conflict(request: web.Request) -> Answer | None:
        cause = {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl"', "field": ".spec.clusterIP"}
        return status(409, "conflict", details={"causes": [cause]}) if request.method == "PATCH" else None

    if how == "somebody faster":
        api.faults.append(conflict)
    made = Apply(MANIFEST, known=False, why="missing")
    with pytest.raises(ForeignObjectError, match="belongs to somebody else"):
        await executor(client, store, free=how != "others").execute(resource(), [made])
    assert api.objects["services", APP.name] == theirs
    assert reads(api) == 1
    assert UID not in str(theirs)
