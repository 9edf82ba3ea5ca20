"""In which order connections grow and shrink: PostgreSQL first grants more, then the poolers ask for more.

`max_connections` only counts once every instance was restarted with it, which CloudNativePG does one by one. Until
then poolers keep what they have. The other way round PostgreSQL keeps granting what the poolers that are still
there could ask for. What was raised when stands on the Cluster, in an annotation `FROM TO TIME`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ip2a_operator.api.conditions import timestamp
from ip2a_operator.domain.capacity import PoolSizes, Sizes
from ip2a_operator.domain.ledger import needed
from ip2a_operator.domain.observed import Live, Observed, database
from ip2a_operator.domain.tree import branch, number, text
from ip2a_operator.names import GRANTED_ANNOTATION, POOLER_LABEL

CNPG: Final = "postgresql.cnpg.io/v1"
SETTLING_SECONDS: Final = 60
"""CloudNativePG notices a changed setting within seconds; its phase is not believed before this has passed."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How far a change of connections is."""

    sizes: Sizes
    """As the poolers may have them now."""
    max_connections: int
    """What PostgreSQL is to be configured with now."""
    granted: int
    """What every instance is known to grant."""
    note: str = ""
    """The annotation; empty when nothing is under way."""
    withheld: bool = False
    """Whether poolers wait for PostgreSQL."""
    wait: float | None = None
    """Seconds until the restart may be believed to be over."""


def growth(name: str, wanted: Sizes, target: int, observed: Observed, now: datetime) -> Growth:
    """The step that may be taken now; `target` is what the ledger wants `max_connections` to be."""
    live = observed.get(CNPG, "Cluster", f"{name}-db")
    poolers = {kind: observed.get(CNPG, "Pooler", f"{name}-pool-{kind}") for kind in ("rw", "ro")}
    pods = {kind: _pods(observed, f"{name}-pool-{kind}") for kind in poolers}
    running = {kind: _sizes_of(pooler, wanted.write) for kind, pooler in poolers.items() if pooler is not None}
    if live is None:
        return Growth(wanted, target, target)
    configured = _configured(live) or target
    keep = needed((pods[kind], pool) for kind, pool in running.items()) if running else 0
    setting = configured if target < configured and keep > target else target
    before, note, wait = _granted(live, configured, setting, now)
    granted = min(before, setting)
    asked = {"rw": wanted.write, **({"ro": wanted.read} if wanted.read else {})}
    union = needed((pods[kind], _union(running.get(kind), pool)) for kind, pool in asked.items())
    if union <= granted:
        return Growth(wanted, setting, granted, note, wait=wait)
    write = _lesser(running.get("rw"), wanted.write)
    read = _lesser(running["ro"], wanted.read) if wanted.read and "ro" in running else None
    held = replace(wanted, write=write, read=read)
    return Growth(held, setting, granted, note, withheld=held != wanted, wait=wait)


def _granted(live: Live, configured: int, setting: int, now: datetime) -> tuple[int, str, float | None]:
    """What is granted, the annotation to write, and how long to wait for more."""
    noted = _noted(live)
    if setting > configured:
        granted = noted[0] if noted else configured
        return granted, f"{granted} {setting} {timestamp(now)}", float(SETTLING_SECONDS)
    if noted is None or noted[1] != configured:
        return configured, "", None
    granted, goal, since = noted
    left = SETTLING_SECONDS - (now - since).total_seconds()
    if left <= 0 and database(live).complete:
        return configured, "", None
    return granted, f"{granted} {goal} {timestamp(since)}", max(left, 5.0)


def _noted(live: Live) -> tuple[int, int, datetime] | None:
    parts = live.annotation(GRANTED_ANNOTATION).split()
    if len(parts) != 3 or not (parts[0].isdigit() and parts[1].isdigit()):
        return None
    try:
        return int(parts[0]), int(parts[1]), datetime.fromisoformat(parts[2])
    except ValueError:
        return None


def _configured(live: Live) -> int:
    value = text(live.tree, "spec", "postgresql", "parameters", "max_connections")
    return int(value) if value.isdigit() else 0


def _pods(observed: Observed, pooler: str) -> int:
    """Pods of a pooler that exist, ending ones included."""
    return sum(text(pod.tree, "metadata", "labels", POOLER_LABEL) == pooler for pod in observed.of_kind("Pod"))


def _sizes_of(pooler: Live, otherwise: PoolSizes) -> PoolSizes:
    parameters: Mapping[str, object] = branch(pooler.tree, "spec", "pgbouncer", "parameters")

    def parameter(name: str, default: int) -> int:
        value = text(parameters, name)
        return int(value) if value.isdigit() else default

    size = parameter("default_pool_size", otherwise.size)
    return PoolSizes(
        pods=number(pooler.tree, "spec", "instances"),
        size=size,
        reserve=parameter("reserve_pool_size", otherwise.reserve),
        max_clients=parameter("max_client_conn", otherwise.max_clients),
        most=size,
    )


def _union(running: PoolSizes | None, wanted: PoolSizes) -> PoolSizes:
    """The larger of both, field by field: pods of both kinds exist while one follows the other."""
    if running is None:
        return wanted
    return replace(
        wanted,
        pods=max(running.pods, wanted.pods),
        size=max(running.size, wanted.size),
        reserve=max(running.reserve, wanted.reserve),
    )


def _lesser(running: PoolSizes | None, wanted: PoolSizes) -> PoolSizes:
    if running is None:
        return wanted
    return replace(
        wanted,
        pods=min(running.pods, wanted.pods),
        size=min(running.size, wanted.size),
        reserve=min(running.reserve, wanted.reserve),
    )
