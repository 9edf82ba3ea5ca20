"""Events of events.k8s.io/v1 about a resource. The same event again within some minutes is only counted."""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from ip2a_operator.domain.actions import Notice
from ip2a_operator.errors import OperatorError
from ip2a_operator.names import API_VERSION, FIELD_MANAGER, KIND
from ip2a_operator.reconcile.ports import Clock, Key

log = logging.getLogger(__name__)

REPEAT: Final = timedelta(minutes=5)
REMEMBERED: Final = 2000
MAX_NOTE: Final = 1000
"""Bytes are limited to 1024 by the API; characters of notes are mostly one byte."""


class EventSink(Protocol):
    """Where events go."""

    async def create_event(self, namespace: str, event: Mapping[str, object]) -> None:
        """Create one."""


class KubeRecorder:
    """The Recorder port."""

    def __init__(self, sink: EventSink, clock: Clock, instance: str) -> None:
        self._sink = sink
        self._clock = clock
        self._instance = instance
        self._sent: OrderedDict[tuple[Key, Notice], datetime] = OrderedDict()

    async def record(self, key: Key, uid: str, notice: Notice) -> None:
        """Publish, unless the same was published a short while ago."""
        now = self._clock.now()
        latest = self._sent.get((key, notice))
        if latest is not None and now - latest < REPEAT:
            return
        self._sent[key, notice] = now
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        try:
            await self._sink.create_event(key.namespace, self._event(key, uid, notice, now))
        except OperatorError as error:
            log.warning("event %s not published: %s", notice.reason, error)

    def _event(self, key: Key, uid: str, notice: Notice, now: datetime) -> Mapping[str, object]:
        stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{key.name}-", "namespace": key.namespace},
            "eventTime": stamp,
            "reportingController": FIELD_MANAGER,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": notice.reason,
            "note": notice.message[:MAX_NOTE],
            "type": notice.kind.value,
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": key.namespace,
                "name": key.name,
                "uid": uid,
            },
        }
