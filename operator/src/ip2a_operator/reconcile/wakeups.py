"""Which resources want attention: one event each, set by watches, cleared by loops."""

import asyncio

from ip2a_operator.reconcile.ports import Key


class Wakeups:
    """One asyncio.Event for each resource, made on first use."""

    def __init__(self) -> None:
        self._events: dict[Key, asyncio.Event] = {}

    def of(self, key: Key) -> asyncio.Event:
        """The event of a resource."""
        return self._events.setdefault(key, asyncio.Event())

    def wake(self, key: Key) -> None:
        """Ask for a reconciliation, if anybody looks after this resource."""
        if (event := self._events.get(key)) is not None:
            event.set()

    def forget(self, key: Key) -> None:
        """Drop a resource that is gone."""
        self._events.pop(key, None)

    def depth(self) -> int:
        """How many are waiting."""
        return sum(event.is_set() for event in self._events.values())
