"""What the handlers are given: the store they fill, the loop they run, the teardown they call."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ip2a_operator.reconcile.loop import Loop
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.wakeups import Wakeups


@dataclass(frozen=True, slots=True)
class Context:
    """Shared by all handlers."""

    store: Store
    wakeups: Wakeups
    loop: Loop
    tear_down: Callable[[Key, Mapping[str, object]], Awaitable[bool]]
    locks: dict[Key, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """Keeps a teardown from overlapping the last reconciliation."""
