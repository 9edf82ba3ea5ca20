"""Reading what specs name from a server that misbehaves: what is known stays known, and nobody is woken for nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from ip2a_operator.adapters import watches
from ip2a_operator.adapters.bystanders import Bystanders
from ip2a_operator.adapters.kube import KubeCluster
from ip2a_operator.api.kinds import BY_KIND, RESOURCE
from ip2a_operator.domain.observed import Ref
from ip2a_operator.reconcile import references as module
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.references import References
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.wakeups import Wakeups
from tests.contract.operator.scripted_api import Answer, ScriptedApi, status
from tests.contract.operator.test_cluster import Meter
from tests.contract.operator.test_owned_watches import is_watch, until
from tests.unit.operator.worlds import sample

KEY = Key("members", "local46")
SECRET = BY_KIND["v1", "Secret"]
S3, COLOURS = Ref("v1", "Secret", "documents-s3"), Ref("v1", "ConfigMap", "colours")


def put(api: ScriptedApi, value: str) -> None:
    api.put(SECRET, {"metadata": {"name": S3.name}, "data": {"secret-access-key": value}})


def asked(api: ScriptedApi) -> list[str]:
    """What was read by its name."""
    return [path for _, path in api.requests if path.rpartition("/")[2] in {S3.name, COLOURS.name}]


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScriptedApi]:
    monkeypatch.setattr(module, "PACE_SECONDS", 0.0)
    monkeypatch.setattr(watches, "REOPEN_SECONDS", 0.01)
    server = ScriptedApi()
    await server.start()
    put(server, "b25l")
    yield server
    await server.stop()


@pytest.fixture
def store(api: ScriptedApi) -> Store:
    raw: dict[str, Any] = sample("minimal")
    credentials = {"name": S3.name}
    raw["spec"] |= {
        "storage": {"endpoint": "https://s3.example", "bucket": "documents", "credentials": credentials},
        "app": {"envFrom": [{"configMapRef": {"name": COLOURS.name}}]},
    }
    made = Store()
    made.put_resource(KEY, api.put(RESOURCE, raw))
    return made


@pytest.fixture
async def references(api: ScriptedApi, store: Store) -> AsyncIterator[References]:
    async with ApiClient(Configuration(host=api.url)) as client:
        bystanders = Bystanders(client, [SECRET], ["members"])
        tasks = [asyncio.create_task(watch.run()) for watch in bystanders.watches]
        await until("followed", lambda: all(watch.follows for watch in bystanders.watches))
        yield References(KubeCluster(client, Meter()), store, Wakeups(), bystanders)
        for task in tasks:
            task.cancel()


async def heard(references: References, change: Any) -> None:
    """Do something, and wait until the Secret's metadata shows it."""
    before = references.versions.version("members", S3)
    change()
    await until("heard of", lambda: references.versions.version("members", S3) not in {before, None})


async def test_only_what_is_named_and_there_is_read_once_and_only_news_wakes(
    api: ScriptedApi, store: Store, references: References
) -> None:
    dirty = references.wakeups.of(KEY)
    api.put(SECRET, {"metadata": {"name": "of-somebody-else"}, "data": {"password": "b25l"}})
    await references.round()
    assert dirty.is_set()
    assert set(store.references(KEY)) == {S3, COLOURS}
    assert store.references(KEY)[COLOURS] == "", "there is none of that name"
    assert asked(api) == ["/api/v1/namespaces/members/secrets/documents-s3"]
    assert not [path for _, path in api.requests if path.endswith("of-somebody-else")]
    dirty.clear()
    await references.round()
    assert not dirty.is_set()
    assert len(asked(api)) == 1, "its version is the same"
    known = store.references(KEY)[S3]
    await heard(references, lambda: put(api, "dHdv"))
    await references.round()
    assert dirty.is_set()
    assert store.references(KEY)[S3] not in {known, ""}
    assert store.observed(KEY).references == store.references(KEY)
    await heard(references, lambda: api.drop(SECRET, S3.name))
    await references.round()
    assert store.references(KEY)[S3] == ""
    assert len(asked(api)) == 2


@pytest.mark.parametrize("code", [403, 429, 500])
async def test_what_cannot_be_read_keeps_what_is_known_and_is_asked_for_again(
    api: ScriptedApi, store: Store, references: References, code: int
) -> None:
    await references.round()
    known = store.references(KEY)
    references.wakeups.of(KEY).clear()

    async def refused(request: web.Request) -> Answer | None:
        return status(code, "scripted") if request.path.endswith(S3.name) else None

    api.faults.append(refused)
    await heard(references, lambda: put(api, "dHdv"))
    await references.round()
    assert store.references(KEY) == known
    assert not references.wakeups.of(KEY).is_set()
    api.faults.clear()
    await references.round()
    assert store.references(KEY) != known


async def test_what_was_never_read_is_not_known(api: ScriptedApi, store: Store, references: References) -> None:
    async def refused(request: web.Request) -> Answer | None:
        return status(403, "scripted") if request.path.endswith(S3.name) else None

    api.faults.append(refused)
    await references.round()
    assert set(store.references(KEY)) == {COLOURS}


async def test_while_nothing_is_heard_everything_stays_as_it_is_known(
    api: ScriptedApi, store: Store, references: References
) -> None:
    await references.round()
    known = store.references(KEY)

    async def cut(request: web.Request) -> Answer | None:
        return status(429, "scripted") if is_watch(request) else None

    api.faults.append(cut)
    api.break_watches()
    await until("deaf", lambda: references.versions.version("members", S3) is None)
    put(api, "dHdv")
    await references.round()
    assert store.references(KEY) == known
    assert len(asked(api)) == 1


async def test_a_resource_that_is_gone_or_cannot_be_understood_is_asked_nothing(
    api: ScriptedApi, store: Store, references: References
) -> None:
    await references.round()
    raw = store.resource(KEY) or {}
    store.put_resource(KEY, api.put(RESOURCE, {**sample("minimal"), "spec": {"users": 0}}))
    api.requests.clear()
    await references.round()
    assert asked(api) == []
    assert store.references(KEY) == {}
    store.put_resource(KEY, api.put(RESOURCE, dict(raw)))
    await references.round()
    assert set(store.references(KEY)) == {S3, COLOURS}, "it came back"
    api.requests.clear()
    store.drop_resource(KEY, raw["metadata"]["uid"])  # type: ignore[index]  # a tree of dictionaries
    await references.round()
    assert asked(api) == []
