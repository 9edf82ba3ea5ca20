"""The connection ledger: what one PostgreSQL instance can be asked for at worst, against what it can grant.

The only arithmetic of connections there is: plans, sizes, the autoscaler, the command line and the simulation all
count with it. Counted for every instance alike, because any replica can be promoted while its read connections are
still open, and at its worst over the union of what is, what was asked for, what surges and what is ending.

A PgBouncer pod holds one pool for each pair of role and database. All roles of the application (both logins of a
password rotation, the worker) share one database, whose connections PgBouncer caps by `max_db_connections` at a
pool and its reserve; its own role for looking up passwords uses another database, with the same cap. So a pod opens
two such caps at most, however many roles there are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Final

from ip2a_operator.api.v1alpha1 import IP2ASpec
from ip2a_operator.domain.capacity import JOB_CONNECTIONS, PoolSizes, Sizes

SUPERUSER_RESERVED: Final = 3
"""PostgreSQL's superuser_reserved_connections."""
AUDIT_READERS: Final = 5
"""Connection limit of the role that reads the audit trail."""
PERSON: Final = 3
"""Somebody with psql, when things go wrong."""
INSTANCE_MANAGER: Final = 4
MONITORING: Final = 3
"""CloudNativePG's exporter."""
BACKUP: Final = 2
SYSTEM: Final = AUDIT_READERS + PERSON + INSTANCE_MANAGER + MONITORING + BACKUP
"""Direct connections of everything but the application; what the autoscaler calls reserved for the system."""
MIGRATION: Final = 2
"""Connections of the one migration Job that runs at a time; it does not go through a pooler."""
PAIRS: Final = 2
"""Pairs of role and database of a PgBouncer pod that have a cap of their own: the application's and PgBouncer's."""
ROLL_SURGE: Final = 1.0
"""Share of pods that a roll adds: every old pod may still be ending while every new one is there."""
CLIENT_SHARE: Final = 0.8
"""Of max_client_conn that may be planned for: kube-proxy spreads connections at random, not evenly."""
ENGINES: Final = 2
"""A process holds a pool for writes and one for reads."""
MIN_MAX_CONNECTIONS: Final = 100
STEP: Final = 20


def pods_at_worst(desired: int, surge: float = ROLL_SURGE, present: int = 0) -> int:
    """Pods that may exist at once: those of a roll, or those that are seen now if these are more."""
    return max(present, desired + ceil(desired * surge))


def pooler_connections(size: int, reserve: int, pairs: int = PAIRS) -> int:
    """Server connections that one PgBouncer pod can open."""
    return pairs * (size + reserve)


def client_limit(pods: int, max_clients: int) -> int:
    """Client connections that may be planned for with so many PgBouncer pods."""
    return int(CLIENT_SHARE * pods * max_clients)


@dataclass(frozen=True, slots=True)
class Entry:
    """`pods × connections` of one kind of client."""

    label: str
    pods: int
    connections: int

    @property
    def total(self) -> int:
        """Connections at worst."""
        return self.pods * self.connections

    def __str__(self) -> str:
        return f"{self.pods} {self.label} × {self.connections}" if self.pods != 1 else f"{self.label} {self.total}"


@dataclass(frozen=True, slots=True)
class Account:
    """Entries against a limit."""

    what: str
    entries: tuple[Entry, ...]
    limit: int

    @property
    def worst(self) -> int:
        """Sum of the entries."""
        return sum(entry.total for entry in self.entries)

    @property
    def fits(self) -> bool:
        """Whether the worst case can be granted."""
        return self.worst <= self.limit

    def __str__(self) -> str:
        sign = "<=" if self.fits else ">"
        return f"{self.what}: {' + '.join(map(str, self.entries))} = {self.worst} {sign} {self.limit}"


