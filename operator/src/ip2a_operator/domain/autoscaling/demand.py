"""Offered demand: what to size for now, at the end of a pod's lead time, and before anything shrinks.

Offered, not admitted: once pods reject, admitted demand falls and a scaler that believes it shrinks into
the overload. Latency is never a multiplier: it grows without bound at saturation.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import inf, log, sqrt

from ip2a_operator.domain.autoscaling import estimators
from ip2a_operator.domain.autoscaling.signals import WINDOW, Signals
from ip2a_operator.domain.autoscaling.snapshot import Name, Snapshot
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.domain.autoscaling.state import Pairs, State

KEPT = 14
FAST_KEPT = 3
ACQUAINTED = 8
"""Samples without which noise cannot be told from demand: after a start without remembered state."""
TICK = 5.0
MAX_EXTRAPOLATION = 3.0
SURGE_RATIO = 1.5
SATURATED = 0.9
CROWDED = 0.4
"""Share of the requests that pods admit; healthy pods have a few."""
FULL_AGE = 10.0
NOISY = 0.1
FAR = 5.0
"""Deviations that noise does not reach twice running."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Requests per second. `expected` for growing, `steady` for shrinking; `source` says which rule won."""

    level: float
    missed: float
    """Reads per second that miss the cache, at `level`."""
    expected: float
    steady: float
    slope: float
    source: str
    surge: bool
    noise: float


def remember(samples: Pairs, now: float, value: float, count: int = KEPT) -> Pairs:
    """Append a sample; the same instant twice replaces, so that a repeated tick changes nothing."""
    kept = samples[:-1] if samples and samples[-1][0] >= now else samples
    return (*kept, (now, value))[-count:]


