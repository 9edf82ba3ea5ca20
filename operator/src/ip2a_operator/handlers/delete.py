"""Deletion: a teardown that is tried again while it fails, and after a time limit given up: the finalizer then goes.

The limit is ours and not kopf's, which would remove the finalizer without looking once more at what is left to do.
"""

from datetime import timedelta
from typing import Any, Final

import kopf

from ip2a_operator.api.kinds import RESOURCE
from ip2a_operator.handlers.context import Context
from ip2a_operator.reconcile.ports import Key

TIMEOUT_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 2.0


def register(registry: kopf.OperatorRegistry, context: Context) -> None:
    """Tear down what the garbage collector cannot."""

    async def tear_down(
        body: kopf.Body,
        namespace: str | None,
        name: str,
        runtime: timedelta,
        **_: Any,  # noqa: ANN401
    ) -> None:
        key = Key(namespace or "", name)
        async with context.locks[key]:
            try:
                done = await context.tear_down(key, dict(body))
            except Exception as error:
                if runtime.total_seconds() < TIMEOUT_SECONDS:
                    raise
                raise kopf.PermanentError(f"the teardown has failed for too long: {error}") from error
        if not done:
            raise kopf.TemporaryError("the teardown goes on", delay=RETRY_SECONDS)

    kopf.on.delete(
        RESOURCE.group,
        RESOURCE.version,
        RESOURCE.plural,
        registry=registry,
        backoff=RETRY_SECONDS,
    )(tear_down)
