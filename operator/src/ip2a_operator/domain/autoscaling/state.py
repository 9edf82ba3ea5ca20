"""What the autoscaler remembers between ticks: small, plain, exact when written and read back.

Kept in `status.autoscaling.state` (< 4 kB). Whatever is remembered is rounded by `kept` before it is put
here, never on the way out, so a restarted operator goes on from the very same numbers.
"""

from dataclasses import dataclass, field
from typing import TypeVar

from ip2a_operator.domain.autoscaling.codec import Json, decode, encode
from ip2a_operator.domain.autoscaling.spec import Actuator

T = TypeVar("T")
Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Estimates:
    """Learned quantities; None until first seen."""

    cpu_per_request: float | None = None
    costed: float = 0.0
    """Requests that stand behind it, older ones faded: what few requests said gives way to what many say."""
    at_work: bool = False
    """Whether they were answered by pods at work."""
    others: int = 0
    """Ticks in a row that said that requests cost several times as much."""
    read_cost: float | None = None
    """Database CPU seconds of one read on a replica."""
    rw_service: float | None = None
    ro_service: float | None = None
    """Healthy transaction time in seconds: slow lower envelope."""
    noise: float = 0.0
    """Relative standard deviation of a single offered sample."""
    cache_hit: float | None = None
    rw_curve: tuple[tuple[float, float, float], ...] = ()
    ro_curve: tuple[tuple[float, float, float], ...] = ()
    """Bins of (active, throughput, weight) for the knee."""
    app_leads: tuple[float, ...] = ()
    replica_leads: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """What one actuator did lately."""

    target: int | None = None
    raised: float = 0.0
    lowered: float = 0.0
    reversals: tuple[float, ...] = ()
    locked_until: float = 0.0
    needs: Pairs = ()
    """(bucket start, largest need in it): the window a decrease must respect."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Perturb and observe: the step tried when no rule explains a slow app."""

    started: float = 0.0
    p95: float = 0.0
    base: int = 0
    locked_until: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """Everything remembered."""

    started: float | None = None
    last: float = 0.0
    fresh_since: float | None = None
    stale_since: float | None = None
    last_offered: float | None = None
    samples: Pairs = ()
    """Latest (time, offered rate), newest last."""
    fast: Pairs = ()
    """The three latest (time, offered rate of a few seconds)."""
    misses: Pairs = ()
    """Latest (time, reads per second that miss the cache), newest last."""
    surge_ticks: int = 0
    surge_until: float = 0.0
    full_ticks: int = 0
    """Ticks running in which the pods were full."""
    bottleneck: str = "Healthy"
    since: float = 0.0
    candidate: str = "Healthy"
    candidate_ticks: int = 0
    trim: float = 1.0
    trimmed: float = 0.0
    estimates: Estimates = field(default_factory=Estimates)
    app: Memory = field(default_factory=Memory)
    pool_rw: Memory = field(default_factory=Memory)
    pool_ro: Memory = field(default_factory=Memory)
    poolers_rw: Memory = field(default_factory=Memory)
    poolers_ro: Memory = field(default_factory=Memory)
    replicas: Memory = field(default_factory=Memory)
    probe: Probe = field(default_factory=Probe)
    blind_raised: float = 0.0
    conditions: tuple[tuple[str, bool], ...] = ()
    alerts: tuple[str, ...] = ()
    """Triggers that alert and were told of."""


FIELD = {
    Actuator.APP: "app",
    Actuator.POOL_RW: "pool_rw",
    Actuator.POOL_RO: "pool_ro",
    Actuator.POOLERS_RW: "poolers_rw",
    Actuator.POOLERS_RO: "poolers_ro",
    Actuator.REPLICAS: "replicas",
}


def memory_of(state: State, actuator: Actuator) -> Memory:
    """What is remembered of one actuator."""
    memory: Memory = getattr(state, FIELD[actuator])
    return memory


def evolve(value: T, **changes: object) -> T:
    """`dataclasses.replace` for our plain frozen classes with slots, several times faster.

    Raises:
        TypeError: a name that is not a field.
    """
    kind = type(value)
    new = object.__new__(kind)
    names = kind.__slots__  # type: ignore[attr-defined]  # dataclass(slots=True) makes it
    for name in names:
        object.__setattr__(new, name, changes.pop(name) if name in changes else getattr(value, name))
    if changes:
        raise TypeError(f"{kind.__name__} has no {', '.join(changes)}")
    return new


def kept(value: float) -> float:
    """Five significant digits: what is worth remembering, and short when written."""
    return float(f"{value:.5g}")


def to_json(state: State) -> Json:
    """The state as JSON values, defaults left out."""
    return encode(state)


def from_json(document: object) -> State:
    """Read a state back; raises ValueError naming the field when it is not one of ours."""
    return decode(State, document)
