"""Deletion: a teardown with a time limit, after which kopf removes the finalizer whatever happened."""

from typing import Any, Final

import kopf

from ip2a_operator.api.kinds import RESOURCE
from ip2a_operator.handlers.context import Context
from ip2a_operator.reconcile.ports import Key

TIMEOUT_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 2.0


def register(registry: kopf.OperatorRegistry, context: Context) -> None:
    """Tear down what the garbage collector cannot."""

    async def tear_down(body: kopf.Body, namespace: str | None, name: str, **_: Any) -> None:  # noqa: ANN401
        key = Key(namespace or "", name)
        async with context.locks[key]:
            if not await context.tear_down(key, dict(body)):
                raise kopf.TemporaryError("the teardown goes on", delay=RETRY_SECONDS)

    kopf.on.delete(
        RESOURCE.group,
        RESOURCE.version,
        RESOURCE.plural,
        registry=registry,
        timeout=TIMEOUT_SECONDS,
        backoff=RETRY_SECONDS,
    )(tear_down)
