"""The ledger over time: no sequence of our writes can make PostgreSQL refuse a connection.

The arithmetic is that of `domain/ledger.py`; here it is applied to moves from one state to the next.

Everything is counted at its worst, over the union of what is, what was asked for, what surges, what is
terminating and what is about to be asked: PgBouncer shrinks lazily, a rolling update surges, and the
operator may die between any two writes. All connections may end up on one instance (a promoted
replica keeps its readers), so one budget serves the primary and every replica.

Invariants (numbers are used in tests, conditions and docs):
I1 worst(now ∪ next) ≤ budget; I2 clients of PgBouncer ≤ 80 % of its limit; I3 no app growth while the
database or the pool is the bottleneck; I4 no decrease on data that is not fresh, in trouble or right after an
increase; I5 min ≤ x ≤ max, replicas ≥ max sync, never the primary; I6 one growing change of connections at a
time, shrink → observe → grow. (Replicas are not counted in I6: a clone opens no pooled connection, its share
comes when the reading pool is raised afterwards; CloudNativePG joins instances one after another itself.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from ip2a_operator.domain import ledger
from ip2a_operator.domain.autoscaling.snapshot import DatabaseFleet, Fleet, PoolerFleet
from ip2a_operator.domain.autoscaling.spec import Actuator, AppSpec, ConnectionsSpec, PoolSpec, ScalerSpec

Targets = dict[Actuator, int]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The account of one moment. Connections unless said otherwise."""

    budget: int
    worst: int
    clients: int
    client_limit: int

    @property
    def headroom(self) -> int:
        """Connections still free in the worst case; negative is a breach."""
        return self.budget - self.worst


def current_targets(fleet: Fleet) -> Targets:
    """What is asked for at present."""
    return {
        Actuator.APP: fleet.app.desired,
        Actuator.POOL_RW: fleet.rw.size,
        Actuator.POOL_RO: fleet.ro.size,
        Actuator.POOLERS_RW: fleet.rw.desired,
        Actuator.POOLERS_RO: fleet.ro.desired,
        Actuator.REPLICAS: fleet.database.desired,
    }


def budget(database: DatabaseFleet, connections: ConnectionsSpec) -> int:
    """Connections for poolers and direct workloads: what max_connections leaves after every reserve."""
    reserved = database.superuser_reserved + database.reserved + connections.reserved_system
    return max(0, database.max_connections - reserved)


def pooler_worst(pooler: PoolerFleet, pods: int, size: int, spec: PoolSpec) -> int:
    """Server connections of one pooler over the union of what is and (`pods`, `size`)."""
    most_pods = ledger.pods_at_worst(max(pooler.desired, pods), spec.max_surge, pooler.total)
    most_size = max(pooler.size, pooler.live_size, size)
    return max(pooler.servers, most_pods * ledger.pooler_connections(most_size, spec.reserve, spec.pairs))


def worst(fleet: Fleet, targets: Mapping[Actuator, int], spec: PoolSpec) -> int:
    """I1's left side: connections any one instance may see, now or after the writes of `targets`."""
    writing = pooler_worst(fleet.rw, targets[Actuator.POOLERS_RW], targets[Actuator.POOL_RW], spec)
    reading = pooler_worst(fleet.ro, targets[Actuator.POOLERS_RO], targets[Actuator.POOL_RO], spec)
    return writing + reading + fleet.database.direct


def app_worst(fleet: Fleet, target: int, spec: AppSpec) -> int:
    """Pods that may exist at once: the larger of now and next, and the surge of a rolling update."""
    return ledger.pods_at_worst(max(fleet.app.desired, target), spec.max_surge, fleet.app.total)


def client_limit(pooler: PoolerFleet, pods: int, spec: PoolSpec) -> int:
    """I2's right side: only PgBouncer pods that exist before and after count."""
    return ledger.client_limit(min(pooler.desired, pods), spec.max_client_conn)


def account(fleet: Fleet, targets: Mapping[Actuator, int], spec: ScalerSpec) -> Ledger:
    """The ledger for these targets; clients of the fuller pooler."""
    pods = app_worst(fleet, targets[Actuator.APP], spec.app)
    sides = (
        (spec.app.write_connections, fleet.rw, targets[Actuator.POOLERS_RW]),
        (spec.app.read_connections, fleet.ro, targets[Actuator.POOLERS_RO]),
    )
    use = [(pods * each, client_limit(pooler, count, spec.pool)) for each, pooler, count in sides]
    clients, limit = max(use, key=lambda pair: pair[0] - pair[1])
    return Ledger(budget(fleet.database, spec.connections), worst(fleet, targets, spec.pool), clients, limit)


def over(ledger: Ledger) -> int:
    """Clients beyond the limit of I2; negative is room."""
    return ledger.clients - ledger.client_limit


def app_limit(fleet: Fleet, targets: Mapping[Actuator, int], spec: ScalerSpec) -> int:
    """Most app pods that I2 allows."""
    sides = (
        (spec.app.write_connections, fleet.rw, targets[Actuator.POOLERS_RW]),
        (spec.app.read_connections, fleet.ro, targets[Actuator.POOLERS_RO]),
    )
    most = spec.app.max
    for each, pooler, count in sides:
        pods = client_limit(pooler, count, spec.pool) // max(1, each)
        allowed = int(pods / (1.0 + spec.app.max_surge))
        while allowed > 0 and allowed + ceil(allowed * spec.app.max_surge) > pods:
            allowed -= 1
        most = min(most, allowed)
    return most


def growing(fleet: Fleet) -> bool:
    """A growth of connections was asked for and is not yet seen in PgBouncer (I6)."""
    return any(pooler.live_size < pooler.size or pooler.total < pooler.desired for pooler in (fleet.rw, fleet.ro))


def fit(fleet: Fleet, wanted: Mapping[Actuator, int], spec: ScalerSpec) -> tuple[Targets, set[Actuator]]:
    """The next step towards `wanted` that keeps I1, I2 and I6, and which actuators were held back.

    Decreases go first and count as done only once observed, because the union still contains them. Growth is
    admitted in the order of speed: pool sizes before pooler pods.
    """
    now = current_targets(fleet)
    step: Targets = {actuator: min(now[actuator], wanted[actuator]) for actuator in now}
    held: set[Actuator] = set()
    limit = budget(fleet.database, spec.connections)
    busy = growing(fleet)
    allowed_over = max(0, over(account(fleet, {**now, Actuator.APP: step[Actuator.APP]}, spec)))
    for actuator in (Actuator.POOLERS_RW, Actuator.POOLERS_RO):
        if wanted[actuator] < now[actuator] and over(account(fleet, step, spec)) > allowed_over:
            step[actuator] = now[actuator]
            held.add(actuator)
    for actuator in (Actuator.POOL_RW, Actuator.POOL_RO, Actuator.POOLERS_RW, Actuator.POOLERS_RO):
        if wanted[actuator] <= now[actuator]:
            continue
        goal = wanted[actuator] if not busy else now[actuator]
        while goal > now[actuator] and worst(fleet, {**step, actuator: goal}, spec.pool) > limit:
            goal -= 1
        step[actuator] = goal
        busy = busy or goal > now[actuator]
        if goal < wanted[actuator]:
            held.add(actuator)
    step[Actuator.REPLICAS] = wanted[Actuator.REPLICAS]
    if wanted[Actuator.APP] > now[Actuator.APP]:
        step[Actuator.APP] = max(now[Actuator.APP], min(wanted[Actuator.APP], app_limit(fleet, step, spec)))
        if step[Actuator.APP] < wanted[Actuator.APP]:
            held.add(Actuator.APP)
    return step, held
