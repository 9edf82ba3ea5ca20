"""What the watches have seen: every object that carries our owner label, filed under its resource.

The store is what makes a steady state free: a reconciliation reads it and asks the API server nothing.
Objects are
kept compressed, without managed fields, and Secrets with digests instead of values. Answers to our own writes
are
filed too, so that the next plan sees them before the watch does.
"""

import json
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

from ip2a_operator.api.kinds import Kind
from ip2a_operator.domain.facts import DIGESTS
from ip2a_operator.domain.observed import Live, Observed, Ref, ref_of
from ip2a_operator.domain.tree import Tree, branch, strings, text
from ip2a_operator.names import OWNER_LABEL
from ip2a_operator.reconcile.ports import Key

_COMPRESSION = 1
"""Fastest; it already takes three quarters off."""
_READ = 16
"""Resources whose objects are kept as they were read, because they are planned several times in a row."""


@dataclass(slots=True)
class _Filed:
    uid: str
    version: int
    blob: bytes


class Store:
    """Objects by resource. Not safe for threads; made for one event loop."""

    def __init__(self) -> None:
        self._children: dict[Key, dict[Ref, _Filed]] = {}
        self._resources: dict[Key, _Filed] = {}
        self._accepted: dict[Key, dict[Ref, str]] = {}
        self._references: dict[Key, dict[Ref, str]] = {}
        self._holders: dict[tuple[str, Ref], Key] = {}
        self._read: OrderedDict[Key, dict[Ref, tuple[_Filed, Live]]] = OrderedDict()

    def put_resource(self, key: Key, raw: Tree) -> bool:
        """File a resource; whether it is news."""
        if not _is_news(self._resources.get(key), raw):
            return False
        self._resources[key] = _file(raw)
        return True

    def drop_resource(self, key: Key, uid: str) -> None:
        """Forget a resource, unless another of the same name has come since. Its objects are kept: the
        garbage
        collector is still to remove them, and each will be reported."""
        if (filed := self._resources.get(key)) is not None and filed.uid == uid:
            del self._resources[key]
            self._accepted.pop(key, None)
            self._references.pop(key, None)

    def resource(self, key: Key) -> Tree | None:
        """A resource as the API server has it."""
        filed = self._resources.get(key)
        return None if filed is None else _unfile(filed)

    def version(self, key: Key) -> tuple[str, int] | None:
        """Identity and version of a resource, without reading it."""
        filed = self._resources.get(key)
        return None if filed is None else (filed.uid, filed.version)

    def versions(self, key: Key) -> dict[Ref, tuple[str, int]]:
        """Identity and version of each of a resource's objects, without reading them."""
        return {ref: (filed.uid, filed.version) for ref, filed in self._children.get(key, {}).items()}

    def one(self, key: Key, ref: Ref) -> Live | None:
        """One object of a resource."""
        filed = self._children.get(key, {}).get(ref)
        return None if filed is None else Live(_unfile(filed))

    def put(self, raw: Tree) -> Key | None:
        """File an object; the resource that it concerns, or None if it is old news or nobody's."""
        key = owner_of(raw)
        if key is None:
            return None
        children, ref = self._children.setdefault(key, {}), ref_of(raw)
        if not _is_news(children.get(ref), raw):
            return None
        children[ref] = _file(raw)
        before = self._holders.get((key.namespace, ref))
        if before is not None and before != key:
            self._forget(before, ref)  # somebody gave it another owner's label
        self._holders[key.namespace, ref] = key
        return key

    def drop(self, raw: Tree) -> Key | None:
        """Forget an object that is gone; the resource that it concerns."""
        key, ref = owner_of(raw), ref_of(raw)
        if key is None or key not in self._children:
            return None
        children = self._children[key]
        filed = children.get(ref)
        if filed is None or filed.uid != text(raw, "metadata", "uid"):
            return None
        self._forget(key, ref)
        return key

    def retain(self, kind: Kind, namespace: str, version: int, uids: frozenset[str]) -> list[Key]:
        """Forget the objects of a kind that a list made at this version does not have; the resources they concern.

        What is newer than the list is kept: it was filed from the answer to a write of our own.
        """
        found = []
        for key, children in list(self._children.items()):
            if namespace not in {"", key.namespace}:
                continue
            lost = [
                ref
                for ref, filed in children.items()
                if (ref.api_version, ref.kind) == (kind.api_version, kind.kind)
                and filed.uid not in uids
                and filed.version <= version
            ]
            for ref in lost:
                self._forget(key, ref)
            if lost:
                found.append(key)
        return found

    def _forget(self, key: Key, ref: Ref) -> None:
        del self._children[key][ref]
        if not self._children[key]:
            del self._children[key]
        if self._holders.get((key.namespace, ref)) == key:
            del self._holders[key.namespace, ref]

    def holder(self, namespace: str, ref: Ref) -> Key | None:
        """The resource whose label the object of this name carries."""
        return self._holders.get((namespace, ref))

    def accept(self, key: Key, ref: Ref, fingerprint: str) -> None:
        """Remember what the API server made of our latest apply."""
        self._accepted.setdefault(key, {})[ref] = fingerprint

    def refer(self, key: Key, digests: Mapping[Ref, str]) -> bool:
        """Remember what a resource's references hold; whether that is news."""
        if self._references.get(key, {}) == digests or key not in self._resources:
            return False
        self._references[key] = dict(digests)
        return True

    def references(self, key: Key) -> Mapping[Ref, str]:
        """What a resource's references held when they were last read."""
        return dict(self._references.get(key, {}))

    def observed(self, key: Key) -> Observed:
        """A frozen snapshot of a resource's objects."""
        before = self._read.pop(key, {})
        read: dict[Ref, tuple[_Filed, Live]] = {}
        for ref, filed in self._children.get(key, {}).items():
            known = before.get(ref)
            read[ref] = known if known is not None and known[0] is filed else (filed, Live(_unfile(filed)))
        self._read[key] = read
        if len(self._read) > _READ:
            self._read.popitem(last=False)
        objects = {ref: live for ref, (_, live) in read.items()}
        return Observed(objects, dict(self._accepted.get(key, {})), self.references(key))

    def keys(self) -> Iterator[Key]:
        """All resources."""
        return iter(tuple(self._resources))

    def __len__(self) -> int:
        return sum(map(len, self._children.values()))