def noise_of(samples: Pairs, old: float) -> float:
    """Relative noise of one sample: median second difference of the logarithms, scaled to a deviation.

    Second differences, so that a steady climb is not taken for noise; the median, so that one step is not.
    """
    values = [log(value) for _, value in samples if value > 0.0]
    if len(values) < 8:
        return old
    bends = sorted(abs(a - 2 * b + c) for a, b, c in zip(values, values[1:], values[2:], strict=False))
    return bends[len(bends) // 2] / (0.6745 * sqrt(6.0))


def median(values: list[float]) -> float:
    """Median; the upper one of two."""
    return sorted(values)[len(values) // 2]


def agrees(signals: Signals, snapshot: Snapshot, spec: ScalerSpec) -> bool:
    """Whether a signal independent of the request rate also says the pods are full."""
    ready = max(1, snapshot.fleet.app.ready)
    used = max(signals.get(Name.APP_CPU), signals.get(Name.APP_CPU_FAST))
    busy = used / (ready * spec.app.cpu_per_pod)
    crowded = signals.get(Name.IN_FLIGHT) / ready
    return busy > SATURATED or crowded > CROWDED * spec.app.in_flight_per_pod


def estimate(state: State, signals: Signals, snapshot: Snapshot, now: float, spec: ScalerSpec) -> Demand:
    """Filter and extrapolate the offered rate. With untrusted data: the last level, no trend."""
    samples = state.samples
    if not samples:
        return Demand(0.0, 0.0, 0.0, 0.0, 0.0, "none", surge=False, noise=0.0)
    noise = state.estimates.noise
    count = 3 if noise < NOISY else 5 if noise < 2 * NOISY else 9
    values = [value for _, value in samples]
    level = median(values[-count:])
    missed = median([value for _, value in state.misses[-count:]]) if state.misses else 0.0
    steady = max(level, sum(values[-12:]) / len(values[-12:])) if noise < NOISY else sum(values) / len(values)
    if not signals.ok(Name.OFFERED):
        return Demand(level, missed, level, max(level, steady), 0.0, "held", surge=False, noise=noise)
    slope = _slope(samples, count)
    lead = estimators.app_lead(state.estimates) + TICK + WINDOW / 2 + TICK * (count // 2)
    sigma = level * noise / sqrt(count) + sqrt(max(level, 1.0) / WINDOW)
    expected, source = level, "offered"
    if slope * lead > 2.0 * sigma:
        expected = min(MAX_EXTRAPOLATION * level, level + slope * lead, _at_most(state, level, lead, sigma))
        source = "trend" if expected > level else source
    if state.surge_ticks >= 2 or now < state.surge_until:
        fast = max(values[-1], signals.get(Name.OFFERED_FAST, values[-1]))
        if fast > expected and (noise < NOISY or state.surge_ticks >= 2):
            expected, source = fast, "surge"
    return Demand(level, missed, expected, steady, slope, source, state.surge_ticks >= 2, noise)


def _at_most(state: State, level: float, lead: float, sigma: float) -> float:
    """What a trend may lead to: a step looks like a climb for as long as the rate's window is.

    The rate of the last seconds knows better: a climb is what it rises by in two steps running, not in one, as far as
    that is more than the chance of counting (a deviation of the difference of two counts). Noise
    hides the rise: then the middle one of the latest rates counts, and two deviations more.
    """
    fast = state.fast
    if len(fast) < FAST_KEPT or fast[-1][0] - fast[0][0] > 2 * FAST_KEPT * TICK:
        return inf
    rises = [
        (after - before - sqrt((after + before) / TICK)) / max(1.0, end - begin)
        for (begin, before), (end, after) in pairwise(fast)
    ]
    noisy = state.estimates.noise >= NOISY
    reached = median([rate for _, rate in fast]) + 2.0 * sigma if noisy else fast[-1][1]
    return max(level, reached + max(0.0, min(rises)) * lead)


def full(signals: Signals, snapshot: Snapshot, spec: ScalerSpec) -> bool:
    """Whether all pods are full: by CPU of the last seconds, and by what waits in them or how long it takes.

    What full pods do not get to read is not counted: demand then is more than what is measured. Pods that came
    a moment ago still work off what had to wait for them.
    """
    app = snapshot.fleet.app
    if app.ready < max(1, app.desired) or app.youngest_ready_age < FULL_AGE:
        return False
    crowded = signals.get(Name.IN_FLIGHT) > CROWDED * app.ready * spec.app.in_flight_per_pod
    burning = signals.get(Name.APP_CPU_FAST) > SATURATED * app.ready * spec.app.cpu_per_pod
    return burning and (crowded or signals.get(Name.P95) > spec.slo.p95)


def surge_ticks(state: State, signals: Signals, snapshot: Snapshot, spec: ScalerSpec) -> int:
    """Consecutive ticks of overload; an independent signal that agrees counts as a second tick.

    Noisy data must be seconded: two noisy samples in a row are not evidence, unless they are far beyond the noise.
    """
    cost = state.estimates.cpu_per_request
    if cost is None or not signals.ok(Name.OFFERED_FAST):
        return 0
    capacity = max(1, snapshot.fleet.app.ready) * spec.app.cpu_per_pod * spec.app.target_utilization / cost
    fast, noise = signals.get(Name.OFFERED_FAST), state.estimates.noise
    if fast < SURGE_RATIO * capacity:
        return 0
    seconded = agrees(signals, snapshot, spec)
    usual = median([value for _, value in state.samples[-KEPT:-1]]) if len(state.samples) >= ACQUAINTED else inf
    if noise >= NOISY and not seconded and fast < (1.0 + FAR * noise) * usual:
        return 0
    return min(9, state.surge_ticks + (2 if seconded else 1))


def _slope(samples: Pairs, count: int) -> float:
    """Rate of change per second between the newest and the oldest `count` samples kept."""
    if len(samples) < 2 * count:
        return 0.0
    old, new = samples[-2 * count - 2 :][:count], samples[-count:]
    elapsed = new[count // 2][0] - old[count // 2][0]
    if elapsed <= 0.0:
        return 0.0
    return (median([value for _, value in new]) - median([value for _, value in old])) / elapsed
