"""What the owner of an IP2A resource allows the autoscaler: modes, objectives, bounds, schedules.

Defaults are the product's defaults. This module must not know how the values are written in the resource;
`codec.decode` reads the camelCase document of `spec.autoscaling`, the API layer validates it beforehand.
Units: seconds, requests per second, CPU cores, fractions of 1.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from ip2a_operator.domain import ledger


class Mode(StrEnum):
    """How far a decision may go."""

    OFF = "Off"
    RECOMMEND = "Recommend"
    AUTO = "Auto"


class Actuator(StrEnum):
    """What can be changed on the cluster; the value is the name in status, logs and metrics."""

    APP = "app"
    POOL_RW = "poolRw"
    POOL_RO = "poolRo"
    POOLERS_RW = "poolersRw"
    POOLERS_RO = "poolersRo"
    REPLICAS = "replicas"


DB_SIDE = (Actuator.POOL_RW, Actuator.POOL_RO, Actuator.POOLERS_RW, Actuator.POOLERS_RO, Actuator.REPLICAS)
"""Actuators that change how many connections PostgreSQL may see."""
READING = (Actuator.POOL_RO, Actuator.POOLERS_RO)
"""Actuators of the pooler to the replicas."""


@dataclass(frozen=True, slots=True)
class Objective:
    """Service level: p95 of all requests and share of failed requests."""

    p95: float = 0.5
    warn: float = 0.2
    error_rate: float = 0.01


@dataclass(frozen=True, slots=True)
class AppSpec:
    """Bounds of the Deployment and what one of its pods is."""

    mode: Mode | None = None
    min: int = 2
    max: int = 30
    target_utilization: float = 0.75
    drain_utilization: float = 0.65
    cpu_per_pod: float = 1.0
    workers: int = 1
    pool_size: int = 5
    max_overflow: int = 5
    read_pool_size: int = 5
    read_max_overflow: int = 5
    in_flight_per_pod: int = 32
    max_surge: float = ledger.ROLL_SURGE

    @property
    def write_connections(self) -> int:
        """Client connections one pod may open to the writing pooler."""
        return self.workers * (self.pool_size + self.max_overflow)

    @property
    def read_connections(self) -> int:
        """Client connections one pod may open to the reading pooler."""
        return self.workers * (self.read_pool_size + self.read_max_overflow)


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """Bounds of the two Poolers. `min` counts server connections over all PgBouncer pods of one pooler.

    `pairs`, `reserve` and `max_surge` are the ledger's: caps of one pod, reserve of each, pods that a roll adds.
    """

    mode: Mode | None = None
    reading: bool = True
    """Whether there is a reading pooler; without one its actuators are off."""
    min: int = 8
    max_per_instance: int | None = None
    pods_min: int = 2
    pods_max: int = 4
    pairs: int = ledger.PAIRS
    reserve: int = 2
    max_surge: float = ledger.ROLL_SURGE
    max_client_conn: int = 2000
    shrink_after: float = 600.0


@dataclass(frozen=True, slots=True)
class ReplicasSpec:
    """Bounds of the read replicas; the primary is not counted."""

    mode: Mode | None = None
    min: int = 1
    max: int = 5
    max_lag: float = 5.0
    scale_down_after: float = 1800.0
    target_utilization: float = 0.6
    spare: int = 0
    max_sync: int = 0


@dataclass(frozen=True, slots=True)
class ConnectionsSpec:
    """Connections kept for others: instance manager, backup, migration, a human with psql."""

    reserved_system: int = ledger.SYSTEM


@dataclass(frozen=True, slots=True)
class DrainSpec:
    """How app pods are taken away: the largest need of `window` counts, `step` of them `every` seconds."""

    window: float = 240.0
    step: float = 0.2
    every: float = 30.0


@dataclass(frozen=True, slots=True)
class Floor:
    """Lower bounds a schedule asks for."""

    app: int = 0
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """A known peak: from `lead` before each time of `cron` in `tz`, for `duration`, the floor holds."""

    name: str
    cron: str
    tz: str = "UTC"
    duration: float = 3600.0
    lead: float = 300.0
    floor: Floor = field(default_factory=Floor)


@dataclass(frozen=True, slots=True)
class ForecastSpec:
    """The growth floor is used only where its backtest convinced; `enabled=False` never uses it."""

    enabled: bool = True
    max_growth: float = 2.5
    quantile: float = 0.8


@dataclass(frozen=True, slots=True)
class Features:
    """Parts that the benchmark's ablations switch off; always all on in the operator."""

    gate: bool = True
    pool: bool = True
    ledger: bool = True
    hold: bool = True
    forecast: bool = True
    demand: bool = True
    trim: bool = True


@dataclass(frozen=True, slots=True)
class ScalerSpec:
    """Everything `decide` must know of the resource."""

    mode: Mode = Mode.RECOMMEND
    slo: Objective = field(default_factory=Objective)
    app: AppSpec = field(default_factory=AppSpec)
    pool: PoolSpec = field(default_factory=PoolSpec)
    replicas: ReplicasSpec = field(default_factory=ReplicasSpec)
    connections: ConnectionsSpec = field(default_factory=ConnectionsSpec)
    drain: DrainSpec = field(default_factory=DrainSpec)
    scrape_interval: float = 5.0
    stale_after: float = 15.0
    schedules: tuple[Schedule, ...] = ()
    forecast: ForecastSpec = field(default_factory=ForecastSpec)
    features: Features = field(default_factory=Features)

    def mode_of(self, actuator: Actuator) -> Mode:
        """The actuator's own mode, never going further than the resource's."""
        if actuator is Actuator.APP:
            own = self.app.mode
        elif actuator is Actuator.REPLICAS:
            own = self.replicas.mode
        elif actuator in READING and not self.pool.reading:
            own = Mode.OFF
        else:
            own = self.pool.mode
        if own is None or self.mode is Mode.OFF:
            return self.mode
        return Mode.RECOMMEND if self.mode is Mode.RECOMMEND and own is Mode.AUTO else own
