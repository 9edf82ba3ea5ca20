"""From the objects of one resource, as the watches have them, to the counts that `decide` works on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ip2a_operator.domain.autoscaling.snapshot import AppFleet, DatabaseFleet, Fleet, Pause, PoolerFleet
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.domain.builders.metadata import Component
from ip2a_operator.domain.facts import CNPG
from ip2a_operator.domain.handover import POOL_BEFORE_ANNOTATION
from ip2a_operator.domain.ledger import MIGRATION
from ip2a_operator.domain.observed import Live, Observed
from ip2a_operator.domain.scaling.readings import Answers, Expected
from ip2a_operator.domain.scaling.settings import cpu_limit
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Tree, branch, branches, number, strings, text
from ip2a_operator.names import COMPONENT_LABEL, GRANTED_ANNOTATION, PAUSE_ANNOTATIONS, POOLER_LABEL

INSTANCE_LABEL: Final = "cnpg.io/podRole"
ROLE_LABEL: Final = "cnpg.io/instanceRole"
SETTLE_GROWTH: Final = 2.0
"""Seconds after which a larger pool size is live; half a second was measured."""
SETTLE_SHRINK: Final = 10.0
"""Seconds after which a PgBouncer that still uses no more than the new size has surely read it."""
CALM_PHASES: Final = frozenset(
    {"Cluster in healthy state", "Creating a new replica", "Waiting for the instances to become active"}
)
"""Phases of CloudNativePG in which the primary serves and nothing but replicas comes or goes."""
FOREVER: Final = 86_400.0
FIRST_READY: Final = 180.0
"""Seconds after it was made within which a pod becomes ready for the first time; later, it was ready before: PostgreSQL
restarts in place, and a probe fails and recovers. A replica's data is cloned before its pod is made.
"""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What matters of one pod; times are epoch seconds, 0 when it has not happened."""

    name: str
    component: str
    pooler: str
    role: str
    """`primary` or `replica` of a database instance."""
    made: float
    ready_since: float
    deleting: bool
    unschedulable: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects that scaling looks at."""

    deployment: Live | None
    write: Live | None
    read: Live | None
    cluster: Live | None
    pods: tuple[PodFacts, ...]

    @property
    def app_pods(self) -> tuple[PodFacts, ...]:
        """Pods of the app, whatever their state."""
        return tuple(pod for pod in self.pods if pod.component == Component.APP)

    @property
    def instances(self) -> tuple[PodFacts, ...]:
        """Pods of database instances."""
        return tuple(pod for pod in self.pods if pod.role)


def pod_facts(pod: Tree) -> PodFacts:
    """Facts of a pod."""
    labels = strings(pod, "metadata", "labels")
    conditions = {text(item, "type"): item for item in branches(pod, "status", "conditions")}
    ready, scheduled = conditions.get("Ready", {}), conditions.get("PodScheduled", {})
    finished = text(pod, "status", "phase") in {"Succeeded", "Failed"}
    is_ready = text(ready, "status") == "True" and not finished
    return PodFacts(
        name=text(pod, "metadata", "name"),
        component="" if finished else labels.get(COMPONENT_LABEL, ""),
        pooler="" if finished else labels.get(POOLER_LABEL, ""),
        role=labels.get(ROLE_LABEL, "") if labels.get(INSTANCE_LABEL) == "instance" else "",
        made=epoch(text(pod, "metadata", "creationTimestamp")),
        ready_since=epoch(text(ready, "lastTransitionTime")) if is_ready else 0.0,
        deleting=bool(text(pod, "metadata", "deletionTimestamp")),
        unschedulable=text(scheduled, "status") == "False",
    )


def epoch(stamp: str) -> float:
    """Seconds since the epoch of an RFC 3339 time; 0 when it is none."""
    try:
        return datetime.fromisoformat(stamp).timestamp() if stamp else 0.0
    except ValueError:
        return 0.0


def seen_of(observed: Observed, stack: Stack) -> Seen:
    """The objects that scaling looks at, among all of a resource."""
    return Seen(
        deployment=observed.get("apps/v1", "Deployment", stack.app),
        write=observed.get(CNPG, "Pooler", stack.write_pool),
        read=observed.get(CNPG, "Pooler", stack.read_pool),
        cluster=observed.get(CNPG, "Cluster", stack.database),
        pods=tuple(pod_facts(pod.tree) for pod in observed.of_kind("Pod")),
    )


def complete(seen: Seen, stack: Stack) -> bool:
    """Whether everything that is scaled exists."""
    external = stack.resource.spec.database.external is not None
    database = external or (seen.cluster is not None and seen.write is not None)
    return seen.deployment is not None and database and (stack.sizes.read is None or seen.read is not None)


def fleet(seen: Seen, stack: Stack, answers: Answers, now: float, startable: int | None = None) -> Fleet:
    """The counts. `answers` are Prometheus' for this resource, empty when there are none; `startable` is AppFleet's."""
    app = _app(seen, now, startable)
    if stack.resource.spec.database.external is not None:
        # no poolers: a client connection is a server connection, and the limit stands in PoolSpec.max_client_conn
        none = PoolerFleet(desired=1, total=1, size=0, live_size=0)
        database = DatabaseFleet(desired=0, ready=0, managed=False, max_connections=stack.ledger.max_connections)
        return Fleet(app, none, none, database)
    return Fleet(
        app=app,
        rw=_pooler(seen.write, "rw", seen.pods, answers),
        ro=_pooler(seen.read, "ro", seen.pods, answers),
        database=_database(seen, stack, answers),
    )


def expected(seen: Seen, stack: Stack, spec: ScalerSpec, now: float) -> Expected:
    """What should have been sampled; pods that became ready a moment ago need not be."""
    established = now - 3.0 * spec.scrape_interval

    def serving(pods: Iterable[PodFacts]) -> int:
        return sum(0.0 < pod.ready_since <= established and not pod.deleting for pod in pods)

    primary, replica = vcpus(stack)
    return Expected(
        app_pods=serving(seen.app_pods),
        writing_pods=serving(pod for pod in seen.pods if pod.pooler == stack.write_pool),
        reading_pods=serving(pod for pod in seen.pods if pod.pooler == stack.read_pool),
        replicas=serving(pod for pod in seen.instances if pod.role == "replica"),
        cpu_per_pod=spec.app.cpu_per_pod,
        primary_cores=primary,
        replica_cores=replica,
    )


def vcpus(stack: Stack) -> tuple[float, float]:
    """Cores of the primary and of a replica: limits of the same template."""
    limit = cpu_limit(stack.resource.spec.database.resources, stack.sizes.database.cpu_limit)
    return limit, limit


def pause(annotations: Mapping[str, str], now: float, *, paused: bool) -> Pause:
    """The pauses in force. A value that is no time counts as set and without an end, which is what was meant."""

    def until(name: str) -> float:
        stamp = annotations.get(name, "")
        return (epoch(stamp) or now + FOREVER) if stamp else 0.0

    every, up, down = map(until, PAUSE_ANNOTATIONS)
    return Pause(all=now + FOREVER if paused else every, up=up, down=down)


def leads(seen: Seen, since: float, asked: float) -> tuple[tuple[str, float], ...]:
    """Start-up times of what became ready after `since`; `asked` is when the latest replica was asked for."""

    def is_new(pod: PodFacts) -> bool:
        return pod.ready_since > since > 0.0 and 0.0 < pod.made <= pod.ready_since <= pod.made + FIRST_READY

    app = [("app", pod.ready_since - pod.made) for pod in seen.app_pods if is_new(pod)]
    replicas = [
        ("replicas", pod.ready_since - asked)
        for pod in seen.instances
        if pod.role == "replica" and is_new(pod) and 0.0 < asked <= pod.made
    ]
    return (*app[:4], *replicas[:2])


def startable(free_cores: float | None, cpu_per_pod: float) -> int | None:
    """Pods that the nodes' free cores can start at one time; one uses a core, or less if it is limited to less."""
    if free_cores is None:
        return None
    return int(max(0.0, free_cores) / min(1.0, cpu_per_pod))