def owner_of(raw: Tree) -> Key | None:
    """The resource whose owner label an object carries."""
    name = text(raw, "metadata", "labels", OWNER_LABEL)
    return Key(text(raw, "metadata", "namespace"), name) if name else None


def _is_news(filed: _Filed | None, raw: Tree) -> bool:
    """Resource versions of one object are ordered numbers (KEP-5504); another identity is always news."""
    if filed is None or filed.uid != text(raw, "metadata", "uid"):
        return True
    return _version(raw) > filed.version


def _version(raw: Tree) -> int:
    version = text(raw, "metadata", "resourceVersion")
    return int(version) if version.isdigit() else 0


def _file(raw: Tree) -> _Filed:
    blob = zlib.compress(json.dumps(_trimmed(raw), separators=(",", ":")).encode(), _COMPRESSION)
    return _Filed(text(raw, "metadata", "uid"), _version(raw), blob)


def _unfile(filed: _Filed) -> Tree:
    return cast("Tree", json.loads(zlib.decompress(filed.blob)))


def _trimmed(raw: Tree) -> Tree:
    kind = text(raw, "kind")
    metadata = {key: value for key, value in branch(raw, "metadata").items() if key != "managedFields"}
    tree: dict[str, object] = {**raw, "metadata": metadata}
    if kind == "Secret":
        values = strings(raw, "data")
        tree.pop("data", None)
        tree[DIGESTS] = {key: sha256(value.encode()).hexdigest()[:16] for key, value in values.items()}
    if kind == "Pod":
        tree["spec"] = {}
    return tree
