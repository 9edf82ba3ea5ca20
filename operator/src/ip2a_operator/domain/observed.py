"""What was seen of the cluster, frozen: the objects of one resource, and the facts read out of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ip2a_operator.domain.tree import Tree, branch, branches, flag, names, number, text
from ip2a_operator.names import API_VERSION, KIND, RETAINED_ANNOTATION


class Ref(NamedTuple):
    """What names an object within a namespace."""

    api_version: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def ref_of(tree: Tree) -> Ref:
    """The reference of a manifest or a live object."""
    return Ref(text(tree, "apiVersion"), text(tree, "kind"), text(tree, "metadata", "name"))


@dataclass(frozen=True, slots=True)
class Live:
    """One object as the API server has it. Secrets come with digests in place of values."""

    tree: Tree

    @property
    def ref(self) -> Ref:
        """Its reference."""
        return ref_of(self.tree)

    @property
    def uid(self) -> str:
        """Its identity; an object that was made anew has another."""
        return text(self.tree, "metadata", "uid")

    @property
    def deleting(self) -> bool:
        """Whether its deletion has begun."""
        return bool(text(self.tree, "metadata", "deletionTimestamp"))

    @property
    def controller_uid(self) -> str:
        """Identity of the object that controls it."""
        owners = branches(self.tree, "metadata", "ownerReferences")
        return next((text(owner, "uid") for owner in owners if flag(owner, "controller")), "")

    def annotation(self, name: str) -> str:
        """An annotation, or an empty string."""
        return text(self.tree, "metadata", "annotations", name)

    def is_controlled_by(self, uid: str) -> bool:
        """Whether the resource with this identity owns it."""
        return self.controller_uid == uid

    def is_left_by_namesake(self, name: str, uid: str) -> bool:
        """Whether an earlier resource of this name owns it: the garbage collector is about to remove it."""
        return any(
            flag(owner, "controller")
            and (text(owner, "apiVersion"), text(owner, "kind"), text(owner, "name")) == (API_VERSION, KIND, name)
            and text(owner, "uid") != uid
            for owner in branches(self.tree, "metadata", "ownerReferences")
        )

    @property
    def is_adoptable(self) -> bool:
        """Whether it outlived an earlier resource of the same name (deletionPolicy Retain)."""
        return self.controller_uid == "" and self.annotation(RETAINED_ANNOTATION) != ""


@dataclass(frozen=True, slots=True)
class PodProblem:
    """Why a pod does not come up."""

    pod: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """The objects that carry the resource's owner label."""

    objects: Mapping[Ref, Live] = field(default_factory=dict)
    accepted: Mapping[Ref, str] = field(default_factory=dict)
    """Digest of our fields as the API server returned them for our last apply; differs from what we sent
    where
    an admission webhook changes it, which is then not drift."""
    references: Mapping[Ref, str] = field(default_factory=dict)
    """Digest of each Secret and ConfigMap that the spec names; empty where there is none of that name."""

    def get(self, api_version: str, kind: str, name: str) -> Live | None:
        """An object, unless it is missing or on its way out."""
        live = self.objects.get(Ref(api_version, kind, name))
        return None if live is None or live.deleting else live

    def belonging_to(self, uid: str) -> "Observed":
        """Without what others control. Pods stay: their workloads control them."""
        objects = {
            ref: live
            for ref, live in self.objects.items()
            if ref.kind == "Pod" or live.is_controlled_by(uid) or live.is_adoptable
        }
        return Observed(objects, self.accepted, self.references)

    def of_kind(self, kind: str) -> Iterable[Live]:
        """All objects of a kind."""
        return (live for ref, live in self.objects.items() if ref.kind == kind)


@dataclass(frozen=True, slots=True)
class WorkloadFacts:
    """How far a Deployment or StatefulSet is."""

    exists: bool
    wanted: int
    ready: int
    rolled_out: bool
    """Every wanted pod is of the newest template and available, and no older one is left."""
    stuck: bool
    """The progress deadline has passed."""
    short: bool = False
    """Every pod is of the newest template, and fewer of them than wanted are available."""
    replacing: bool = False
    """A pod of an earlier template is still to be replaced."""


