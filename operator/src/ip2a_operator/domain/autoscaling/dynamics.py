"""From need to wanted value: grow fast, shrink slowly, do not flap, never shrink on doubtful grounds.

Every clamp that acts is named in the result, so that `explain` can say what limits an actuator.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from ip2a_operator.domain.autoscaling import estimators
from ip2a_operator.domain.autoscaling.diagnosis import FREEZES_APP, Bottleneck, Diagnosis
from ip2a_operator.domain.autoscaling.invariants import bounds
from ip2a_operator.domain.autoscaling.ledger import current_targets
from ip2a_operator.domain.autoscaling.sizing import Need
from ip2a_operator.domain.autoscaling.snapshot import Fleet, Pause
from ip2a_operator.domain.autoscaling.spec import Actuator, Mode, ScalerSpec
from ip2a_operator.domain.autoscaling.state import Estimates, Memory, Pairs, evolve

REVERSALS_PER_HOUR = 4
FLAP_LOCK = 1800.0
POOL_EVERY = 15.0
POOL_SLACK = 0.5
BUCKETS = 8
BLIND_BUSY, BLIND_SATURATED = 0.77, 0.9


class Limit(StrEnum):
    """Why the value written differs from the value needed."""

    MIN = "Min"
    MAX = "Max"
    FROZEN = "Frozen"
    LEDGER = "Ledger"
    STABILIZING = "Stabilizing"
    STALE = "Stale"
    FLAP_BUDGET = "FlapBudget"
    ROLLOUT = "Rollout"
    TROUBLE = "Trouble"
    PAUSED = "Paused"
    OFF = "Off"
    INVARIANT = "Invariant"
    CONFLICT = "Conflict"
    STARTING = "Starting"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for all actuators in this tick."""

    now: float
    diagnosis: Diagnosis
    settled: bool
    """Every critical signal OK for the whole settling time."""
    erring: bool
    """Error rate over the objective."""
    estimates: Estimates
    pause: Pause
    spec: ScalerSpec

    @property
    def may_shrink(self) -> bool:
        """The part of I4 that is common to all actuators."""
        if not self.spec.features.hold:
            return True
        calm = self.diagnosis.seen not in _NO_DECREASE and self.diagnosis.state not in _NO_DECREASE
        return self.settled and calm and not self.erring


_NOT_HEALTHY = frozenset(Bottleneck) - {Bottleneck.HEALTHY}
_NO_DRAIN: dict[Actuator, frozenset[Bottleneck]] = {
    # CPU is low because the database is slow: not a reason to drain
    Actuator.APP: FREEZES_APP | {Bottleneck.UNKNOWN},
    Actuator.REPLICAS: _NOT_HEALTHY,
    Actuator.POOL_RW: FREEZES_APP,
    Actuator.POOL_RO: frozenset(),
    Actuator.POOLERS_RW: FREEZES_APP,
    Actuator.POOLERS_RO: FREEZES_APP,
}
_NO_DECREASE = frozenset({Bottleneck.STALE, Bottleneck.ROLLOUT, Bottleneck.FAILOVER})


@dataclass(frozen=True, slots=True)
class Shaped:
    """A wanted value and the clamps that made it."""

    value: int
    limits: tuple[Limit, ...]


def remember_need(needs: Pairs, now: float, need: int, window: float) -> Pairs:
    """Sliding maximum in `BUCKETS` coarse steps: forgets at the earliest after the full window."""
    width = window / BUCKETS
    start = now - now % width
    if needs and needs[-1][0] >= start and needs[-1][1] >= need and needs[0][0] + width > now - window:
        return needs
    recent = [(begin, most) for begin, most in needs if begin + width > now - window]
    if recent and recent[-1][0] >= start:
        recent[-1] = (recent[-1][0], max(recent[-1][1], float(need)))
    else:
        recent.append((start, float(need)))
    return tuple(recent)


def largest_need(memory: Memory) -> int:
    """The largest need of the window; 0 when nothing is remembered."""
    return int(max((most for _, most in memory.needs), default=0.0))


