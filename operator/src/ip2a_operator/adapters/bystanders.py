"""What stands beside our own objects: names that others have taken, and versions of the Secrets and ConfigMaps.

Followed as metadata alone, and of that only names and versions are kept.
"""

from collections.abc import Iterable
from typing import Final

from kubernetes.aio.client import ApiClient

from ip2a_operator.adapters.watches import Watch
from ip2a_operator.api.kinds import REFERENCED, Kind
from ip2a_operator.domain.observed import Ref, ref_of
from ip2a_operator.domain.tree import Tree, text
from ip2a_operator.names import OWNER_LABEL

_CREATED: Final = frozenset({"Secret"})
"""Never applied but created, which says by itself when the name is taken. Specs name them, beside ConfigMaps."""


class Bystanders:
    """The Names and Versions ports, filled by the watches that are `watches`."""

    def __init__(self, client: ApiClient, kinds: Iterable[Kind], namespaces: Iterable[str]) -> None:
        places = tuple(namespaces) or ("",)
        ours = tuple(kinds)
        applied = [kind for kind in ours if "patch" in kind.verbs and kind.kind not in _CREATED]
        named = [kind for kind in ours if kind.kind in _CREATED]
        self._watches = {
            (kind.api_version, kind.kind, place): Watch(
                client, kind, place, self, selector=selector, metadata_only=True
            )
            for selector, group in ((f"!{OWNER_LABEL}", applied), ("", (*named, *REFERENCED)))
            for kind in group
            for place in places
        }
        self._found: dict[tuple[str, Ref], tuple[str, int]] = {}

    @property
    def watches(self) -> tuple[Watch, ...]:
        """Each is to be run."""
        return tuple(self._watches.values())

    def is_free(self, namespace: str, ref: Ref) -> bool:
        """Whether surely no object without our label has this name."""
        return self._is_followed(namespace, ref) and (namespace, ref) not in self._found

    def version(self, namespace: str, ref: Ref) -> str | None:
        """What differs when the object differs; empty when there is none, None when that is not known now."""
        if not self._is_followed(namespace, ref):
            return None
        uid, version = self._found.get((namespace, ref), ("", 0))
        return f"{uid}/{version}" if uid else ""

    def seen(self, raw: Tree) -> None:
        """An object as it is now."""
        version = text(raw, "metadata", "resourceVersion")
        self._found[_place(raw)] = text(raw, "metadata", "uid"), int(version) if version.isdigit() else 0

    def gone(self, raw: Tree) -> None:
        """An object that was deleted, or that has our label now."""
        self._found.pop(_place(raw), None)

    def listed(self, kind: Kind, namespace: str, version: int, uids: frozenset[str]) -> None:
        """All there was of a kind: what is kept beside it was deleted while nobody looked."""
        del version
        lost = [
            (place, ref)
            for (place, ref), (uid, _) in self._found.items()
            if (ref.api_version, ref.kind) == (kind.api_version, kind.kind)
            and namespace in {"", place}
            and uid not in uids
        ]
        for gone in lost:
            del self._found[gone]

    def _is_followed(self, namespace: str, ref: Ref) -> bool:
        for place in (namespace, ""):
            watch = self._watches.get((ref.api_version, ref.kind, place))
            if watch is not None:
                return watch.follows
        return False


def _place(raw: Tree) -> tuple[str, Ref]:
    return text(raw, "metadata", "namespace"), ref_of(raw)
