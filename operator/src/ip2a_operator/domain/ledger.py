"""The connection ledger: what one PostgreSQL instance can be asked for at worst, against what it can grant.

Counted for every instance alike, because any replica can be promoted while its read connections are still
open.
Per pooler pod and (role, database) pair: the application's pair with pool and reserve, and PgBouncer's own
pair for looking up passwords. Pods count twice: while a Deployment is rolled over, every new pod can run
beside
every
old one that is still ending. The result is checked on every plan; a spec that does not fit is never applied.
"""

from dataclasses import dataclass
from typing import Final

from ip2a_operator.api.v1alpha1 import IP2ASpec
from ip2a_operator.domain.capacity import PoolSizes, Sizes

SUPERUSER_RESERVED: Final = 3
"""PostgreSQL's superuser_reserved_connections."""
SYSTEM: Final = 17
"""CloudNativePG's instance manager and exporter, backups, and a person with psql."""
MIGRATION: Final = 2
"""Connections of the one migration Job that runs at a time; it does not go through a pooler."""
ROLLING: Final = 2
"""Old and new pods at once."""
CLIENT_SHARE: Final = 0.8
"""Of max_client_conn that may be planned for: kube-proxy spreads connections at random, not evenly."""
ENGINES: Final = 2
"""A process holds a pool for writes and one for reads."""
MIN_MAX_CONNECTIONS: Final = 100
STEP: Final = 20


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
    entries = tuple(_server_entries(sizes))
    worst = sum(entry.total for entry in entries)
    explicit = spec.database.parameters.get("max_connections", "")
    granted = int(explicit) if explicit.isdigit() else _rounded(worst + SUPERUSER_RESERVED)
    pools = [("write", sizes.write)] + ([("read", sizes.read)] if sizes.read else [])
    return Ledger(
        max_connections=granted,
        server=Account("connections of one instance", entries, granted - SUPERUSER_RESERVED),
        clients=tuple(_clients(spec, sizes, name, pool) for name, pool in pools),
    )


def _server_entries(sizes: Sizes) -> list[Entry]:
    entries = [Entry("write poolers (old and new)", ROLLING * sizes.write.pods, _server_side(sizes.write))]
    if sizes.read is not None:
        entries.append(Entry("read poolers (old and new)", ROLLING * sizes.read.pods, _server_side(sizes.read)))
    return [*entries, Entry("migration", 1, MIGRATION), Entry("system", 1, SYSTEM)]


def _server_side(pool: PoolSizes) -> int:
    """Connections one pooler pod can open: the application's pair, and the password look-up's."""
    return (pool.size + pool.reserve) + pool.size


def _clients(spec: IP2ASpec, sizes: Sizes, name: str, pool: PoolSizes) -> Account:
    per_process = sizes.client_pool + sizes.client_overflow
    entries = [Entry("app pods (old and new)", ROLLING * sizes.app_replicas, spec.app.processes * per_process)]
    if spec.app.worker.enabled:
        entries.append(Entry("workers (old and new)", ROLLING * spec.app.worker.replicas, per_process))
    if spec.app.jobs:
        entries.append(Entry("jobs", len(spec.app.jobs), per_process))
    return Account(f"clients of the {name} pooler", tuple(entries), int(CLIENT_SHARE * pool.pods * pool.max_clients))


def _external(spec: IP2ASpec, sizes: Sizes, granted: int) -> Ledger:
    """Without poolers every client connection is a server connection."""
    engines = ENGINES if spec.database.external and spec.database.external.read_host is None else 1
    account = _clients(spec, sizes, "external", PoolSizes(1, 1, 0, granted))
    entries = tuple(Entry(entry.label, entry.pods, entry.connections * engines) for entry in account.entries)
    entries += (Entry("migration", 1, MIGRATION),)
    return Ledger(granted, Account("connections of the external database", entries, granted), ())


def _rounded(connections: int) -> int:
    return max(MIN_MAX_CONNECTIONS, -(-connections // STEP) * STEP)
