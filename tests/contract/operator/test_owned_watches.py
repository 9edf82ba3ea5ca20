"""One kind's watch against a server that breaks, forgets, goes silent or fails: what happened meanwhile is not lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from ip2a_operator.adapters import watches
from ip2a_operator.adapters.watches import Watch
from ip2a_operator.api.kinds import BY_KIND
from ip2a_operator.domain.observed import Ref
from ip2a_operator.errors import UnavailableError
from ip2a_operator.names import OWNER_LABEL
from ip2a_operator.reconcile.intake import Intake
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.wakeups import Wakeups
from tests.contract.operator.scripted_api import Answer, ScriptedApi, status

SERVICE = BY_KIND["v1", "Service"]
KEY = Key("members", "local46")


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    server = ScriptedApi()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "REOPEN_SECONDS", 0.01)
    monkeypatch.setattr(watches, "LONGEST_PAUSE", 0.02)


class World:
    """A store that one watch fills."""

    def __init__(self) -> None:
        self.store, self.wakeups = Store(), Wakeups()
        self.woken = self.wakeups.of(KEY)

    def names(self) -> set[str]:
        return {ref.name for ref in self.store.versions(KEY)}

    def labels(self, name: str) -> Any:
        live = self.store.one(KEY, Ref("v1", "Service", name))
        return live.tree["metadata"]["labels"] if live else None  # type: ignore[index]  # as below put made it


@asynccontextmanager
async def watching(api: ScriptedApi, world: World) -> AsyncIterator[asyncio.Task[Any]]:
    async with ApiClient(Configuration(host=api.url)) as client:
        watch = Watch(client, SERVICE, "members", Intake(world.store, world.wakeups))
        task = asyncio.create_task(watch.run())
        yield task
        task.cancel()


async def until(what: str, probe: Callable[[], Any]) -> None:
    try:
        async with asyncio.timeout(10):
            while not probe():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.005)
    except TimeoutError as error:
        raise AssertionError(f"not within 10 s: {what}") from error


def put(api: ScriptedApi, name: str, **labels: str) -> Any:
    return api.put(SERVICE, {"metadata": {"name": name, "labels": {OWNER_LABEL: "local46", **labels}}})


def is_watch(request: web.Request) -> bool:
    return request.query.get("watch") == "true"


async def sent(request: web.Request, *lines: bytes) -> Answer:
    response = web.StreamResponse()
    await response.prepare(request)
    for line in lines:
        await response.write(line)
    return response


def error(code: int) -> bytes:
    return json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "scripted"}}).encode()


async def test_what_is_there_and_what_comes_and_goes(api: ScriptedApi) -> None:
    put(api, "a")
    world = World()
    async with watching(api, world):
        await until("listed", lambda: world.names() == {"a"} and api.watches("services"))
        world.woken.clear()
        put(api, "b")
        await until("added", lambda: world.names() == {"a", "b"})
        assert world.woken.is_set()
        put(api, "a", changed="yes")
        await until("changed", lambda: "changed" in world.labels("a"))
        world.woken.clear()
        api.drop(SERVICE, "a")
        await until("deleted", lambda: world.names() == {"b"})
        assert world.woken.is_set()


async def test_an_object_that_gets_another_owners_label_is_missed_by_its_own(api: ScriptedApi) -> None:
    put(api, "a")
    world = World()
    async with watching(api, world):
        await until("listed", lambda: world.names() == {"a"} and api.watches("services"))
        world.woken.clear()
        put(api, "a", **{OWNER_LABEL: "another"})
        await until("gone to the other", lambda: not world.names())
        assert world.woken.is_set()
        assert world.store.holder("members", Ref("v1", "Service", "a")) == Key("members", "another")
        put(api, "a")
        await until("back", lambda: world.names() == {"a"})
        assert len(world.store) == 1


async def test_long_list_comes_in_pages(api: ScriptedApi) -> None:
    asked: list[str] = []

    async def paged(request: web.Request) -> Answer | None:
        if is_watch(request) or not request.path.endswith("services"):
            return None
        assert request.query["limit"] == str(watches.PAGE)
        asked.append(request.query.get("continue", ""))
        items = [api.objects["services", "ab"[len(asked) - 1]]]
        more = {"continue": "page-2"} if len(asked) == 1 else {}
        return web.json_response({"metadata": {"resourceVersion": "200", **more}, "items": items})

    put(api, "a"), put(api, "b")
    api.faults.append(paged)
    world = World()
    async with watching(api, world):
        await until("both pages", lambda: world.names() == {"a", "b"})
    assert asked == ["", "page-2"]


async def test_broken_watch_goes_on_where_it_was(api: ScriptedApi) -> None:
    versions: list[str] = []

    async def spy(request: web.Request) -> None:
        if is_watch(request):
            versions.append(request.query["resourceVersion"])

    api.faults.append(spy)
    world = World()
    async with watching(api, world):
        await until("watching", lambda: api.watches("services"))
        last = put(api, "a")["metadata"]["resourceVersion"]
        await until("seen", world.names)
        api.break_watches()
        await until("opened again", lambda: len(versions) == 2)
        assert versions[1] == last
        assert sum(not path.endswith("services") or method != "GET" for method, path in api.requests) == 0
        lists = len(api.requests) - len(versions)
        assert lists == 1


async def test_what_was_deleted_while_the_watch_had_expired_is_noticed(api: ScriptedApi) -> None:
    world = World()
    expired = iter([True])

    async def gone(request: web.Request) -> Answer | None:
        if is_watch(request) and api.opened["services"] == 1 and next(expired, False):
            del api.objects["services", "a"]  # and nobody is told
            return await sent(request, error(410))
        return None

    put(api, "a"), put(api, "b")
    api.faults.append(gone)
    async with watching(api, world):
        await until("watching", lambda: api.watches("services"))
        world.woken.clear()
        api.break_watches()
        await until("noticed", lambda: world.names() == {"b"})
        assert world.woken.is_set()


async def test_silence_is_not_trusted(api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "SILENCE_SECONDS", 0.1)
    async with watching(api, World()):
        await until("opened again and again", lambda: api.opened["services"] >= 3)


@pytest.mark.parametrize("code", [403, 500])
async def test_server_that_keeps_failing_a_watch_ends_it(api: ScriptedApi, code: int) -> None:
    async def failing(request: web.Request) -> Answer | None:
        return await sent(request, error(code)) if is_watch(request) else None

    api.faults.append(failing)
    async with watching(api, World()) as task:
        with pytest.raises(UnavailableError, match="watch of services: scripted"):
            await asyncio.wait_for(task, 10)
    assert sum(method == "GET" for method, _ in api.requests) == watches.ATTEMPTS + 1  # one of them the list


async def test_refused_list_ends_it_too(api: ScriptedApi) -> None:
    async def refused(_: web.Request) -> Answer:
        return status(403, "scripted")

    api.faults.append(refused)
    async with watching(api, World()) as task:
        with pytest.raises(UnavailableError, match="watch of services: scripted"):
            await asyncio.wait_for(task, 10)


async def test_overload_and_absence_are_waited_out(api: ScriptedApi) -> None:
    answers = iter(["429", "cut", "garbage"] * watches.ATTEMPTS)

    async def trouble(request: web.Request) -> Answer | None:
        match next(answers, ""):
            case "429":
                return status(429, "too many")
            case "cut":
                assert request.transport is not None
                request.transport.close()
                return status(500, "nobody hears this")
            case "garbage":
                return web.Response(text="<html>")
        return None

    put(api, "a")
    api.faults.append(trouble)
    world = World()
    async with watching(api, world) as task:
        await until("seen in the end", world.names)
        assert not task.done()
