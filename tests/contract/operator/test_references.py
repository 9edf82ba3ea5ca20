"""Reading what specs name from a server that misbehaves: what is known stays known, and nobody is woken for nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

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
from tests.unit.operator.worlds import sample

KEY = Key("members", "local46")
S3, COLOURS = Ref("v1", "Secret", "documents-s3"), Ref("v1", "ConfigMap", "colours")


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScriptedApi]:
    monkeypatch.setattr(module, "PACE_SECONDS", 0.0)
    server = ScriptedApi()
    await server.start()
    server.put(BY_KIND["v1", "Secret"], {"metadata": {"name": S3.name}, "data": {"secret-access-key": "b25l"}})
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
        yield References(KubeCluster(client, Meter()), store, Wakeups())


async def test_only_what_is_named_is_asked_for_and_only_news_wakes(
    api: ScriptedApi, store: Store, references: References
) -> None:
    dirty = references.wakeups.of(KEY)
    await references.round()
    assert dirty.is_set()
    assert set(store.references(KEY)) == {S3, COLOURS}
    assert store.references(KEY)[COLOURS] == "", "there is none of that name"
    assert {path for _, path in api.requests} == {
        "/api/v1/namespaces/members/secrets/documents-s3",
        "/api/v1/namespaces/members/configmaps/colours",
    }
    dirty.clear()
    await references.round()
    assert not dirty.is_set()
    api.put(BY_KIND["v1", "Secret"], {"metadata": {"name": S3.name}, "data": {"secret-access-key": "dHdv"}})
    await references.round()
    assert dirty.is_set()
    assert store.observed(KEY).references == store.references(KEY)


@pytest.mark.parametrize("code", [403, 429, 500])
async def test_what_cannot_be_read_keeps_what_is_known(
    api: ScriptedApi, store: Store, references: References, code: int
) -> None:
    await references.round()
    known = store.references(KEY)
    references.wakeups.of(KEY).clear()

    async def refused(request: web.Request) -> Answer | None:
        return status(code, "scripted") if "secrets" in request.path else None

    api.faults.append(refused)
    await references.round()
    assert store.references(KEY) == known
    assert not references.wakeups.of(KEY).is_set()


async def test_what_was_never_read_is_not_known(api: ScriptedApi, store: Store, references: References) -> None:
    async def refused(_: web.Request) -> Answer | None:
        return status(403, "scripted")

    api.faults.append(refused)
    await references.round()
    assert store.references(KEY) == {}


async def test_a_resource_that_is_gone_or_cannot_be_understood_is_asked_nothing(
    api: ScriptedApi, store: Store, references: References
) -> None:
    await references.round()
    store.put_resource(KEY, api.put(RESOURCE, {**sample("minimal"), "spec": {"users": 0}}))
    api.requests.clear()
    await references.round()
    assert api.requests == []
    assert store.references(KEY) == {}
    raw = store.resource(KEY) or {}
    store.drop_resource(KEY, raw["metadata"]["uid"])  # type: ignore[index]  # a tree of dictionaries
    await references.round()
    assert api.requests == []
