"""The state of one resource's parts, read out of what was observed, for conditions and gates alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ip2a_operator.domain.builders.metadata import Component, digest
from ip2a_operator.domain.observed import (
    DatabaseFacts,
    JobFacts,
    Live,
    Observed,
    PodProblem,
    WorkloadFacts,
    database,
    is_ready,
    job,
    last_words,
    pod_problem,
    workload,
)
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import branch, number, strings, text
from ip2a_operator.names import COMPONENT_LABEL, JOB_LABEL, POOLER_LABEL

CNPG: Final = "postgresql.cnpg.io/v1"
CLUSTER_LABEL: Final = "cnpg.io/cluster"
"""On instances, on the pods that make them, and on those of poolers."""
DIGESTS: Final = "digests"
"""Where an observed Secret has the digests of its values."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One resource's parts."""

    database: DatabaseFacts
    poolers: Mapping[str, bool]
    """Pooler → whether it serves with all its pods."""
    cache: WorkloadFacts
    app: WorkloadFacts
    worker: WorkloadFacts
    migration: JobFacts
    migration_problem: PodProblem | None
    pod_problems: tuple[PodProblem, ...]
    """Why pods of parts that are not whole do not come up, of the database first: others need it."""
    has_served: bool
    """Whether some image has been migrated or rolled out before: gates for the first start no longer matter.
    """


def facts(stack: Stack, observed: Observed) -> Facts:
    """Read the facts."""
    pods = tuple(observed.of_kind("Pod"))
    migration = job(observed.get("batch/v1", "Job", stack.migration))
    deployment = workload(observed.get("apps/v1", "Deployment", stack.app))
    worker = workload(observed.get("apps/v1", "Deployment", stack.worker))
    cluster = database(observed.get(CNPG, "Cluster", stack.database))
    cache = workload(observed.get("apps/v1", "StatefulSet", stack.redis))
    poolers = _poolers(stack, observed, pods)
    jobs = (job(live) for live in observed.of_kind("Job") if _component(live) == Component.MIGRATION)
    return Facts(
        database=cluster,
        poolers=poolers,
        cache=cache,
        app=deployment,
        worker=worker,
        migration=migration,
        migration_problem=None if migration.succeeded else _migration_problem(stack, pods, migration),
        pod_problems=(
            *([] if cluster.ready >= cluster.wanted else _problems(pods, CLUSTER_LABEL, stack.database)),
            *(one for name, serves in poolers.items() if not serves for one in _problems(pods, POOLER_LABEL, name)),
            *([] if cache.rolled_out else _problems(pods, COMPONENT_LABEL, Component.CACHE)),
            *([] if deployment.rolled_out else _problems(pods, COMPONENT_LABEL, Component.APP)),
            *([] if worker.rolled_out else _problems(pods, COMPONENT_LABEL, Component.WORKER)),
        ),
        has_served=deployment.exists or any(done.succeeded for done in jobs),
    )


def secret_digests(observed: Observed) -> dict[str, str]:
    """Secret → digest of all its values."""
    return {
        live.ref.name: digest(strings(live.tree, DIGESTS)) for live in observed.of_kind("Secret") if not live.deleting
    }


def _poolers(stack: Stack, observed: Observed, pods: tuple[Live, ...]) -> dict[str, bool]:
    wanted = {} if stack.resource.spec.database.external else {stack.write_pool: stack.sizes.write.pods}
    if stack.sizes.read is not None:
        wanted[stack.read_pool] = stack.sizes.read.pods
    return {name: _pooler_serves(observed, pods, name, count) for name, count in wanted.items()}


def _pooler_serves(observed: Observed, pods: tuple[Live, ...], name: str, count: int) -> bool:
    """CloudNativePG calls a Pooler active once it has made a Deployment; whether that has pods only pods
    tell."""
    live = observed.get(CNPG, "Pooler", name)
    if live is None or text(live.tree, "status", "phase") != "active":
        return False
    own = [pod for pod in pods if text(pod.tree, "metadata", "labels", POOLER_LABEL) == name]
    if not own:
        return number(live.tree, "status", "instances") >= 1
    return sum(is_ready(pod) and not pod.deleting for pod in own) >= count


def _component(live: Live) -> str:
    return text(live.tree, "metadata", "labels", COMPONENT_LABEL)


def _problems(pods: tuple[Live, ...], label: str, value: str) -> list[PodProblem]:
    """Of the pods with this label, but of no scheduled job: those carry the worker's labels and concern nobody else."""
    found = []
    for pod in pods:
        labels = strings(pod.tree, "metadata", "labels")
        serves = JOB_LABEL not in labels or label == CLUSTER_LABEL
        if labels.get(label) == value and serves and not pod.deleting and (problem := pod_problem(pod)):
            found.append(problem)
    return found


def _migration_problem(stack: Stack, pods: tuple[Live, ...], migration: JobFacts) -> PodProblem | None:
    """Why this image's migration does not succeed, with the last lines of the log where there is one."""
    own = [pod for pod in pods if text(pod.tree, "metadata", "labels", JOB_LABEL) == stack.migration]
    for pod in own:
        if problem := pod_problem(pod):
            return problem
    failed = [pod for pod in own if text(pod.tree, "status", "phase") == "Failed"]
    if not failed and not migration.failed:
        return None
    latest = max(failed, key=lambda pod: text(branch(pod.tree, "status"), "startTime"), default=None)
    said = (last_words(latest) if latest else "") or migration.message or "the migration command failed"
    return PodProblem(latest.ref.name if latest else stack.migration, "MigrationFailed", said)
