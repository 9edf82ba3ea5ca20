"""What happens before a resource goes: its pods finish what they do; then a last backup if one is wanted; then the
database is let go by Retain, and nothing where everything may go with the resource.

The pods come first because what they still commit belongs into the backup, and because the garbage collector takes
pods, poolers and database away in any order, which a request under way would notice.

The garbage collector removes what is owned. So keeping the database means taking the owner reference away from it
and from the Secrets with its logins, before the finalizer is removed.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ip2a_operator.domain.actions import Notice, NoticeKind
from ip2a_operator.domain.builders.metadata import Component
from ip2a_operator.domain.final_backup import SECONDS as FINAL_SECONDS
from ip2a_operator.domain.final_backup import FinalBackup, final_backup
from ip2a_operator.domain.observed import Live, Observed, Ref
from ip2a_operator.domain.resource import Resource
from ip2a_operator.domain.tree import Manifest, number, strings, text
from ip2a_operator.names import COMPONENT_LABEL, JOB_LABEL

CNPG: Final = "postgresql.cnpg.io/v1"
DRAIN_SECONDS: Final = 90.0
"""From the deletion until pods that do not end are no longer waited for; they have 40 s to finish."""
LOGINS: Final = ("owner", "app", "app-b", "worker", "worker-b", "audit")
"""Secrets with logins of the database, after its name."""


@dataclass(frozen=True, slots=True)
class Retain:
    """Take the owner reference off an object and mark it as having outlived its resource."""

    ref: Ref
    uid: str


@dataclass(frozen=True, slots=True)
class Drain:
    """Let a Deployment have no pods any more."""

    ref: Ref
    uid: str


@dataclass(frozen=True, slots=True)
class Teardown:
    """What to do next, and what to tell people."""

    retain: tuple[Retain, ...]
    message: str
    backup: FinalBackup = field(default_factory=lambda: FinalBackup("NotWanted"))
    drain: tuple[Drain, ...] = ()
    drains: bool = False
    """Whether pods are still to end."""

    @property
    def waits(self) -> bool:
        """Whether pods or the last backup hold the deletion back."""
        return self.drains or self.backup.state in {"Waiting", "Running"}

    @property
    def reason(self) -> str:
        """What is waited for, as a word for conditions."""
        return "Draining" if self.drains else "FinalBackup"

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
    """The next step; done when nothing is left to end, to back up or to let go."""
    if (draining := _drain(resource, observed, now)) is not None:
        return draining
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


def _drain(resource: Resource, observed: Observed, now: datetime) -> Teardown | None:
    """Nothing when no pod of the app or the worker is left, or when that has been waited for long enough."""
    names = (f"{resource.name}-app", f"{resource.name}-worker")
    owned = [
        live for name in names if (live := observed.get("apps/v1", "Deployment", name)) and _is_owned(live, resource)
    ]
    running = [Drain(live.ref, live.uid) for live in owned if number(live.tree, "spec", "replicas") > 0]
    left = sorted(live.ref.name for live in observed.of_kind("Pod") if _serves(live))
    late = resource.deleted_at is not None and now - resource.deleted_at >= timedelta(seconds=DRAIN_SECONDS)
    if not running and (not left or late):
        return None
    what = f"waiting for pods to finish: {', '.join(left)}" if left else "ending the pods of app and worker"
    return Teardown((), what, drain=tuple(running), drains=True)


def _serves(pod: Live) -> bool:
    """Whether it is a pod of the app or of the worker; those of scheduled jobs carry the worker's labels too."""
    labels = strings(pod.tree, "metadata", "labels")
    finished = text(pod.tree, "status", "phase") in {"Succeeded", "Failed"}
    serves = labels.get(COMPONENT_LABEL) in {Component.APP.value, Component.WORKER.value}
    return serves and JOB_LABEL not in labels and not finished


def _is_owned(live: Live, resource: Resource) -> bool:
    return live.is_controlled_by(resource.uid) and not live.deleting
