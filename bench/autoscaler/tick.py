"""One tick over 500 resources: the operator's own Scaler on a real store, with Prometheus' answer scripted over HTTP.

The API server is a stand-in that accepts every write at once: in the steady state that is measured there are none.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ip2a_operator.adapters.clock import SystemClock
from ip2a_operator.adapters.journal import StdoutJournal
from ip2a_operator.adapters.prometheus import PrometheusClient
from ip2a_operator.domain.actions import Notice
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.tree import Manifest, Tree
from ip2a_operator.names import OWNER_LABEL
from ip2a_operator.reconcile.actuation import Actuation
from ip2a_operator.reconcile.outlook import Outlook
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.scaler import Scaler
from ip2a_operator.reconcile.sight import Sight
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.subjects import Subjects
from tests.control_plane.operator.scripted_prometheus import ScriptedPrometheus
from tests.unit.operator.worlds import SURROUNDINGS, World, resource_from, sample

RESOURCES = 500
PERIOD = 5.0
PODS = 4
"""App pods of each resource, beside two database instances and two PgBouncers."""
WARM_UP = 4
TICKS = 5


class Accepting:
    """Stands in for the API server: knows no rivals, has no metrics API, accepts everything."""

    def check(self) -> None:
        """This process leads."""

    async def apply(self, namespace: str, manifest: Manifest, *, force: bool, manager: str = "") -> Tree:
        """Accepted; the version does not move, so nothing is news."""
        return manifest

    async def apply_status(self, key: Key, status: Mapping[str, object], *, manager: str = "") -> Tree | None:
        """Accepted."""
        return None

    async def get(self, namespace: str, ref: Ref) -> Tree | None:
        """Nothing."""
        return None

    async def create(self, namespace: str, manifest: Manifest) -> Tree | None:
        """Nothing."""
        return None

    async def merge(self, namespace: str, ref: Ref, patch: Mapping[str, object]) -> Tree | None:
        """Nothing."""
        return None

    async def delete(self, namespace: str, ref: Ref, uid: str) -> None:
        """Nothing."""

    async def list_scalers(self, namespace: str) -> tuple[tuple[str, Tree], ...]:
        """None."""
        return ()

    async def list_pod_usage(self, namespace: str) -> tuple[Tree, ...]:
        """None."""
        return ()

    async def record(self, key: Key, uid: str, notice: Notice) -> None:
        """Nobody reads it."""

    def ticked(self, seconds: float, resources: int) -> None:
        """Nothing."""

    def decided(self, key: Key, decision: Decision, seconds: float) -> None:
        """Nothing."""

    def wrote(self, actuator: str, *, up: bool) -> None:
        """Nothing."""

    def failed(self, what: str) -> None:
        """A tick that fails is no measurement."""
        raise AssertionError(f"{what} failed")

    def forget(self, key: Key) -> None:
        """Nothing."""


def ticks(resources: int = RESOURCES) -> tuple[list[float], list[float]]:
    """(seconds of each tick, cores at one tick in five seconds), after a warm-up."""
    names = [f"r{index}" for index in range(resources)]
    scripted = ScriptedPrometheus([("members", name) for name in names])
    return asyncio.run(_measured(_filled(names), scripted))


def _filled(names: list[str]) -> Store:
    """A store as the watches fill it."""
    store = Store()
    for name in names:
        raw = sample("minimal")
        raw["metadata"] |= {"name": name, "namespace": "members", "uid": f"uid-{name}", "generation": 1}
        raw["metadata"]["resourceVersion"] = "1"
        store.put_resource(Key("members", name), raw)
        world = World()
        world.settle(resource_from(raw, uid=f"uid-{name}"))
        for tree in [*world.objects.values(), *_pods(name)]:
            tree["metadata"] |= {"namespace": "members", "resourceVersion": "1"}
            tree["metadata"].setdefault("labels", {})[OWNER_LABEL] = name
            store.put(tree)
    return store


def _pods(name: str) -> list[dict[str, Any]]:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-22T11:00:00Z"}
    labels = [{"app.kubernetes.io/component": "app"}] * PODS
    labels += [{"cnpg.io/podRole": "instance", "cnpg.io/instanceRole": role} for role in ("primary", "replica")]
    labels += [{"cnpg.io/poolerName": f"{name}-pool-{side}"} for side in ("rw", "ro")]
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{name}-{index}", "uid": f"{name}-{index}", "labels": dict(each)},
            "status": {"phase": "Running", "conditions": [condition]},
        }
        for index, each in enumerate(labels)
    ]


async def _measured(store: Store, scripted: ScriptedPrometheus) -> tuple[list[float], list[float]]:
    server = web.Application()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    server.router.add_post("/{tail:.*}", answer)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api, seconds, cores = Accepting(), [], []
    async with PrometheusClient() as client:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        scaler = Scaler(
            subjects=Subjects(store, SURROUNDINGS, url),
            sight=Sight(client, api, api, ()),
            actuation=Actuation(api, store, api),
            outlook=Outlook(client, api),
            cluster=api,
            store=store,
            recorder=api,
            clock=SystemClock(),
            fence=api,
            journal=StdoutJournal("none"),
            meter=api,
            period=PERIOD,
        )
        for number in range(WARM_UP + TICKS):
            body = json.dumps(scripted.answer()).encode()  # made outside of what is measured
            began, used = time.perf_counter(), time.process_time()
            await scaler.tick()
            if number >= WARM_UP:
                seconds.append(time.perf_counter() - began)
                cores.append((time.process_time() - used) / PERIOD)
    await runner.cleanup()
    return seconds, cores
