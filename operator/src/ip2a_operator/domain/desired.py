"""Every object of a resource, in the order in which it may come into being."""

from dataclasses import dataclass
from enum import IntEnum

from ip2a_operator.domain.builders import app, database, jobs, monitors, network, redis
from ip2a_operator.domain.observed import Ref, ref_of
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest


class Stage(IntEnum):
    """What has to be there before. A stage opens when the one it needs is ready (plan.py)."""

    FOUNDATION = 0
    DATABASE = 1
    POOLING = 2
    MIGRATION = 3
    SERVING = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """A manifest and the stage it belongs to."""

    stage: Stage
    manifest: Manifest

    @property
    def ref(self) -> Ref:
        """The object."""
        return ref_of(self.manifest)


def desired(stack: Stack, migration_attempt: int = 0) -> tuple[Wanted, ...]:
    """All objects but the generated Secrets."""
    foundation = [
        app.service_account(stack),
        app.service(stack),
        *app.disruption_budgets(stack),
        *database.disruption_budgets(stack),
        app.ingress(stack),
        app.http_route(stack),
        *redis.services(stack),
        *network.policies(stack),
        *monitors.monitors(stack),
    ]
    stages: list[tuple[Stage, list[Manifest | None]]] = [
        (Stage.FOUNDATION, foundation),
        (
            Stage.DATABASE,
            [database.cluster(stack), database.scheduled_backup(stack), redis.stateful_set(stack)],
        ),
        (Stage.POOLING, [*database.poolers(stack)]),
        (Stage.MIGRATION, [jobs.migration(stack, migration_attempt)]),
        (Stage.SERVING, [app.deployment(stack), jobs.worker(stack), *jobs.scheduled(stack)]),
    ]
    return tuple(
        Wanted(stage, manifest) for stage, manifests in stages for manifest in manifests if manifest is not None
    )
