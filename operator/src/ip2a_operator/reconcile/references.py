"""Reads the Secrets and ConfigMaps that specs name and people make, so that a change of one replaces its readers.

They carry no label of ours, so that their metadata is followed (adapters/bystanders.py), and content is asked for only
when a version is new; only digests are kept.
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
from ip2a_operator.reconcile.ports import Cluster, Key, Versions
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.wakeups import Wakeups

log = logging.getLogger(__name__)

ROUND_SECONDS: Final = 1.0
"""Between two looks at the versions, which cost no request."""
PACE_SECONDS: Final = 0.05
"""After every request: twenty a second at most, however much changes at once."""


@dataclass(slots=True)
class _Known:
    """What is known of one resource's references. Versions are those that the digests were read for."""

    version: tuple[str, int]
    """Of the resource, so that a quiet one is not parsed again."""
    refs: frozenset[Ref]
    versions: dict[Ref, str] = field(default_factory=dict)


@dataclass(slots=True)
class References:
    """Looks in rounds; `run` ends only by being cancelled, or by a bug, which ends the process."""

    cluster: Cluster
    store: Store
    wakeups: Wakeups
    versions: Versions
    _known: dict[Key, _Known] = field(default_factory=dict)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.round()
            await asyncio.sleep(ROUND_SECONDS)

    async def round(self) -> None:
        """Every reference of every resource once."""
        keys = set(self.store.keys())
        for gone in self._known.keys() - keys:
            del self._known[gone]
        for key in sorted(keys, key=str):
            if self.store.refer(key, await self._read(key)):
                self.wakeups.wake(key)

    async def _read(self, key: Key) -> Mapping[Ref, str]:
        """Digests; what could not be asked for keeps the one that it had."""
        known = self._look_up(key)
        if known is None:
            return {}
        before, found = self.store.references(key), {}
        for ref in sorted(known.refs):
            version = self.versions.version(key.namespace, ref)
            if version == "":
                found[ref] = ""
            elif ref in before and version in {None, known.versions.get(ref)}:
                found[ref] = before[ref]
            elif version is not None:
                await self._ask(key, ref, version, known=known, found=found)
        return found

    async def _ask(self, key: Key, ref: Ref, version: str, *, known: _Known, found: dict[Ref, str]) -> None:
        try:
            live = await self.cluster.get(key.namespace, ref)
        except OperatorError as error:
            log.warning("%s of %s cannot be read: %s", ref, key, error)
            before = self.store.references(key)
            if ref in before:
                found[ref] = before[ref]
        else:
            found[ref] = contents(live) if live is not None else ""
            known.versions[ref] = version
        await asyncio.sleep(PACE_SECONDS)

    def _look_up(self, key: Key) -> _Known | None:
        version, known = self.store.version(key), self._known.get(key)
        if version is None:
            return None
        if known is None or known.version != version:
            try:
                refs = named(parse(self.store.resource(key) or {}).spec)
            except InvalidSpecError:
                refs = frozenset()
            known = _Known(version, refs, known.versions if known else {})
            self._known[key] = known
        return known


def contents(live: Tree) -> str:
    """Digest of what a Secret or a ConfigMap holds."""
    return digest([branch(live, "data"), branch(live, "binaryData")])
