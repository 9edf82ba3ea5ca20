"""From readings to signals that say how far they can be trusted. Missing is never zero.

A decrease of anything needs every critical signal OK, and OK without a gap for `settle_time`: what comes
back after an outage is at first half a window of zeros (keda#965 is that outage).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from ip2a_operator.domain.autoscaling.snapshot import Fleet, Name, Reading, Snapshot
from ip2a_operator.domain.autoscaling.spec import ScalerSpec

WINDOW = 20.0
"""Range of the rate queries in seconds; `settle_time` depends on it."""
SUDDEN = 0.1
"""A value that falls below this share of the last one in a single step is not believed at once."""
MIN_COVERAGE = 0.8
"""Share of the ready pods that must have been scraped before a sum over pods counts."""

CRITICAL_OF_APP = (Name.OFFERED, Name.SERVED, Name.APP_CPU, Name.ERROR_RATE)
CRITICAL = (*CRITICAL_OF_APP, Name.RW_BUSY, Name.RW_WAITING, Name.PRIMARY_CPU)
CRITICAL_WITH_REPLICAS = (*CRITICAL, Name.RO_BUSY, Name.RO_WAITING, Name.REPLICA_CPU, Name.LAG)
SLOW = frozenset({Name.PRIMARY_CPU, Name.REPLICA_CPU, Name.KUBELET_CPU})
"""Signals that come from the kubelet, which looks every 10 to 20 s whatever the scrape interval."""
SLOW_SECONDS = 60.0
SUMS_OVER_PODS = frozenset(
    {
        Name.OFFERED,
        Name.SERVED,
        Name.READS,
        Name.APP_CPU,
        Name.APP_CPU_FAST,
        Name.IN_FLIGHT,
        Name.RW_BUSY,
        Name.RW_WAITING,
        Name.RW_RATE,
        Name.RO_BUSY,
        Name.RO_WAITING,
        Name.RO_RATE,
    }
)


class Status(StrEnum):
    """How far a signal can be trusted."""

    OK = "OK"
    STALE = "STALE"
    MISSING = "MISSING"
    SUSPECT = "SUSPECT"


@dataclass(frozen=True, slots=True)
class Signal:
    """A reading and its status. `value` is None only when nothing was answered."""

    value: float | None
    age: float
    coverage: float
    status: Status


@dataclass(frozen=True, slots=True)
class Signals:
    """All signals of one tick; `bad` names the critical ones that are not OK."""

    by_name: Mapping[Name, Signal]
    bad: tuple[Name, ...]

    @property
    def fresh(self) -> bool:
        """Every critical signal is OK."""
        return not self.bad

    def get(self, name: Name, default: float = 0.0) -> float:
        """The value if it can be trusted, else `default`."""
        signal = self.by_name.get(name)
        if signal is None or signal.status is not Status.OK or signal.value is None:
            return default
        return signal.value

    def ok(self, name: Name) -> bool:
        """Whether the signal can be trusted."""
        signal = self.by_name.get(name)
        return signal is not None and signal.status is Status.OK


IDLE = 0.25
"""Share of their CPU below which the metrics API may call pods without requests idle: a process alone uses 1 to 5 %."""


def is_real(seen: Signals) -> bool:
    """Whether demand that was suspiciously low for a minute is to be believed.

    Some demand is: who answers zeros would answer no other number. None at all only if the same Prometheus saw pods
    use CPU, as every live process does, and the metrics API, where it is there, saw them idle.
    """
    offered = seen.by_name.get(Name.OFFERED)
    if offered is None or offered.status is not Status.SUSPECT or offered.value is None:
        return False
    alive = seen.get(Name.APP_CPU) > 0.0
    return offered.value > 0.0 or (alive and seen.get(Name.KUBELET_CPU) < IDLE)


def settle_time(spec: ScalerSpec) -> float:
    """Seconds of gapless good data after an outage before anything may shrink."""
    return max(90.0, WINDOW + 2 * spec.scrape_interval)


def critical(fleet: Fleet) -> tuple[Name, ...]:
    """The signals a decrease depends on; of a database that others run nothing is asked."""
    if not fleet.database.managed:
        return CRITICAL_OF_APP
    return CRITICAL_WITH_REPLICAS if fleet.database.ready > 0 else CRITICAL


def validate(snapshot: Snapshot, last_offered: float | None, spec: ScalerSpec) -> Signals:
    """Judge every reading. `last_offered` is the last trusted offered rate, None when there was none.

    A zero is suspect when it cannot be real: the demand of a running service does not vanish in one
    step while pods answer, and an app that serves requests uses CPU.
    """
    by_name = {
        name: Signal(reading.value, reading.age, reading.coverage, _status(name, reading, spec.stale_after))
        for name, reading in snapshot.readings.items()
    }
    for name in _suspects(by_name, last_offered, snapshot.fleet):
        seen = by_name[name]
        by_name[name] = Signal(seen.value, seen.age, seen.coverage, Status.SUSPECT)
    bad = tuple(
        name for name in critical(snapshot.fleet) if name not in by_name or by_name[name].status is not Status.OK
    )
    return Signals(by_name, bad)


def _status(name: Name, reading: Reading, stale_after: float) -> Status:
    value = reading.value
    if value is None or not 0.0 <= value < inf:
        return Status.MISSING
    if reading.age > (max(stale_after, SLOW_SECONDS) if name in SLOW else stale_after):
        return Status.STALE
    if reading.coverage < MIN_COVERAGE and name in SUMS_OVER_PODS:
        return Status.SUSPECT
    return Status.OK


def _suspects(by_name: Mapping[Name, Signal], last_offered: float | None, fleet: Fleet) -> list[Name]:
    found: list[Name] = []
    offered = by_name.get(Name.OFFERED)
    if offered is None or offered.status is not Status.OK or offered.value is None:
        return found
    vanished = last_offered is not None and last_offered > 2.0 and offered.value < SUDDEN * last_offered
    if vanished and fleet.app.ready > 0:
        found.append(Name.OFFERED)
    cpu = by_name.get(Name.APP_CPU)
    if cpu is not None and cpu.status is Status.OK and cpu.value == 0.0 and offered.value > 2.0:
        found.append(Name.APP_CPU)
    served = by_name.get(Name.SERVED)
    if served is not None and served.status is Status.OK and served.value == 0.0 and offered.value > 2.0:
        found.append(Name.SERVED)
    return found
