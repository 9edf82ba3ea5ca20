"""What is owned and no longer wanted. Never anything that another object controls, never a database."""

from typing import Final

from ip2a_operator.domain.actions import Delete
from ip2a_operator.domain.builders.metadata import Component
from ip2a_operator.domain.observed import Live, Observed, Ref, job
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import text
from ip2a_operator.names import COMPONENT_LABEL

KEPT_KINDS: Final = frozenset({"Pod", "Cluster"})
"""Pods are their workloads' affair; a database only ever goes with its resource."""
KEPT_MIGRATIONS: Final = 5
"""Finished migrations of earlier images, kept so that going back to one does not run it again."""


def prune(stack: Stack, observed: Observed, wanted: set[Ref]) -> list[Delete]:
    """Deletions, in a fixed order."""
    history = _migration_history(stack, observed)
    return [
        Delete(ref, live.uid, "no longer wanted")
        for ref, live in sorted(observed.objects.items())
        if ref not in wanted
        and ref not in history
        and ref.kind not in KEPT_KINDS
        and not live.deleting
        and live.is_controlled_by(stack.resource.uid)
    ]


def _migration_history(stack: Stack, observed: Observed) -> set[Ref]:
    def made(live: Live) -> str:
        return text(live.tree, "metadata", "creationTimestamp")

    done = [
        live
        for live in observed.of_kind("Job")
        if text(live.tree, "metadata", "labels", COMPONENT_LABEL) == Component.MIGRATION
        and live.ref.name != stack.migration
        and job(live).succeeded
    ]
    return {live.ref for live in sorted(done, key=made, reverse=True)[:KEPT_MIGRATIONS]}
