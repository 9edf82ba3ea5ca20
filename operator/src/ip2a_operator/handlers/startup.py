"""kopf's settings in one place, each with the reason why it is not the default."""

from typing import Final

import kopf

from ip2a_operator.names import FINALIZER, GROUP

SERVER_SECONDS: Final = 300
"""A whole number: it goes into a query parameter as it is written."""
EXIT_SECONDS: Final = 20.0
"""Shorter than a pod's grace period."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Nothing is ever "last handled": the operator is level-based, so nothing is kept on the object."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:
        """Nothing: whatever there is to compare, the planner does, and a copy of every object is dear."""
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """The same nothing, as if it had been handled."""
        return self.build(body=body)

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing."""


def operator_settings() -> kopf.OperatorSettings:
    """Settings for `kopf.operator`."""
    settings = kopf.OperatorSettings()
    settings.persistence.finalizer = FINALIZER
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.posting.enabled = False  # events are published on transitions only, by adapters/events.py
    settings.scanning.disabled = True  # needs no right to list CRDs and namespaces; main.py watches for new kinds
    settings.watching.server_timeout = SERVER_SECONDS
    settings.watching.client_timeout = SERVER_SECONDS + 10  # longer, so that the server ends a watch first
    settings.watching.connect_timeout = 10.0
    settings.watching.reconnect_backoff = 0.1
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30.0
    settings.networking.connect_timeout = 10.0
    settings.queueing.idle_timeout = 1.0  # a worker task for each object ends soon after its last event
    settings.process.ultimate_exiting_timeout = EXIT_SECONDS
    settings.background.instant_exit_timeout = 1.0
    return settings
