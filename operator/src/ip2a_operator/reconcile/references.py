"""Reads the Secrets and ConfigMaps that specs name and people make, so that a change of one replaces its readers.

They carry no label of ours, and a watch of every Secret of a cluster would bring all of them into this process. So
each one that is named is asked for by its name, in turn, at a bounded rate; only digests are kept.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ip2a_operator.domain.builders.metadata import digest
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.references import named
from ip2a_operator.domain.resource import parse
from ip2a_operator.domain.tree import Tree, branch
from ip2a_operator.errors import InvalidSpecError, OperatorError
from ip2a_operator.reconcile.ports import Cluster, Key
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.wakeups import Wakeups

log = logging.getLogger(__name__)

ROUND_SECONDS: Final = 5.0
"""Between the end of one round and the next."""
PACE_SECONDS: Final = 0.05
"""After every request: twenty a second at most, however many resources there are."""


@dataclass(slots=True)
class References:
    """Asks in rounds; `run` ends only by being cancelled, or by a bug, which ends the process."""

    cluster: Cluster
    store: Store
    wakeups: Wakeups
    _named: dict[Key, tuple[tuple[str, int], frozenset[Ref]]] = field(default_factory=dict)
    """By version of the resource, so that a quiet one is not parsed again."""

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.round()
            await asyncio.sleep(ROUND_SECONDS)

    async def round(self) -> None:
        """Every reference of every resource once."""
        keys = set(self.store.keys())
        for gone in self._named.keys() - keys:
            del self._named[gone]
        for key in sorted(keys, key=str):
            if self.store.refer(key, await self._read(key)):
                self.wakeups.wake(key)

    async def _read(self, key: Key) -> Mapping[Ref, str]:
        """Digests; what could not be asked for keeps the one that it had."""
        before, found = self.store.references(key), {}
        for ref in sorted(self._refs(key)):
            try:
                live = await self.cluster.get(key.namespace, ref)
            except OperatorError as error:
                log.warning("%s of %s cannot be read: %s", ref, key, error)
                if ref in before:
                    found[ref] = before[ref]
            else:
                found[ref] = contents(live) if live is not None else ""
            await asyncio.sleep(PACE_SECONDS)
        return found

    def _refs(self, key: Key) -> frozenset[Ref]:
        version = self.store.version(key)
        if version is None:
            return frozenset()
        if (known := self._named.get(key)) is not None and known[0] == version:
            return known[1]
        try:
            refs = named(parse(self.store.resource(key) or {}).spec)
        except InvalidSpecError:
            refs = frozenset()
        self._named[key] = version, refs
        return refs


def contents(live: Tree) -> str:
    """Digest of what a Secret or a ConfigMap holds."""
    return digest([branch(live, "data"), branch(live, "binaryData")])
