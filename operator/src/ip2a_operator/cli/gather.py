"""What the commands look at: a resource and everything that is made for it, read once from the API server."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ip2a_operator.adapters.kube import KubeCluster
from ip2a_operator.api.kinds import OWNED, RESOURCE
from ip2a_operator.domain.observed import Live, Observed, Ref
from ip2a_operator.domain.plan import Surroundings
from ip2a_operator.domain.stack import Images
from ip2a_operator.domain.tree import Tree, branch, branches, text
from ip2a_operator.errors import OperatorError
from ip2a_operator.names import OWNER_LABEL
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.store import Store

UNKNOWN_IMAGE = "image-of-the-operator"
"""Stands for an image that the operator would choose and that no object shows yet."""


@dataclass(frozen=True, slots=True)
class View:
    """A resource (None when there is none of this name) and what was seen of its objects."""

    key: Key
    raw: Tree | None
    observed: Observed
    surroundings: Surroundings


async def gather(cluster: KubeCluster, key: Key) -> View:
    """Read everything at once. Secrets are reduced to digests before anybody sees them."""
    served = await cluster.served_kinds()
    kinds = [kind for kind in OWNED if kind.kind in served]
    selector = f"{OWNER_LABEL}={key.name}"
    ref = Ref(RESOURCE.api_version, RESOURCE.kind, key.name)
    raw = await cluster.get(key.namespace, ref)
    listings = await asyncio.gather(*(cluster.list_labelled(kind, key.namespace, selector) for kind in kinds))
    store = Store()
    for kind, items in zip(kinds, listings, strict=True):
        for item in items:
            store.put({**item, **kind.header()})
    observed = store.observed(key)
    return View(key, raw, observed, Surroundings(images(observed), served))


async def required(cluster: KubeCluster, key: Key) -> View:
    """The same, for commands that make no sense without the resource."""
    view = await gather(cluster, key)
    if view.raw is None:
        raise OperatorError(f"there is no IP2A {key}")
    return view


def images(observed: Observed) -> Images:
    """The operator's images, as the objects show them: the command line is not told them."""
    containers = [
        container
        for live in observed.of_kind("StatefulSet")
        for container in branches(live.tree, "spec", "template", "spec", "containers")
    ]
    by_name = {text(container, "name"): text(container, "image") for container in containers}
    return Images(
        app=_first(observed, "Deployment", _app_image),
        postgresql=_first(observed, "Cluster", lambda live: _database_image(live, backup=False)),
        postgresql_backup=_first(observed, "Cluster", lambda live: _database_image(live, backup=True)),
        pgbouncer=_first(observed, "Pooler", lambda live: text(live.tree, "spec", "pgbouncer", "image")),
        redis=by_name.get("redis", UNKNOWN_IMAGE),
        redis_exporter=by_name.get("exporter", UNKNOWN_IMAGE),
        pull_policy=_first(observed, "Cluster", lambda live: text(live.tree, "spec", "imagePullPolicy")),
    )


def _database_image(live: Live, *, backup: bool) -> str:
    """Instances run one of two images, by whether they are backed up."""
    return text(live.tree, "spec", "imageName") if bool(branch(live.tree, "spec", "backup")) is backup else ""


def _app_image(live: Live) -> str:
    containers = branches(live.tree, "spec", "template", "spec", "containers")
    return next((text(item, "image") for item in containers if text(item, "name") == "app"), "")


def _first(observed: Observed, kind: str, read: Callable[[Live], str]) -> str:
    return next(filter(None, map(read, observed.of_kind(kind))), UNKNOWN_IMAGE)
