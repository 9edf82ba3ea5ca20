"""What happens before a resource goes: a last backup if one is wanted; then the database is let go by Retain, and
nothing where everything may go with the resource.

The garbage collector removes what is owned. So keeping the database means taking the owner reference away from it
and from the Secrets with its logins, before the finalizer is removed.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ip2a_operator.domain.actions import Notice, NoticeKind
from ip2a_operator.domain.final_backup import SECONDS as FINAL_SECONDS
from ip2a_operator.domain.final_backup import FinalBackup, final_backup
from ip2a_operator.domain.observed import Live, Observed, Ref
from ip2a_operator.domain.resource import Resource
from ip2a_operator.domain.tree import Manifest

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
    """What to do next, and what to tell people."""

    retain: tuple[Retain, ...]
    message: str
    backup: FinalBackup = field(default_factory=lambda: FinalBackup("NotWanted"))

    @property
    def waits(self) -> bool:
        """Whether the last backup holds the deletion back."""
        return self.backup.state in {"Waiting", "Running"}

    @property
    def make(self) -> Manifest | None:
        """A Backup to create."""
        return self.backup.make

    @property
    def is_done(self) -> bool:
        """Whether the finalizer may go."""
        return not self.retain and not self.waits

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Events of an end."""
        told = [Notice(NoticeKind.NORMAL, "Deleted", self.message)]
        if self.backup.state == "Done":
            told.insert(0, Notice(NoticeKind.NORMAL, "FinalBackupTaken", self.backup.message))
        if self.backup.state == "GivenUp":
            late = f"not within {FINAL_SECONDS / 60:g} minutes: {self.backup.message}"
            told.insert(0, Notice(NoticeKind.WARNING, "FinalBackupFailed", late))
        return tuple(told)


def teardown(resource: Resource, observed: Observed, now: datetime) -> Teardown:
    """The next step; done when nothing is left to back up or to let go."""
    backup = final_backup(resource, observed, now)
    if backup.state in {"Waiting", "Running"}:
        return Teardown((), backup.message, backup)
    given_up = backup.state == "GivenUp"
    if resource.spec.database.external is not None or (resource.spec.deletion_policy == "Delete" and not given_up):
        return Teardown((), "everything that was made for the resource is deleted with it", backup)
    database = f"{resource.name}-db"
    kept = (
        Ref(CNPG, "Cluster", database),
        Ref(CNPG, "ScheduledBackup", database),
        *(Ref("v1", "Secret", f"{database}-{login}") for login in LOGINS),
    )
    owned = [live for ref in kept if (live := observed.objects.get(ref)) and _is_owned(live, resource)]
    why = ", because its last backup failed" if given_up and resource.spec.deletion_policy == "Delete" else ""
    return Teardown(
        tuple(Retain(live.ref, live.uid) for live in owned),
        f"the database was kept{why}: Cluster {resource.namespace}/{database}, logins in Secrets {database}-owner "
        f"and {database}-app; an IP2A of the same name takes it over",
        backup,
    )


def _is_owned(live: Live, resource: Resource) -> bool:
    return live.is_controlled_by(resource.uid) and not live.deleting
