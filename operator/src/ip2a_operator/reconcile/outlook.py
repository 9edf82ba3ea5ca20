"""The growth forecast of every resource: asked from Prometheus' memory once an hour, judged by its own backtest.

It only ever raises the floor of replicas (domain/autoscaling/forecast.py), so an old or a missing one is harmless.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Final

from ip2a_operator.domain.autoscaling.estimators import DEFAULT_REPLICA_LEAD
from ip2a_operator.domain.autoscaling.forecast import assess
from ip2a_operator.domain.autoscaling.snapshot import Growth
from ip2a_operator.domain.autoscaling.spec import ForecastSpec
from ip2a_operator.domain.scaling.queries import history
from ip2a_operator.errors import OperatorError
from ip2a_operator.reconcile.ports import Key, Metrics, ScalingMeter
from ip2a_operator.reconcile.subjects import Subject

log = logging.getLogger(__name__)

EVERY: Final = 3600.0
DAY: Final = 86_400
SLOT: Final = 900
"""Seconds of one slot of a day."""
DAYS: Final = 7
Series = Mapping[tuple[str, str], Sequence[tuple[float, float]]]


@dataclass(slots=True)
class Outlook:
    """Past days by resource, and what they say about the next minutes."""

    metrics: Metrics
    meter: ScalingMeter
    _asked: float
    _days: dict[Key, tuple[tuple[float, ...], ...]]
    _spec: dict[Key, ForecastSpec]
    _now: float
    _judged: dict[Key, tuple[int, Growth]]

    def __init__(self, metrics: Metrics, meter: ScalingMeter) -> None:
        self.metrics, self.meter = metrics, meter
        self._asked, self._now = 0.0, 0.0
        self._days, self._spec, self._judged = {}, {}, {}

    async def refresh(self, subjects: Sequence[Subject], now: float) -> None:
        """Ask again when an hour has passed. Never raises OperatorError."""
        self._now = now
        self._spec = {subject.key: subject.spec.forecast for subject in subjects}
        if now - self._asked < EVERY:
            return
        self._asked = now
        self._days = {key: kept for key, kept in self._days.items() if key in self._spec}
        urls = sorted({subject.prometheus for subject in subjects if subject.spec.forecast.enabled})
        end = now - now % DAY
        for url, found in zip(urls, await asyncio.gather(*(self._ask(url, end) for url in urls)), strict=True):
            for subject in subjects:
                if subject.prometheus == url:
                    self._days[subject.key] = days(found.get((subject.key.namespace, subject.key.name), ()), end)
        self._judged.clear()

    async def _ask(self, url: str, end: float) -> Series:
        try:
            return await self.metrics.history(url, history(SLOT), end - DAYS * DAY, end - SLOT, SLOT)
        except OperatorError as error:
            self.meter.failed("prometheus")
            log.warning("no history for the forecast: %s", error)
            return {}

    def growth(self, key: Key) -> Growth | None:
        """The forecast for the lead time of a replica; None without enough days."""
        known, spec = self._days.get(key, ()), self._spec.get(key)
        if not known or spec is None:
            return None
        slot = int(self._now % DAY) // SLOT
        judged = self._judged.get(key)
        if judged is None or judged[0] != slot:
            ahead = max(1, ceil(DEFAULT_REPLICA_LEAD / SLOT))
            judged = self._judged[key] = (slot, assess(known, slot, ahead, float(ahead * SLOT), spec))
        return judged[1]


def days(samples: Iterable[tuple[float, float]], end: float) -> tuple[tuple[float, ...], ...]:
    """Whole days before `end`, oldest first; days with gaps are left out."""
    slots: dict[int, float] = {int(at) // SLOT: value for at, value in samples if isfinite(value)}
    found = []
    for back in range(DAYS, 0, -1):
        first = int(end - back * DAY) // SLOT
        day = [slots[index] for index in range(first, first + DAY // SLOT) if index in slots]
        if len(day) == DAY // SLOT:
            found.append(tuple(day))
    return tuple(found)
