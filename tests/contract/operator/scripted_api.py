"""ScriptedApi: a fake API server, named as such, for what no real one does on request.

It serves discovery, lists and watches of the operator's kinds, applies and patches naively, and misbehaves as told:
errors on chosen requests, watches that break, go silent, or are answered with an error event. What it stores is a
dictionary; nothing about Kubernetes' semantics may be concluded from it.
"""

import asyncio
import copy
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ip2a_operator.api.kinds import OWNED, REFERENCED, RESOURCE, Kind

Json = dict[str, Any]
Answer = web.StreamResponse
Fault = Callable[[web.Request], Awaitable[Answer | None]]
KINDS = {(kind.group, kind.plural): kind for kind in (RESOURCE, *OWNED, *REFERENCED)}


def status(code: int, message: str, **details: Any) -> web.Response:
    """A Status object, as errors are."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, **details}
    headers = {"Retry-After": "1"} if code == 429 else {}
    return web.json_response(body, status=code, headers=headers)


class ScriptedApi:
    """Objects by kind and name; `faults` are asked first about every request, in order, until one answers."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.version = 100
        self.opened: Counter[str] = Counter()
        self._watchers: dict[str, list[asyncio.Queue[Json | None]]] = {}
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self.break_watches()
        if self._runner is not None:
            await self._runner.cleanup()

    def break_watches(self) -> None:
        """End every watch, as a load balancer would."""
        for queues in self._watchers.values():
            for queue in queues:
                queue.put_nowait(None)

    def watches(self, plural: str) -> int:
        return len(self._watchers.get(plural, []))

    def put(self, kind: Kind, tree: Json) -> Json:
        """Store an object and tell its watchers."""
        key = (kind.plural, tree["metadata"]["name"])
        known = key in self.objects
        self.version += 1
        metadata = {"uid": f"uid-{self.version}", "namespace": "members", "generation": 1}
        metadata |= {k: v for k, v in self.objects.get(key, {}).get("metadata", {}).items() if k == "uid"}
        tree = copy.deepcopy(tree)
        tree["metadata"] = {**metadata, **tree["metadata"], "resourceVersion": str(self.version)}
        tree |= {"apiVersion": kind.api_version, "kind": kind.kind}
        self.objects[key] = tree
        self._tell(kind.plural, "MODIFIED" if known else "ADDED", tree)
        return tree

    def drop(self, kind: Kind, name: str) -> None:
        tree = self.objects.pop((kind.plural, name))
        self._tell(kind.plural, "DELETED", tree)

    def _tell(self, plural: str, event: str, tree: Json) -> None:
        for queue in self._watchers.get(plural, []):
            queue.put_nowait({"type": event, "object": copy.deepcopy(tree)})

    async def _handle(self, request: web.Request) -> Answer:
        self.requests.append((request.method, request.path))
        for fault in self.faults:
            answer = await fault(request)
            if answer is not None:
                return answer
        parts = request.path.strip("/").split("/")
        if request.method == "GET" and "namespaces" not in parts and len(parts) <= 3:
            return self._discovery(parts)
        group = parts[1] if parts[0] == "apis" else ""
        rest = parts[parts.index("namespaces") + 2 :] if "namespaces" in parts else parts[-1:]
        kind = KINDS.get((group, rest[0]))
        if kind is None:
            return await self._other(request, rest)
        if request.query.get("watch") == "true":
            return await self._watch(request, kind)
        return await self._object(request, kind, rest[1:])

    def _discovery(self, parts: list[str]) -> Answer:
        if parts == ["api"]:
            return web.json_response({"versions": ["v1"]})
        if parts == ["apis"]:
            groups = sorted({(kind.group, kind.version) for kind in KINDS.values() if kind.group})
            versions = [
                {"name": g, "preferredVersion": {"version": v}, "versions": [{"version": v}]} for g, v in groups
            ]
            return web.json_response({"groups": versions})
        group = parts[1] if parts[0] == "apis" else ""
        verbs = ["get", "list", "watch", "patch", "create", "delete"]
        resources = [
            {"name": kind.plural, "kind": kind.kind, "namespaced": True, "verbs": verbs, "singularName": ""}
            for kind in KINDS.values()
            if kind.group == group and not kind.optional
        ]
        if group == "":  # kopf waits for these two, whether it watches them or not
            resources += [
                {"name": "namespaces", "kind": "Namespace", "namespaced": False, "verbs": verbs, "singularName": ""},
                {"name": "events", "kind": "Event", "namespaced": True, "verbs": verbs, "singularName": ""},
            ]
        resources += [{**item, "name": f"{item['name']}/status"} for item in resources if item["kind"] == "IP2A"]
        return web.json_response({"resources": resources}) if resources else status(404, "no such group")

    async def _watch(self, request: web.Request, kind: Kind) -> Answer:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[Json | None] = asyncio.Queue()
        queues = self._watchers.setdefault(kind.plural, [])
        queues.append(queue)
        self.opened[kind.plural] += 1
        try:
            while (event := await queue.get()) is not None:
                await response.write(json.dumps(event).encode() + b"\n")
        except ConnectionError:
            pass
        finally:
            queues.remove(queue)
        return response

    async def _object(self, request: web.Request, kind: Kind, rest: list[str]) -> Answer:
        name = rest[0] if rest else ""
        found = self.objects.get((kind.plural, name))
        if request.method == "GET" and not name:
            items = [tree for (plural, _), tree in self.objects.items() if plural == kind.plural]
            listing = {"kind": f"{kind.kind}List", "metadata": {"resourceVersion": str(self.version)}, "items": items}
            return web.json_response(listing)
        if request.method == "GET":
            return web.json_response(found) if found else status(404, "not found")
        body = json.loads(await request.text() or "null")
        if request.method == "POST":
            return web.json_response(self.put(kind, body), status=201)
        if request.method == "DELETE":
            if found is None:
                return status(404, "not found")
            self.drop(kind, name)
            return web.json_response({"kind": "Status", "status": "Success"})
        if isinstance(body, list):  # kopf's JSON patch of finalizers
            patch: Json = {"metadata": {"finalizers": ["ip2a.dev/teardown"]}}
        else:
            patch = body
        merged = _merged(found or {}, patch)
        return web.json_response(self.put(kind, merged))

    async def _other(self, request: web.Request, rest: list[str]) -> Answer:
        if rest[0] == "leases" and request.method == "GET":
            return status(404, "not found")
        body: Json = json.loads(await request.text() or "{}")
        return web.json_response(body, status=201)


def _merged(old: Json, patch: Json) -> Json:
    merged = dict(old)
    for key, value in patch.items():
        if isinstance(value, dict):
            merged[key] = _merged(merged.get(key) or {}, value)
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged
