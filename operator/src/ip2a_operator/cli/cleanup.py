"""`ip2a cleanup`: what the chart's pre-delete hook runs. Finalizers are the operator's to remove, never ours:
the owner references would take a retained database along."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from ip2a_operator.adapters.kube import KubeCluster
from ip2a_operator.api.kinds import RESOURCE
from ip2a_operator.cli.connection import connect
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.tree import Tree, text

POLL_SECONDS: Final = 1.0


async def clean_up(namespaces: Sequence[str], seconds: float, say: Callable[[str], None]) -> int:
    """Exit status 0 when no resource is left, 1 naming those that are after `seconds`."""
    async with connect() as cluster:
        for resource in await _all(cluster, namespaces):
            say(f"deleting {_label(resource)}")
            ref = Ref(RESOURCE.api_version, RESOURCE.kind, text(resource, "metadata", "name"))
            await cluster.delete(text(resource, "metadata", "namespace"), ref, text(resource, "metadata", "uid"))
        try:
            async with asyncio.timeout(seconds):
                while await _all(cluster, namespaces):  # noqa: ASYNC110 - what is waited for is on the cluster
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            left = ", ".join(map(_label, await _all(cluster, namespaces)))
            say(f"still there after {seconds:g} s: {left}; is the operator running?")
            return 1
    say("no IP2A is left")
    return 0


async def _all(cluster: KubeCluster, namespaces: Sequence[str]) -> list[Tree]:
    found: list[Tree] = []
    for namespace in namespaces or ("",):
        found += await cluster.list_resources(namespace)
    return found


def _label(resource: Tree) -> str:
    return f"{text(resource, 'metadata', 'namespace')}/{text(resource, 'metadata', 'name')}"
