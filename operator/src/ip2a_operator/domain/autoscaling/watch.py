"""What deserves an event although no size changes: triggers that alert, a spent flap budget, a launch without cache."""

from collections.abc import Iterator
from datetime import UTC, datetime

from ip2a_operator.domain.autoscaling import dynamics, estimators, schedules, triggers
from ip2a_operator.domain.autoscaling.decision import Event
from ip2a_operator.domain.autoscaling.diagnosis import Case
from ip2a_operator.domain.autoscaling.snapshot import Name
from ip2a_operator.domain.autoscaling.spec import Actuator, Schedule
from ip2a_operator.domain.autoscaling.state import State, memory_of
from ip2a_operator.domain.autoscaling.triggers import Fired

WARM = 0.7
"""Share of reads the cache shall answer before a launch: under it the requirement calls the cache critical."""


def events(case: Case, before: State, after: State, fired: tuple[Fired, ...], now: float) -> tuple[Event, ...]:
    """What began or ended between the two states."""
    return (*_alerts(case, before, after, fired), *_flapping(before, after), *_launches(case, before, after, now))


def _alerts(case: Case, before: State, after: State, fired: tuple[Fired, ...]) -> Iterator[Event]:
    if before.alerts == after.alerts:
        return
    values = {each.id: each.value for each in fired}
    for each in triggers.table(case.spec, case.snapshot.fleet.database.max_connections):
        told, holds = each.id in before.alerts, each.id in after.alerts
        if holds and not told:
            seen, limit = (_amount(each.signal, amount) for amount in (values[each.id], each.threshold))
            yield Event(True, "TriggerFired", f"{each.requirement}: {seen}, the threshold is {limit}; {each.effect}")
        elif told and not holds:
            value = _amount(each.signal, case.signals.get(each.signal))
            yield Event(False, "TriggerQuiet", f"{each.requirement}: over, now {value}")


def _amount(name: Name, value: float) -> str:
    return f"{value:.0%}" if name is Name.CACHE_HIT else f"{value:.0f}"


def _flapping(before: State, after: State) -> Iterator[Event]:
    for actuator in Actuator:
        if memory_of(after, actuator).locked_until > memory_of(before, actuator).locked_until:
            yield Event(
                True,
                "FlapBudgetExhausted",
                f"{actuator} changed direction {dynamics.REVERSALS_PER_HOUR} times within an hour: "
                f"it does not shrink for {dynamics.FLAP_LOCK / 60:.0f} minutes",
            )


def _launches(case: Case, before: State, after: State, now: float) -> Iterator[Event]:
    """A schedule whose lead begins in this tick while the cache does not carry the reads."""
    hit = case.signals.get(Name.CACHE_HIT)
    if before.started is None or hit >= WARM or case.signals.get(Name.READS) < triggers.FEW_READS:
        return
    for each in case.spec.schedules:
        lead = estimators.replica_lead(after.estimates) + 60.0 if each.floor.replicas else 0.0
        if schedules.active(each, now, lead) and not schedules.active(each, before.last, lead):
            seen = (
                f"the cache answers {hit:.0%} of the reads" if case.signals.ok(Name.CACHE_HIT) else "no cache answers"
            )
            yield Event(
                True,
                "LaunchWithoutCache",
                f"schedule {each.name} begins at {_clock(each, now)} and {seen}, {WARM:.0%} wanted: "
                "every read it misses falls on the database",
            )


def _clock(schedule: Schedule, now: float) -> str:
    start = schedules.next_start(schedule, now)
    return "?" if start is None else f"{datetime.fromtimestamp(start, UTC):%H:%M} UTC"
