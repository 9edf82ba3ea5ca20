"""What one tick sees: readings from Prometheus and counts from the Kubernetes API, as plain numbers.

The seam to the outside: adapters build a `Snapshot`, nothing in the core ever asks for more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ip2a_operator.domain import ledger


class Name(StrEnum):
    """Signals by the name used in status, explain and the decision log. Rates are per second."""

    OFFERED = "offered"
    """Requests offered at the ingress, rejected ones included, 20 s window."""
    OFFERED_FAST = "offeredFast"
    """The same over 10 s: starts a surge, never ends one."""
    SERVED = "served"
    """Requests the app answered itself, 20 s window."""
    READS = "reads"
    """Offered requests of the read class, rejected ones included."""
    APP_CPU = "appCpu"
    """CPU seconds per second used by all app pods."""
    APP_CPU_FAST = "appCpuFast"
    """The same between the last two scrapes: sees pods that are full, sizes nothing."""
    IN_FLIGHT = "inFlight"
    """Requests inside the app now, all pods."""
    QUEUE_P95 = "queueP95"
    """p95 of the seconds between a request's arrival and its admission by the pod."""
    P95 = "p95"
    ERROR_RATE = "errorRate"
    """Share of offered requests that failed: 5xx, 503 and client time-outs."""
    USERS = "users"
    CACHE_HIT = "cacheHit"
    RW_BUSY = "rwBusy"
    """Server connections in use, by Little's law from total_xact_time."""
    RW_WAITING = "rwWaiting"
    RW_RATE = "rwRate"
    RO_BUSY = "roBusy"
    RO_WAITING = "roWaiting"
    RO_RATE = "roRate"
    CHECKOUT_WAIT = "checkoutWait"
    """Mean seconds an app request waits for a connection of its own pod's pool."""
    CHECKOUT_USE = "checkoutUse"
    """Fullest pool of the app's engines, share of its limit."""
    PRIMARY_CPU = "primaryCpu"
    REPLICA_CPU = "replicaCpu"
    PG_ACTIVE = "pgActive"
    """Active back ends of the primary."""
    REPLICA_ACTIVE = "replicaActive"
    """Active back ends of a replica, mean."""
    IDLE_IN_TRANSACTION = "idleInTransaction"
    LOCK_WAITERS = "lockWaiters"
    LAG = "lag"
    WAL_RATE = "walRate"
    CONNECTIONS = "connections"
    """Connections PostgreSQL counts on its fullest instance."""
    KUBELET_CPU = "kubeletCpu"
    """CPU of app pods by the metrics API (share of limit): not from Prometheus, therefore independent."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value as it came: `None` where the query had no answer; `age` of its newest sample in seconds."""

    value: float | None
    age: float = 0.0
    coverage: float = 1.0


@dataclass(frozen=True, slots=True)
class AppFleet:
    """Pods of the Deployment. `total` counts every pod that exists: surge, starting and terminating too."""

    desired: int
    ready: int
    total: int
    unschedulable: int = 0
    updating: bool = False
    youngest_ready_age: float = 3600.0
    startable: int | None = None
    """Pods whose start the nodes' free CPU carries at one time; None where that is not known."""


@dataclass(frozen=True, slots=True)
class PoolerFleet:
    """One Pooler. `size` is the default_pool_size asked for, `live_size` the largest any pod still uses."""

    desired: int
    total: int
    size: int
    live_size: int
    servers: int = 0
    clients: int = 0
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class DatabaseFleet:
    """The Cluster. `desired` and `ready` count replicas; `joining` are clones not yet ready."""

    desired: int
    ready: int
    joining: int = 0
    terminating: int = 0
    healthy: bool = True
    max_connections: int = 200
    superuser_reserved: int = 3
    reserved: int = 0
    direct: int = ledger.MIGRATION
    primary_vcpu: float = 4.0
    replica_vcpu: float = 2.0
    managed: bool = True
    """Whether it is ours; of an external one nothing but its connection limit is known."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All that can be scaled, as the API server shows it."""

    app: AppFleet
    rw: PoolerFleet
    ro: PoolerFleet
    database: DatabaseFleet


@dataclass(frozen=True, slots=True)
class Pause:
    """The pause annotations that are set: epoch seconds at which each one ends."""

    all: float = 0.0
    up: float = 0.0
    down: float = 0.0


@dataclass(frozen=True, slots=True)
class Growth:
    """Result of `forecast.assess`: expected growth over a replica's lead time, and whether to believe it."""

    factor: float
    horizon: float
    trusted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Input of one decision."""

    readings: Mapping[Name, Reading]
    fleet: Fleet
    pause: Pause = field(default_factory=Pause)
    growth: Growth | None = None
    rivals: tuple[str, ...] = ()
    """HPA, ScaledObject or VPA that target the same objects, as kind/name."""
    lead_samples: tuple[tuple[str, float], ...] = ()
    """Newly seen start-up times: ("app" | "replicas", seconds)."""
