"""The requirement's triggers as visible rules: what each one means here and whether it fires now.

None of them is a multiplier. A trigger starts a diagnosis, moves a floor or raises an alert; sizes come from
demand. docs/autoscaler.md contains this table, written from here.
"""

from dataclasses import dataclass
from enum import StrEnum

from ip2a_operator.domain.autoscaling.signals import Signals
from ip2a_operator.domain.autoscaling.snapshot import Name, Snapshot
from ip2a_operator.domain.autoscaling.spec import ScalerSpec


class Kind(StrEnum):
    """What a trigger leads to."""

    DIAGNOSIS = "diagnosis"
    ACTION = "action"
    ALERT = "alert"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One rule of the requirement. `threshold` in the signal's own unit; `below` fires under it."""

    id: str
    requirement: str
    signal: Name
    threshold: float
    kind: Kind
    effect: str
    below: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Fired:
    """A trigger that holds now."""

    id: str
    value: float
    threshold: float
    kind: Kind


def table(spec: ScalerSpec, max_connections: int = 200) -> tuple[Trigger, ...]:
    """The triggers for this resource; connection thresholds scale with max_connections (150/180 of 200)."""
    return (
        Trigger(
            "p95",
            f"p95 over {spec.slo.p95 * 1000:.0f} ms",
            Name.P95,
            spec.slo.p95,
            Kind.DIAGNOSIS,
            "names the bottleneck; app pods only if it is their CPU, never in proportion to latency",
            unit="s",
        ),
        Trigger(
            "pool",
            "connection pool over 80 %",
            Name.RW_BUSY,
            0.8,
            Kind.ACTION,
            "sized L + 2·sqrt(L) + 2 and so grown before 80 %; capped at the knee and by the ledger",
        ),
        Trigger(
            "users",
            "more than 200 users",
            Name.USERS,
            200.0,
            Kind.DIAGNOSIS,
            "no jump of its own: reads per second times their cost set the replicas",
        ),
        Trigger(
            "error-rate",
            f"error rate over {spec.slo.error_rate:.0%}",
            Name.ERROR_RATE,
            spec.slo.error_rate,
            Kind.BLOCK,
            "nothing shrinks; diagnosis starts; learning of request costs stops",
        ),
        Trigger(
            "cache-warn",
            "cache hit under 80 %",
            Name.CACHE_HIT,
            0.8,
            Kind.ALERT,
            "warning; replicas follow the reads that miss",
            below=True,
        ),
        Trigger(
            "cache-critical",
            "cache hit under 70 %",
            Name.CACHE_HIT,
            0.7,
            Kind.ALERT,
            "critical; 20 points under the usual rate is the bottleneck Cache: replicas do not shrink",
            below=True,
        ),
        Trigger(
            "connections-warn",
            "150 of 200 connections",
            Name.CONNECTIONS,
            0.75 * max_connections,
            Kind.ALERT,
            "warning; cannot come from the poolers, whose worst case stays inside the ledger's budget",
        ),
        Trigger(
            "connections-critical",
            "180 of 200 connections",
            Name.CONNECTIONS,
            0.9 * max_connections,
            Kind.ALERT,
            "critical; somebody connects past the poolers",
        ),
    )


PORTAL_LAUNCH = (
    "member portal launch: caching and replicas in place first",
    "a schedule with floors for app and replicas; the replicas' floor starts their learned lead time earlier",
)


FEW_READS = 1.0
"""Reads per second under which the share that the cache answers says nothing."""
BACK = 0.05
"""An alert is over when its value is this far, as a share of the threshold, on the good side: no flicker."""


def alerting(max_connections: int) -> tuple[tuple[str, Name, float, bool], ...]:
    """The triggers that alert, as (id, signal, threshold, whether it fires below)."""
    return (
        ("connections-warn", Name.CONNECTIONS, 0.75 * max_connections, False),
        ("connections-critical", Name.CONNECTIONS, 0.9 * max_connections, False),
        ("cache-warn", Name.CACHE_HIT, 0.8, True),
        ("cache-critical", Name.CACHE_HIT, 0.7, True),
    )


def fired(signals: Signals, snapshot: Snapshot, spec: ScalerSpec) -> tuple[Fired, ...]:
    """Triggers that hold now; signals that cannot be trusted fire nothing."""
    get, fleet = signals.get, snapshot.fleet
    found = []
    for id_, name, threshold, kind in (
        ("p95", Name.P95, spec.slo.p95, Kind.DIAGNOSIS),
        ("users", Name.USERS, 200.0, Kind.DIAGNOSIS),
        ("error-rate", Name.ERROR_RATE, spec.slo.error_rate, Kind.BLOCK),
    ):
        value = get(name)
        if value > threshold:
            found.append(Fired(id_, value, threshold, kind))
    fill = get(Name.RW_BUSY) / max(1, fleet.rw.desired * fleet.rw.size)
    if fill > 0.8:
        found.append(Fired("pool", fill, 0.8, Kind.ACTION))
    for id_, name, threshold, below in alerting(fleet.database.max_connections):
        if _tells(name, signals):
            value = get(name)
            if value < threshold if below else value > threshold:
                found.append(Fired(id_, value, threshold, Kind.ALERT))
    return tuple(found)


def _tells(name: Name, signals: Signals) -> bool:
    """Whether the signal can be trusted, and is about more than a few requests."""
    return signals.ok(name) and (name is not Name.CACHE_HIT or signals.get(Name.READS) >= FEW_READS)


def standing(
    firing: tuple[Fired, ...], signals: Signals, snapshot: Snapshot, before: tuple[str, ...]
) -> tuple[str, ...]:
    """Alerts that hold: from their firing until the value is well back; what cannot be seen stays as it was."""
    now = {each.id for each in firing}
    found: list[str] = []
    for id_, name, threshold, below in alerting(snapshot.fleet.database.max_connections):
        good = (1.0 + BACK) * threshold if below else (1.0 - BACK) * threshold
        value = signals.get(name)
        over = _tells(name, signals) and (value >= good if below else value <= good)
        if id_ in now or (id_ in before and not over):
            found.append(id_)
    return tuple(found)
