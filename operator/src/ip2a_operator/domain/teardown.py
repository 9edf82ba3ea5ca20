"""What happens before a resource goes: nothing where everything may go with it; the database is let go by
Retain.

The garbage collector removes what is owned. So keeping the database means taking the owner reference away
from it
and from the Secrets with its logins, before the finalizer is removed.
"""

from dataclasses import dataclass
from typing import Final

from ip2a_operator.domain.observed import Live, Observed, Ref
from ip2a_operator.domain.resource import Resource

CNPG: Final = "postgresql.cnpg.io/v1"
LOGINS: Final = ("owner", "app", "app-b", "worker", "worker-b", "audit")
"""Secrets with logins of the database, after its name."""


@dataclass(frozen=True, slots=True)
class Retain:
    """Take the owner reference off an object and mark it as having outlived its resource."""

    ref: Ref
    uid: str


@dataclass(frozen=True, slots=True)
class Teardown:
    """What to let go, and what to tell people."""

    retain: tuple[Retain, ...]
    message: str

    @property
    def is_done(self) -> bool:
        """Whether the finalizer may go."""
        return not self.retain


def teardown(resource: Resource, observed: Observed) -> Teardown:
    """The next step; done when nothing is left to let go."""
    if resource.spec.deletion_policy == "Delete" or resource.spec.database.external is not None:
        return Teardown((), "everything that was made for the resource is deleted with it")
    database = f"{resource.name}-db"
    kept = (
        Ref(CNPG, "Cluster", database),
        Ref(CNPG, "ScheduledBackup", database),
        *(Ref("v1", "Secret", f"{database}-{login}") for login in LOGINS),
    )
    owned = [live for ref in kept if (live := observed.objects.get(ref)) and _is_owned(live, resource)]
    return Teardown(
        tuple(Retain(live.ref, live.uid) for live in owned),
        f"the database was kept: Cluster {resource.namespace}/{database}, logins in Secrets {database}-owner "
        f"and {database}-app; an IP2A of the same name takes it over",
    )


def _is_owned(live: Live, resource: Resource) -> bool:
    return live.is_controlled_by(resource.uid) and not live.deleting
