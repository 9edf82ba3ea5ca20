"""Watches: file what is seen, and wake the resource it belongs to.

All handlers are coroutines: kopf runs plain functions in threads, which neither the store nor the wake-ups are made
for, and which costs more than what they do.
"""

from typing import Any

import kopf

from ip2a_operator.api.kinds import OWNED, RESOURCE, Kind
from ip2a_operator.handlers.context import Context
from ip2a_operator.reconcile.ports import Key


def register(registry: kopf.OperatorRegistry, context: Context) -> None:
    """Watch the resources and every kind that is made for them."""
    _watch_resources(registry, context)
    for kind in OWNED:
        if kind.kind in context.served:
            _watch_owned(registry, context, kind)


def _watch_resources(registry: kopf.OperatorRegistry, context: Context) -> None:
    async def resource_seen(event: kopf.RawEvent, namespace: str | None, name: str, **_: Any) -> None:  # noqa: ANN401
        key, raw = Key(namespace or "", name), event["object"]
        if event["type"] == "DELETED":
            context.store.drop_resource(key, raw["metadata"]["uid"])
            context.wakeups.forget(key)
            context.locks.pop(key, None)
        elif context.store.put_resource(key, raw):
            context.wakeups.wake(key)

    kopf.on.event(RESOURCE.group, RESOURCE.version, RESOURCE.plural, registry=registry)(resource_seen)


def _watch_owned(registry: kopf.OperatorRegistry, context: Context, kind: Kind) -> None:
    async def object_seen(body: kopf.Body, **_: Any) -> None:  # noqa: ANN401
        # An index, because kopf runs nothing else before every kind is indexed once: the store is complete
        # before the first plan is made. Indexes see every event but deletions.
        _wake(context, context.store.put(dict(body)))

    async def object_gone(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401
        if event["type"] == "DELETED":
            _wake(context, context.store.drop(event["object"]))

    where = (kind.group, kind.version, kind.plural) if kind.group else (kind.version, kind.plural)
    kopf.index(*where, id=f"seen-{kind.plural}", registry=registry)(object_seen)
    kopf.on.event(*where, id=f"gone-{kind.plural}", registry=registry)(object_gone)


def _wake(context: Context, key: Key | None) -> None:
    if key is not None:
        context.wakeups.wake(key)
