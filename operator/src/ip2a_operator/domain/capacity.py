"""From `users` to sizes: one pure function, whose table is docs/capacity.md. An explicit field always wins.

The model, in words. Everybody asks once in 5 seconds in the busiest hour, so `users / 5` requests a second.
One app pod is one process; it is asked for at most 150 requests a second, which needs 5 ms of CPU each.
Two pods always, so that one can be lost or replaced. Reads are served by replicas: one from the start, a
second
from 2,000 users, a third from 10,000. Server connections grow with users far more slowly than pods do,
because
PgBouncer shares them by transaction. What PostgreSQL must grant follows from the ledger, not from users.
"""

import math
from dataclasses import dataclass
from typing import Final

from ip2a_operator.api.data import Pool
from ip2a_operator.api.v1alpha1 import IP2ASpec
from ip2a_operator.domain import background

SECONDS_BETWEEN_REQUESTS: Final = 5
REQUESTS_PER_POD: Final = 150
"""Requests a second that one app process is planned for."""
CPU_MILLISECONDS_PER_REQUEST: Final = 5
SECOND_REPLICA_FROM: Final = 2_000
THIRD_REPLICA_FROM: Final = 10_000
SECOND_POOLER_FROM: Final = 1_000
WORKER_POOL: Final = 1
WORKER_OVERFLOW: Final = 2
"""A worker mostly waits for its queue; connections of an engine are for its few jobs at once."""
JOB_CONNECTIONS: Final = 2
"""Of each engine of a scheduled job."""
AUTO_GROWTH: Final = 2
"""How many times its derived size the autoscaler may make a pool, unless a bound is given."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Requests and limits of one container: CPU in thousandths of a core, memory in MiB."""

    cpu: int
    memory: int
    cpu_limit: int
    memory_limit: int


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """One pooler: pods, and connections per pod to the server (kept, reserve) and from clients."""

    pods: int
    size: int
    reserve: int
    max_clients: int
    most: int
    """Largest `size` that the autoscaler may set in Auto mode."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Everything that is derived from `users`, explicit fields already applied."""

    requests_per_second: float
    app_replicas: int
    app: Amounts
    instances: int
    database: Amounts
    shared_buffers: int
    """MiB."""
    write: PoolSizes
    read: PoolSizes | None
    """None without replicas: reads then go where writes go."""
    pooler: Amounts
    client_pool: int
    """Connections one process keeps per engine."""
    client_overflow: int
    workers: int
    """Pods of the background worker."""
    jobs: int
    """Scheduled jobs, which may all run at once."""
    worker_pool: int
    """Connections a worker keeps per engine."""
    worker_overflow: int
    cache_memory: int
    """Redis maxmemory in MiB."""
    cache: Amounts


def sizes(spec: IP2ASpec, *, platform: bool = True) -> Sizes:
    """The sizes for a spec; `platform`: the image is the platform's own, which has a worker and jobs."""
    rate = spec.users / SECONDS_BETWEEN_REQUESTS
    replicas = spec.app.replicas if spec.app.replicas is not None else app_replicas(spec.users)
    instances = spec.database.instances or database_instances(spec.users)
    bound = spec.autoscaling.pool.max
    write = _pool(spec.pooling.write, _pooler_pods(spec.users), _clamp(8 + spec.users // 250, 8, 50), bound)
    read = _pool(spec.pooling.read, _pooler_pods(spec.users), _clamp(8 + spec.users // 200, 8, 60), bound)
    memory = _clamp(256 + spec.users // 10, 256, 8192)
    cache_memory = mebibytes(spec.cache.memory) if spec.cache.memory else 64 + 64 * (spec.users // 2000)
    workers = background.workers(spec, platform=platform)
    jobs = len(background.jobs(spec, platform=platform))
    client_pool = spec.app.pool_size or _client_pool(spec, write, replicas, _clients(workers, jobs))
    overflow = spec.app.max_overflow
    return Sizes(
        requests_per_second=rate,
        app_replicas=replicas,
        app=_app_amounts(rate, max(replicas, 1)),
        instances=instances,
        database=Amounts(_clamp(100 + round(rate), 100, 4000), memory, 2000 + 2 * round(rate), 2 * memory),
        shared_buffers=memory // 4,
        write=write,
        read=read if instances > 1 and spec.database.external is None else None,
        pooler=Amounts(_clamp(20 + round(rate / 4), 20, 1000), 32, 1000, 128),
        client_pool=client_pool,
        client_overflow=overflow if overflow is not None else client_pool,
        workers=workers,
        jobs=jobs,
        worker_pool=WORKER_POOL,
        worker_overflow=WORKER_OVERFLOW,
        cache_memory=cache_memory,
        cache=Amounts(_clamp(20 + round(rate / 10), 20, 500), 32 + cache_memory, 1000, 64 + 2 * cache_memory),
    )


def app_replicas(users: int) -> int:
    """App pods for so many users: two at least."""
    return max(2, math.ceil(users / SECONDS_BETWEEN_REQUESTS / REQUESTS_PER_POD))


def database_instances(users: int) -> int:
    """Primary and read replicas for so many users."""
    if users >= THIRD_REPLICA_FROM:
        return 4
    return 3 if users >= SECOND_REPLICA_FROM else 2


def mebibytes(quantity: str) -> int:
    """A memory quantity in MiB, rounded up; at least 1."""
    units = {
        "k": 1e3,
        "Ki": 2**10,
        "M": 1e6,
        "Mi": 2**20,
        "G": 1e9,
        "Gi": 2**30,
        "T": 1e12,
        "Ti": 2**40,
        "m": 1e-3,
    }
    for suffix in sorted(units, key=len, reverse=True):
        if quantity.endswith(suffix):
            return max(1, math.ceil(float(quantity[: -len(suffix)]) * units[suffix] / 2**20))
    return max(1, math.ceil(float(quantity) / 2**20))


def _app_amounts(rate: float, replicas: int) -> Amounts:
    cpu = _clamp(math.ceil(rate / replicas * CPU_MILLISECONDS_PER_REQUEST), 50, 750)
    return Amounts(cpu=cpu, memory=192, cpu_limit=2000, memory_limit=512)


def _pooler_pods(users: int) -> int:
    return 2 if users >= SECOND_POOLER_FROM else 1


def _pool(given: Pool, pods: int, connections: int, bound: int | None) -> PoolSizes:
    """`connections` is the wanted sum over all pods."""
    pods = given.pods or pods
    size = given.size or math.ceil(connections / pods)
    return PoolSizes(pods, size, given.reserve, given.max_clients, most=bound or AUTO_GROWTH * size)


def _clients(workers: int, jobs: int) -> int:
    """Connections of both engines of everything in the background, old and new workers at once."""
    return 2 * (2 * workers * (WORKER_POOL + WORKER_OVERFLOW) + jobs * JOB_CONNECTIONS)


def _client_pool(spec: IP2ASpec, write: PoolSizes, replicas: int, others: int) -> int:
    """Twice the server connections shared out over all processes: a transaction holds one for only part of the
    time that a request holds its client connection. Without poolers, what an external database grants is shared
    out over old and new pods, two engines each, kept and overflow alike."""
    processes = max(replicas * spec.app.processes, 1)
    if spec.database.external is None:
        return _clamp(math.ceil(2 * write.pods * write.size / processes), 2, 10)
    left = spec.database.external.max_connections - 2 - others
    return _clamp(left // (4 * 2 * processes), 1, 10)


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