def _app(seen: Seen, now: float, startable: int | None) -> AppFleet:
    live = seen.deployment
    tree: Tree = live.tree if live else {}
    status, pods = branch(tree, "status"), seen.app_pods
    ready = number(status, "readyReplicas")
    started = [pod.ready_since for pod in pods if pod.ready_since > 0.0 and not pod.deleting]
    observed = number(status, "observedGeneration") >= number(tree, "metadata", "generation")
    return AppFleet(
        desired=number(tree, "spec", "replicas"),
        ready=ready,
        total=max(len(pods), number(status, "replicas")),
        unschedulable=sum(pod.unschedulable for pod in pods),
        updating=observed and number(status, "replicas") > number(status, "updatedReplicas"),
        youngest_ready_age=max(0.0, now - max(started)) if started else 3600.0,
        startable=startable,
    )


def _pooler(live: Live | None, side: str, pods: tuple[PodFacts, ...], answers: Answers) -> PoolerFleet:
    if live is None:
        return PoolerFleet(desired=0, total=0, size=0, live_size=0)
    desired, size = number(live.tree, "spec", "instances"), pool_size(live)
    own = sum(pod.pooler == live.ref.name for pod in pods)

    def get(part: str) -> float:
        return answers.get(f"{part}:{side}", 0.0)

    return PoolerFleet(
        desired=desired,
        total=own or number(live.tree, "status", "instances"),
        size=size,
        live_size=_live_size(live, size, own, get),
        servers=round(get("pool.servers")),
        clients=round(get("pool.clients")),
        cpu=get("pool.cpu"),
    )


