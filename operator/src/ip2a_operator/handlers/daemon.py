"""One daemon for each resource: the loop of reconcile/loop.py, started and stopped by kopf."""

from typing import Any, Final

import kopf

from ip2a_operator.api.kinds import RESOURCE
from ip2a_operator.handlers.context import Context
from ip2a_operator.reconcile.ports import Key

CANCELLATION_SECONDS: Final = 5.0


def register(registry: kopf.OperatorRegistry, context: Context) -> None:
    """Reconcile every resource for as long as it lives."""

    async def reconcile(namespace: str | None, name: str, stopped: kopf.DaemonStopped, **_: Any) -> None:  # noqa: ANN401
        await context.loop.run(Key(namespace or "", name), stopped)

    kopf.daemon(
        RESOURCE.group,
        RESOURCE.version,
        RESOURCE.plural,
        registry=registry,
        cancellation_timeout=CANCELLATION_SECONDS,
    )(reconcile)
