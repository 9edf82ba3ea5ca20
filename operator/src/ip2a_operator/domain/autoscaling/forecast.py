"""Growth floor: how much demand grew over the next minutes on earlier days, and whether believing that pays.

factor = q80 over the last days of demand(t+h)/demand(t), clamped to [1, max_growth]: a floor, never a
reason to shrink. It is trusted only when, on the days already seen, it would have cut under-provision by
30 % or more at no more than 15 % extra capacity. At a pod's lead time it is worthless; it serves replicas.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ip2a_operator.domain.autoscaling.snapshot import Growth
from ip2a_operator.domain.autoscaling.spec import ForecastSpec

MIN_DAYS = 3
NEEDED_CUT = 0.3
ALLOWED_COST = 0.15
HEADROOM = 1 / 0.7
"""Demand above this multiple of the estimate counts as under-provided (0.7 is the utilisation aimed at)."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the floor would have done on past days, against taking the present demand for the future one."""

    slots: int
    missed_without: int
    missed_with: int
    extra_capacity: float

    @property
    def convincing(self) -> bool:
        """Cuts enough misses cheaply enough. Nothing missed means nothing to gain: not convincing."""
        if self.missed_without == 0:
            return False
        cut = 1.0 - self.missed_with / self.missed_without
        return cut >= NEEDED_CUT and self.extra_capacity <= ALLOWED_COST


def quantile(values: Sequence[float], share: float) -> float:
    """Linear interpolation between order statistics; raises ValueError on no values."""
    if not values:
        raise ValueError("quantile of nothing")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def growth(days: Sequence[Sequence[float]], slot: int, ahead: int, spec: ForecastSpec) -> float:
    """q-quantile of demand(slot+ahead)/demand(slot) over `days` of equally long slots; 1 where unknown."""
    ratios = [day[slot + ahead] / day[slot] for day in days if slot + ahead < len(day) and day[slot] > 0.0]
    if len(ratios) < MIN_DAYS:
        return 1.0
    return min(spec.max_growth, max(1.0, quantile(ratios, spec.quantile)))


def backtest(days: Sequence[Sequence[float]], ahead: int, spec: ForecastSpec) -> Backtest:
    """Replay every day that has `MIN_DAYS` or more before it."""
    slots = without = with_floor = 0
    extra = 0.0
    for index in range(MIN_DAYS, len(days)):
        day, past = days[index], days[max(0, index - 5) : index]
        for slot in range(len(day) - ahead):
            if day[slot] <= 0.0:
                continue
            factor = growth(past, slot, ahead, spec)
            slots += 1
            extra += factor - 1.0
            without += day[slot + ahead] > HEADROOM * day[slot]
            with_floor += day[slot + ahead] > HEADROOM * factor * day[slot]
    return Backtest(slots, without, with_floor, extra / slots if slots else 0.0)


def assess(days: Sequence[Sequence[float]], slot: int, ahead: int, horizon: float, spec: ForecastSpec) -> Growth:
    """The floor for now and the verdict on it. `days`: earlier days, oldest first; run every few minutes."""
    if not spec.enabled:
        return Growth(1.0, horizon, trusted=False, reason="switched off in forecast.enabled")
    result = backtest(days, ahead, spec)
    factor = growth(days[-5:], slot, ahead, spec)
    reason = (
        f"{result.slots} slots of {len(days)} days: under-provided {result.missed_without} without, "
        f"{result.missed_with} with the floor, at {result.extra_capacity:.0%} extra capacity"
    )
    return Growth(factor, horizon, trusted=result.convincing, reason=reason)