def window_of(actuator: Actuator, spec: ScalerSpec) -> float:
    """How far back a decrease looks."""
    if actuator is Actuator.APP:
        return spec.drain.window
    return spec.replicas.scale_down_after if actuator is Actuator.REPLICAS else spec.pool.shrink_after


def lead_of(actuator: Actuator, estimates: Estimates) -> float:
    """How long an increase takes to show."""
    if actuator is Actuator.APP:
        return estimators.app_lead(estimates)
    return estimators.replica_lead(estimates) if actuator is Actuator.REPLICAS else POOL_EVERY


def shape(actuator: Actuator, need: Need, memory: Memory, fleet: Fleet, around: Circumstances) -> Shaped:
    """The value wanted next for one actuator, ignoring the others."""
    current = current_targets(fleet)[actuator]
    if around.spec.mode_of(actuator) is Mode.OFF:
        return Shaped(current, (Limit.OFF,))
    least, most = bounds(actuator, fleet, around.spec)
    limits: list[Limit] = []
    goal = min(max(need.up, least), max(most, least))
    if goal != need.up:
        limits.append(Limit.MAX if goal < need.up else Limit.MIN)
    if goal > current:
        rise = Rise(actuator, goal, current, max(current, min(goal, least)), _startable(actuator, fleet))
        value, limit = _increase(rise, memory, around)
        return Shaped(value, tuple(limits) if limit is None else (*limits, limit))
    # what growing would ask for is the least to keep: at the maximum it is clamped, and must not read as "less"
    floor = most if current > most else min(current, max(least, goal, need.down, largest_need(memory)))
    if floor < current:
        value, limit = _decrease(Fall(actuator, floor, current, need.useful), memory, around)
        return Shaped(value, tuple(limits) if limit is None else (*limits, limit))
    if need.up < current and need.down < current:
        limits.append(Limit.STABILIZING)
    return Shaped(current, tuple(limits))


@dataclass(frozen=True, slots=True)
class Rise:
    """An increase under examination; `to_minimum` is granted in any weather: the owner's minimum holds."""

    actuator: Actuator
    goal: int
    current: int
    to_minimum: int
    startable: int | None
    """The most that may be asked for while pods start; None for no such limit."""


def _startable(actuator: Actuator, fleet: Fleet) -> int | None:
    """Pods that start take CPU from those that serve: as many as these at one time, or what the nodes' free CPU
    carries.
    """
    app = fleet.app
    if actuator is not Actuator.APP or app.startable is None:
        return None
    return app.ready + max(1, app.ready, app.startable)


def _increase(rise: Rise, memory: Memory, around: Circumstances) -> tuple[int, Limit | None]:
    if around.pause.all > around.now or around.pause.up > around.now:
        return rise.current, Limit.PAUSED
    limit = _brake(rise.actuator, around)
    if limit is not None:
        return rise.to_minimum, limit
    pool = rise.actuator not in (Actuator.APP, Actuator.REPLICAS)
    if pool and around.now - memory.raised < POOL_EVERY and rise.goal != memory.target:
        return max(rise.to_minimum, min(rise.goal, memory.target or 0)), Limit.STABILIZING
    if rise.startable is not None and rise.goal > rise.startable:
        return max(rise.to_minimum, rise.startable), Limit.STARTING
    return rise.goal, None


def _brake(actuator: Actuator, around: Circumstances) -> Limit | None:
    """What forbids this actuator to grow in this state, or None."""
    state, features = around.diagnosis.state, around.spec.features
    if actuator is Actuator.APP:
        return Limit.FROZEN if state in FREEZES_APP and features.gate else None
    if state is Bottleneck.STALE:
        return Limit.STALE
    if state in (Bottleneck.ROLLOUT, Bottleneck.FAILOVER):
        return Limit.ROLLOUT
    if actuator is Actuator.REPLICAS:
        return Limit.FROZEN if state in (Bottleneck.LAG, Bottleneck.DB_LOCK) else None
    return Limit.FROZEN if state is Bottleneck.DB_LOCK or not features.pool else None


