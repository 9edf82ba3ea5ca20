"""What watches bring in: it is filed, and the resource that it concerns is woken."""

from dataclasses import dataclass

from ip2a_operator.api.kinds import Kind
from ip2a_operator.domain.observed import ref_of
from ip2a_operator.domain.tree import Tree, text
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.wakeups import Wakeups


@dataclass(frozen=True, slots=True)
class Intake:
    """Between the watches of owned objects and the store."""

    store: Store
    wakeups: Wakeups

    def seen(self, raw: Tree) -> None:
        """An object as it is now. One that has got another owner's label concerns the one that it had before, too."""
        before = self.store.holder(text(raw, "metadata", "namespace"), ref_of(raw))
        key = self.store.put(raw)
        self._wake(key)
        if key is not None and before != key:
            self._wake(before)

    def gone(self, raw: Tree) -> None:
        """An object that was deleted."""
        self._wake(self.store.drop(raw))

    def listed(self, kind: Kind, namespace: str, version: int, uids: frozenset[str]) -> None:
        """All there was of a kind: what is filed beside it and not newer was deleted while nobody looked."""
        for key in self.store.retain(kind, namespace, version, uids):
            self._wake(key)

    def _wake(self, key: Key | None) -> None:
        if key is not None:
            self.wakeups.wake(key)