def pool_size(live: Live) -> int:
    """default_pool_size that is asked for."""
    value = text(live.tree, "spec", "pgbouncer", "parameters", "default_pool_size")
    return int(value) if value.isdigit() else 0


def _live_size(live: Live, size: int, pods: int, get: Callable[[str], float]) -> int:
    """The size that PgBouncer works with: the old one until every pod was scraped after the change and fits."""
    before, _, at = live.annotation(POOL_BEFORE_ANNOTATION).partition(" ")
    if not before.isdigit() or int(before) == size:
        return size
    old, asked = int(before), epoch(at)
    settle = SETTLE_GROWTH if size > old else SETTLE_SHRINK
    scraped = get("pool.at") >= asked + settle and get("pool.fresh") >= pods
    return size if scraped and get("pool.largest") <= size else old


def _database(seen: Seen, stack: Stack, answers: Answers) -> DatabaseFleet:
    tree: Tree = seen.cluster.tree if seen.cluster else {}
    status = branch(tree, "status")
    wanted, ready = number(tree, "spec", "instances"), number(status, "readyInstances")
    primary, target = text(status, "currentPrimary"), text(status, "targetPrimary")
    healthy = bool(primary) and target in {"", primary} and text(status, "phase") in CALM_PHASES and ready > 0
    stated = text(tree, "spec", "postgresql", "parameters", "max_connections")
    limit = int(stated) if stated.isdigit() else stack.ledger.max_connections
    before = text(tree, "metadata", "annotations", GRANTED_ANNOTATION).partition(" ")[0]
    limit = min(limit, int(before)) if before.isdigit() else limit
    in_force = answers.get("maxConnections", float(limit))
    primary_cores, replica_cores = vcpus(stack)
    existing = len(seen.instances) or number(status, "instances")
    return DatabaseFleet(
        desired=max(0, wanted - 1),
        ready=max(0, ready - 1),
        joining=max(0, min(wanted, existing) - ready),
        terminating=max(0, existing - wanted),
        healthy=healthy,
        max_connections=min(limit, int(in_force)),
        direct=MIGRATION,
        primary_vcpu=primary_cores,
        replica_vcpu=replica_cores,
    )