def workload(live: Live | None) -> WorkloadFacts:
    """Facts of a Deployment or StatefulSet."""
    if live is None:
        return WorkloadFacts(False, 0, 0, False, False)
    tree = live.tree
    wanted, status = number(tree, "spec", "replicas"), branch(tree, "status")
    seen = number(status, "observedGeneration") >= number(tree, "metadata", "generation")
    available, updated = number(status, "availableReplicas"), number(status, "updatedReplicas")
    conditions = branches(status, "conditions")
    return WorkloadFacts(
        exists=True,
        wanted=wanted,
        ready=number(status, "readyReplicas"),
        rolled_out=seen and updated >= wanted and available >= wanted and number(status, "replicas") <= wanted,
        stuck=any(text(c, "reason") == "ProgressDeadlineExceeded" for c in conditions),
        short=seen and updated >= wanted and available < wanted and number(status, "replicas") <= wanted,
        replacing=not seen or updated < wanted,
    )


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """How the CloudNativePG Cluster is."""

    exists: bool = False
    wanted: int = 0
    ready: int = 0
    primary: str = ""
    phase: str = ""
    reason: str = ""
    roles: frozenset[str] = frozenset()
    """Managed roles that are in the database as they are wanted."""
    backup_failures: Mapping[str, str] = field(default_factory=dict)
    """What CloudNativePG says is not well with the backups (its condition's type), and its message."""

    @property
    def serves(self) -> bool:
        """Whether a primary takes writes."""
        return bool(self.primary) and self.ready > 0

    @property
    def complete(self) -> bool:
        """Whether every wanted instance is ready and nothing is going on."""
        return self.serves and self.ready >= self.wanted and self.phase == "Cluster in healthy state"


_BACKUP_CONDITIONS = frozenset({"ContinuousArchiving", "LastBackupSucceeded"})


def database(live: Live | None) -> DatabaseFacts:
    """Facts of a Cluster."""
    if live is None:
        return DatabaseFacts()
    status = branch(live.tree, "status")
    return DatabaseFacts(
        exists=True,
        wanted=number(live.tree, "spec", "instances"),
        ready=number(status, "readyInstances"),
        primary=text(status, "currentPrimary"),
        phase=text(status, "phase"),
        reason=text(status, "phaseReason"),
        roles=frozenset(names(status, "managedRolesStatus", "byStatus", "reconciled")),
        backup_failures={
            text(one, "type"): text(one, "message")
            for one in branches(status, "conditions")
            if text(one, "type") in _BACKUP_CONDITIONS and text(one, "status") == "False"
        },
    )


@dataclass(frozen=True, slots=True)
class JobFacts:
    """How a Job is."""

    exists: bool = False
    succeeded: bool = False
    failed: bool = False
    failed_at: str = ""
    message: str = ""


def job(live: Live | None) -> JobFacts:
    """Facts of a Job."""
    if live is None:
        return JobFacts()
    conditions = {text(c, "type"): c for c in branches(live.tree, "status", "conditions")}
    done, failure = conditions.get("Complete"), conditions.get("Failed")
    succeeded = done is not None and text(done, "status") == "True"
    failed = failure is not None and text(failure, "status") == "True"
    return JobFacts(
        exists=True,
        succeeded=succeeded,
        failed=failed,
        failed_at=text(failure or {}, "lastTransitionTime"),
        message=text(failure or {}, "message"),
    )


# Reasons with which the kubelet says that a container will not start as it is, and what we call them.
_FATAL = {
    "ImagePullBackOff": "ImagePullBackOff",
    "ErrImagePull": "ImagePullBackOff",
    "InvalidImageName": "ImagePullBackOff",
    "ErrImageNeverPull": "ImagePullBackOff",
    "CrashLoopBackOff": "CrashLoop",
    "RunContainerError": "CrashLoop",
    "CreateContainerConfigError": "ContainerConfigError",
    "CreateContainerError": "ContainerConfigError",
}
_RESTARTS_THAT_COUNT = 3


def pod_problem(pod: Live) -> PodProblem | None:
    """Why this pod's containers do not come up; none if they do or are still starting."""
    statuses = branches(pod.tree, "status", "initContainerStatuses") + branches(pod.tree, "status", "containerStatuses")
    for status in statuses:
        waiting = branch(status, "state", "waiting")
        crashed = branch(status, "state", "terminated") or branch(status, "lastState", "terminated")
        reason = _FATAL.get(text(waiting, "reason"), "")
        restarts = number(status, "restartCount")
        if not reason and restarts >= _RESTARTS_THAT_COUNT and not flag(status, "ready"):
            reason = "CrashLoop"
        if reason:
            said = text(crashed, "message") if reason == "CrashLoop" else text(waiting, "message")
            return PodProblem(text(pod.tree, "metadata", "name"), reason, tail(said or text(waiting, "message")))
    return None


def last_words(pod: Live) -> str:
    """The end of the log of a container that failed, as the kubelet keeps it in the termination message."""
    for status in branches(pod.tree, "status", "containerStatuses"):
        terminated = branch(status, "state", "terminated") or branch(status, "lastState", "terminated")
        if terminated and number(terminated, "exitCode") != 0:
            return tail(text(terminated, "message"))
    return ""


def tail(message: str, lines: int = 5, characters: int = 600) -> str:
    """The last lines of a log, short enough for a condition."""
    return "\n".join(message.strip().splitlines()[-lines:])[-characters:]


def is_ready(pod: Live) -> bool:
    """Whether a pod gets traffic."""
    conditions = branches(pod.tree, "status", "conditions")
    return any(text(c, "type") == "Ready" and text(c, "status") == "True" for c in conditions)
