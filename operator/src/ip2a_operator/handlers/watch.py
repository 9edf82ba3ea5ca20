"""The watch of the resources themselves: file what is seen, and wake its loop.

The handler is a coroutine: kopf runs plain functions in threads, which neither the store nor the wake-ups are made
for, and which costs more than what it does.
"""

from typing import Any

import kopf

from ip2a_operator.api.kinds import RESOURCE
from ip2a_operator.handlers.context import Context
from ip2a_operator.reconcile.ports import Key


def register(registry: kopf.OperatorRegistry, context: Context) -> None:
    """Watch the resources."""

    async def resource_seen(event: kopf.RawEvent, namespace: str | None, name: str, **_: Any) -> None:  # noqa: ANN401
        key, raw = Key(namespace or "", name), event["object"]
        if event["type"] == "DELETED":
            context.store.drop_resource(key, raw["metadata"]["uid"])
            context.wakeups.forget(key)
            context.locks.pop(key, None)
        elif context.store.put_resource(key, raw):
            context.wakeups.wake(key)

    kopf.on.event(RESOURCE.group, RESOURCE.version, RESOURCE.plural, registry=registry)(resource_seen)