@dataclass(frozen=True, slots=True)
class Ledger:
    """All accounts of one resource; `max_connections` is what each managed instance is configured with."""

    max_connections: int
    server: Account
    clients: tuple[Account, ...]

    @property
    def fits(self) -> bool:
        """Whether every account fits."""
        return self.server.fits and all(account.fits for account in self.clients)

    @property
    def arithmetic(self) -> str:
        """Every account that does not fit, or the server's when all do."""
        broken = [account for account in (self.server, *self.clients) if not account.fits]
        return "; ".join(map(str, broken or [self.server]))


def ledger(spec: IP2ASpec, sizes: Sizes) -> Ledger:
    """The ledger of a spec with these sizes."""
    if spec.database.external is not None:
        return _external(spec, sizes, spec.database.external.max_connections)
    pools = [("write", sizes.write)] + ([("read", sizes.read)] if sizes.read else [])
    entries = (*(_pooler(name, pool, pool.size) for name, pool in pools), *DIRECT)
    explicit = spec.database.parameters.get("max_connections", "")
    granted = int(explicit) if explicit.isdigit() else _derived(spec, pools)
    return Ledger(
        max_connections=granted,
        server=Account("connections of one instance", entries, granted - SUPERUSER_RESERVED),
        clients=tuple(_clients(spec, sizes, name, pool) for name, pool in pools),
    )


DIRECT: Final = (
    Entry("migration", 1, MIGRATION),
    Entry("system", 1, SYSTEM),
)
"""What connects to an instance past the poolers."""


def needed(pools: Iterable[tuple[int, PoolSizes]]) -> int:
    """`max_connections` that poolers need, each with the pods of it that are seen; exactly, not rounded."""
    poolers = sum(
        pods_at_worst(pool.pods, present=present) * pooler_connections(pool.size, pool.reserve)
        for present, pool in pools
    )
    return poolers + sum(entry.total for entry in DIRECT) + SUPERUSER_RESERVED


def _derived(spec: IP2ASpec, pools: list[tuple[str, PoolSizes]]) -> int:
    """What the poolers need, at the autoscaler's bounds in Auto mode: what it may do must fit from the start. Going to
    Auto restarts PostgreSQL therefore; room in every mode would restart it at an upgrade of the operator instead, where
    nobody has asked for anything."""
    auto = spec.autoscaling.mode == "Auto"
    poolers = (_pooler(name, pool, pool.most if auto else pool.size) for name, pool in pools)
    return _rounded(sum(entry.total for entry in (*poolers, *DIRECT)))


def _pooler(name: str, pool: PoolSizes, size: int) -> Entry:
    return Entry(f"{name} poolers (old and new)", pods_at_worst(pool.pods), pooler_connections(size, pool.reserve))


def _clients(spec: IP2ASpec, sizes: Sizes, name: str, pool: PoolSizes) -> Account:
    per_process = sizes.client_pool + sizes.client_overflow
    pods = pods_at_worst(sizes.app_replicas)
    entries = [Entry("app pods (old and new)", pods, spec.app.processes * per_process)]
    if sizes.workers:
        per_worker = sizes.worker_pool + sizes.worker_overflow
        entries.append(Entry("workers (old and new)", pods_at_worst(sizes.workers), per_worker))
    if sizes.jobs:
        entries.append(Entry("jobs", sizes.jobs, JOB_CONNECTIONS))
    return Account(f"clients of the {name} pooler", tuple(entries), client_limit(pool.pods, pool.max_clients))


def _external(spec: IP2ASpec, sizes: Sizes, granted: int) -> Ledger:
    """Without poolers every client connection is a server connection."""
    engines = ENGINES if spec.database.external and spec.database.external.read_host is None else 1
    account = _clients(spec, sizes, "external", PoolSizes(1, 1, 0, granted, 1))
    entries = tuple(Entry(entry.label, entry.pods, entry.connections * engines) for entry in account.entries)
    entries += (Entry("migration", 1, MIGRATION),)
    return Ledger(granted, Account("connections of the external database", entries, granted), ())


def _rounded(connections: int) -> int:
    return max(MIN_MAX_CONNECTIONS, -(-(connections + SUPERUSER_RESERVED) // STEP) * STEP)
