"""The last backup of a database whose resource is going (`database.backup.final`).

Nothing is remembered: the Backups that were made carry the resource's identity in their names, so an operator that
starts in the middle goes on where another stopped. A Backup has no owner: it outlives the resource, and a new one can
be restored from it. When none succeeds in time, the database is kept rather than deleted without one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from ip2a_operator.domain.builders.database import API
from ip2a_operator.domain.builders.metadata import Component
from ip2a_operator.domain.observed import Live, Observed, Ref, database
from ip2a_operator.domain.resource import Resource
from ip2a_operator.domain.tree import Manifest, text
from ip2a_operator.names import (
    APP_NAME,
    COMPONENT_LABEL,
    FIELD_MANAGER,
    INSTANCE_LABEL,
    MANAGED_BY_LABEL,
    NAME_LABEL,
    OWNER_LABEL,
    RETAINED_ANNOTATION,
)

SECONDS: Final = 480.0
"""From the first attempt until it is given up."""
RETRY_SECONDS: Final = 60.0
"""From one attempt to the next."""
_ENDED_BADLY: Final = frozenset({"failed", "invalid backup definition"})

State = Literal["NotWanted", "Waiting", "Running", "Done", "GivenUp"]


@dataclass(frozen=True, slots=True)
class FinalBackup:
    """How far it is. `make`: a Backup to create now."""

    state: State
    message: str = ""
    make: Manifest | None = None
    failed: bool = False
    """Whether an attempt has failed."""


def final_backup(resource: Resource, observed: Observed, now: datetime) -> FinalBackup:
    """The next step; `Waiting` and `Running` hold the deletion back."""
    wanted = resource.spec.database.backup
    live = observed.get(API, "Cluster", f"{resource.name}-db")
    if wanted is None or not wanted.final or live is None or not _is_its(live, resource):
        return FinalBackup("NotWanted")
    attempts = _attempts(resource, observed)
    latest = attempts[-1] if attempts else None
    phase = text(latest.tree, "status", "phase") if latest else ""
    if latest is not None and phase == "completed":
        return FinalBackup("Done", f"Backup {resource.namespace}/{latest.ref.name} in {wanted.destination}")
    began = _made(attempts[0]) if attempts else resource.deleted_at or now
    failed = phase in _ENDED_BADLY
    reason = _reason(latest, failed=failed)
    late = now - began >= timedelta(seconds=SECONDS)
    if latest is not None and (not failed or now - _made(latest) < timedelta(seconds=RETRY_SECONDS)):
        return FinalBackup("GivenUp" if late else "Running", reason, failed=failed)
    serves = database(live).serves
    if late and (latest is not None or not serves):
        return FinalBackup("GivenUp", reason if latest else "the database has no primary", failed=True)
    if not serves:
        return FinalBackup("Waiting", "the database has no primary to back up", failed=failed)
    return FinalBackup("Running", reason, _backup(resource, len(attempts)), failed=failed)


def _is_its(live: Live, resource: Resource) -> bool:
    """Also once it has been let go: what became of the backup is asked again until the finalizer is gone."""
    return live.is_controlled_by(resource.uid) or live.annotation(RETAINED_ANNOTATION) == resource.uid


def _attempts(resource: Resource, observed: Observed) -> list[Live]:
    """Backups of exactly this resource, in the order in which they were made."""
    refs = (Ref(API, "Backup", _name(resource, number)) for number in range(len(observed.objects)))
    found = []
    for ref in refs:
        if (live := observed.objects.get(ref)) is None:
            break
        found.append(live)
    return found


def _name(resource: Resource, number: int) -> str:
    return f"{resource.name}-db-final-{resource.uid[:8]}-{number}"


def _made(live: Live) -> datetime:
    return datetime.fromisoformat(text(live.tree, "metadata", "creationTimestamp"))


def _reason(latest: Live | None, *, failed: bool) -> str:
    if latest is None:
        return "a last backup is about to be taken"
    if failed:
        return f"Backup {latest.ref.name} failed: {text(latest.tree, 'status', 'error') or 'no reason given'}"
    return f"Backup {latest.ref.name} is {text(latest.tree, 'status', 'phase') or 'waiting for CloudNativePG'}"


def _backup(resource: Resource, number: int) -> Manifest:
    labels = {
        NAME_LABEL: APP_NAME,
        INSTANCE_LABEL: resource.name,
        COMPONENT_LABEL: Component.DATABASE.value,
        MANAGED_BY_LABEL: FIELD_MANAGER,
        OWNER_LABEL: resource.name,
    }
    return {
        "apiVersion": API,
        "kind": "Backup",
        "metadata": {"name": _name(resource, number), "namespace": resource.namespace, "labels": labels},
        # From the primary, which has every commit.
        "spec": {"cluster": {"name": f"{resource.name}-db"}, "method": "barmanObjectStore", "target": "primary"},
    }