@dataclass(frozen=True, slots=True)
class Fall:
    """A decrease under examination; what is `beyond` use goes without waiting for the window of needs."""

    actuator: Actuator
    floor: int
    current: int
    useful: int | None

    @property
    def beyond(self) -> bool:
        """Connections past the knee: unused while all is calm, and slower for everybody once it is not."""
        return self.useful is not None and self.current > max(self.useful, self.floor)


def _decrease(fall: Fall, memory: Memory, around: Circumstances) -> tuple[int, Limit | None]:
    actuator, floor, current = fall.actuator, fall.floor, fall.current
    veto = _veto(fall, memory, around)
    if veto is not None:
        return current, veto
    spec, since = around.spec, around.now - memory.lowered
    if actuator is Actuator.APP:
        if since < spec.drain.every - 1e-9:
            return _pending(memory, floor, current), Limit.STABILIZING
        return max(floor, current - max(1, int(current * spec.drain.step))), None
    if actuator is Actuator.REPLICAS:
        if since < spec.replicas.scale_down_after - 1e-9:
            return _pending(memory, floor, current), Limit.STABILIZING
        return max(floor, current - 1), None
    return _pool_step(fall)


def _pool_step(fall: Fall) -> tuple[int, Limit | None]:
    floor, current = fall.floor, fall.current
    if fall.beyond and fall.useful is not None:
        return max(floor, fall.useful), None
    keep = fall.actuator is Actuator.POOL_RW and floor > POOL_SLACK * current
    return (current, Limit.STABILIZING) if keep else (max(floor, current - max(1, current // 4)), None)


def _pending(memory: Memory, floor: int, current: int) -> int:
    """A step already asked for stands until it is seen: a repeated tick must not take it back."""
    asked = current if memory.target is None else memory.target
    return max(floor, min(current, asked))


def _veto(fall: Fall, memory: Memory, around: Circumstances) -> Limit | None:
    """The first reason not to decrease, or None."""
    now, actuator = around.now, fall.actuator
    watched = now - memory.needs[0][0] if memory.needs else 0.0
    full = fall.beyond or watched >= window_of(actuator, around.spec) * (1 - 1 / BUCKETS)
    lead = lead_of(actuator, around.estimates)
    reasons = (
        (Limit.PAUSED, around.pause.all > now or around.pause.down > now),
        (Limit.STALE, not around.may_shrink and not around.settled),
        (Limit.TROUBLE, not around.may_shrink),
        (Limit.FROZEN, around.diagnosis.state in _NO_DRAIN[actuator]),
        # not the decrease that spent the budget, when its tick is repeated
        (Limit.FLAP_BUDGET, now < memory.locked_until and memory.lowered != now),
        (Limit.STABILIZING, now - memory.raised < 2 * lead or not full),
    )
    return next((limit for limit, holds in reasons if holds), None)


def remember_step(memory: Memory, before: int, after: int, now: float) -> Memory:
    """Book a change that is being made: direction, reversals of the last hour, the lock they earn."""
    if after in (before, memory.target):  # nothing asked, or asked before and not yet seen
        return memory if memory.target == after else evolve(memory, target=after)
    up = after > before
    was_up = memory.raised >= memory.lowered
    first = memory.raised == 0.0 and memory.lowered == 0.0
    recent = tuple(each for each in memory.reversals if now - each < 3600.0)
    if not first and up != was_up:
        recent = (*recent, now)
    locked = memory.locked_until
    if len(recent) >= REVERSALS_PER_HOUR:
        locked, recent = now + FLAP_LOCK, ()
    return Memory(
        target=after,
        raised=now if up else memory.raised,
        lowered=memory.lowered if up else now,
        reversals=recent,
        locked_until=locked,
        needs=memory.needs,
    )


def blind_target(current: int, busy: float, utilization: float) -> int:
    """Pods to ask for when only the metrics API still answers: by its CPU, doubling once it is saturated.

    Generous, because the next look may be the last one.
    """
    if busy >= BLIND_SATURATED:
        return 2 * current
    return ceil(current * busy / (0.85 * utilization) - 1e-9) if busy > BLIND_BUSY else current
