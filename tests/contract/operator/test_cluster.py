"""The adapter against an API server that misbehaves: each answer becomes the right error, and none hangs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from ip2a_operator.adapters import kube
from ip2a_operator.adapters.kube import KubeCluster
from ip2a_operator.api.kinds import BY_KIND
from ip2a_operator.domain.observed import Ref
from ip2a_operator.errors import RejectedError, UnavailableError
from ip2a_operator.reconcile.ports import FieldConflictError
from tests.contract.operator.scripted_api import Answer, ScriptedApi, status

SERVICE = Ref("v1", "Service", "a")
MANIFEST: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "a", "namespace": "members"},
    "spec": {},
}


class Meter:
    def __init__(self) -> None:
        self.codes: list[int] = []

    def requested(self, verb: str, kind: str, code: int) -> None:
        self.codes.append(code)


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    server = ScriptedApi()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
async def cluster(api: ScriptedApi, meter: Meter) -> AsyncIterator[KubeCluster]:
    async with ApiClient(Configuration(host=api.url)) as client:
        yield KubeCluster(client, meter)


def always(code: int, **details: Any) -> Any:
    async def fault(_: web.Request) -> Answer:
        return status(code, f"scripted {code}", **details)

    return fault


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_trouble_of_the_server_is_waited_out(
    api: ScriptedApi, cluster: KubeCluster, meter: Meter, code: int
) -> None:
    api.faults.append(always(code))
    with pytest.raises(UnavailableError, match=f"scripted {code}"):
        await cluster.apply("members", MANIFEST, force=False)
    assert meter.codes[-1] == code


@pytest.mark.parametrize("code", [400, 403, 422])
async def test_refusal_is_reported_with_the_servers_words(api: ScriptedApi, cluster: KubeCluster, code: int) -> None:
    api.faults.append(always(code))
    with pytest.raises(RejectedError, match=f"Service a: scripted {code}"):
        await cluster.apply("members", MANIFEST, force=False)


async def test_missing_is_none_and_deleting_the_missing_is_done(api: ScriptedApi, cluster: KubeCluster) -> None:
    assert await cluster.get("members", SERVICE) is None
    api.faults.append(always(404))
    assert await cluster.merge("members", SERVICE, {}) is None
    await cluster.delete("members", SERVICE, "uid")


async def test_field_conflict_names_the_manager(api: ScriptedApi, cluster: KubeCluster) -> None:
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "somebody"', "field": ".spec.replicas"}
    api.faults.append(always(409, details={"causes": [cause]}))
    with pytest.raises(FieldConflictError, match=r'conflict with "somebody": \.spec\.replicas'):
        await cluster.apply("members", MANIFEST, force=False)


async def test_existing_object_is_not_created_twice(api: ScriptedApi, cluster: KubeCluster) -> None:
    api.faults.append(always(409))
    assert await cluster.create("members", MANIFEST) is None


async def test_other_conflict_is_not_taken_for_one_of_fields(api: ScriptedApi, cluster: KubeCluster) -> None:
    api.faults.append(always(409))
    with pytest.raises(RejectedError):
        await cluster.apply("members", MANIFEST, force=False)


async def test_silence_ends(api: ScriptedApi, cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "REQUEST_SECONDS", 0.2)

    async def silent(_: web.Request) -> Answer:
        await asyncio.sleep(5)
        return status(500, "late")

    api.faults.append(silent)
    with pytest.raises(UnavailableError, match="no answer"):
        await cluster.get("members", SERVICE)


async def test_garbage_is_trouble_not_a_crash(api: ScriptedApi, cluster: KubeCluster) -> None:
    async def garbage(_: web.Request) -> Answer:
        return web.Response(status=502, text="<html>bad gateway</html>")

    api.faults.append(garbage)
    with pytest.raises(UnavailableError):
        await cluster.get("members", SERVICE)


async def test_nobody_listens(meter: Meter) -> None:
    async with ApiClient(Configuration(host="http://127.0.0.1:9")) as client:
        with pytest.raises(UnavailableError, match="no answer"):
            await KubeCluster(client, meter).get("members", SERVICE)
    assert meter.codes == [0]


async def test_apply_on_the_wire(api: ScriptedApi, cluster: KubeCluster) -> None:
    seen: list[web.Request] = []

    async def spy(request: web.Request) -> None:
        seen.append(request)

    api.faults.append(spy)
    await cluster.apply("members", MANIFEST, force=True)
    (request,) = seen
    assert request.method == "PATCH"
    assert request.path == BY_KIND["v1", "Service"].path("members", "a")
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert request.query == {"fieldManager": "ip2a-operator", "force": "true"}
