"""What a reconciliation needs of the outside world, as Protocols; adapters/ has what fulfils them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ip2a_operator.domain.actions import Notice
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.scaling.readings import Sample
from ip2a_operator.domain.tree import Manifest, Tree
from ip2a_operator.errors import RejectedError


@dataclass(frozen=True, slots=True)
class Key:
    """What names a resource."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class FieldConflictError(Exception):
    """Other managers have changed fields of ours; the message of the API server names both."""

    def is_only_with(self, manager: str) -> bool:
        """Whether no other manager than this one is in the way."""
        named = re.findall(r'conflict with "([^"]*)"', str(self))
        return bool(named) and set(named) == {manager}


class OutdatedError(RejectedError):
    """The object has changed since it was seen; look again."""


class Cluster(Protocol):
    """The API server. Every method may raise UnavailableError, or RejectedError when it refuses."""

    async def get(self, namespace: str, ref: Ref) -> Tree | None:
        """The object, or None."""

    async def apply(self, namespace: str, manifest: Manifest, *, force: bool, manager: str = ...) -> Tree:
        """Server-side apply. Raises FieldConflictError when others own fields and `force` is false, OutdatedError when
        the manifest names a version that is no longer the present one."""

    async def create(self, namespace: str, manifest: Manifest) -> Tree | None:
        """Create; None when an object of that name exists."""

    async def merge(self, namespace: str, ref: Ref, patch: Mapping[str, object]) -> Tree | None:
        """JSON merge patch; None when there is no such object."""

    async def delete(self, namespace: str, ref: Ref, uid: str) -> None:
        """Delete in the background, if the object still has this identity."""

    async def apply_status(self, key: Key, status: Mapping[str, object], *, manager: str = ...) -> Tree | None:
        """Write a manager's part of the status of a resource; None when it is gone."""


class Names(Protocol):
    """Names that others may have taken."""

    def is_free(self, namespace: str, ref: Ref) -> bool:
        """Whether surely no object without our label has this name; False also when that is not known."""


class Versions(Protocol):
    """Versions of the Secrets and ConfigMaps that people make."""

    def version(self, namespace: str, ref: Ref) -> str | None:
        """What differs when the object differs; empty when there is none, None when that is not known now."""


class Recorder(Protocol):
    """Events about a resource."""

    async def record(self, key: Key, uid: str, notice: Notice) -> None:
        """Publish; failures are logged, never raised: an event is not worth failing for."""


class Fence(Protocol):
    """Whether this process may write."""

    def check(self) -> None:
        """Raises NotLeaderError when the Lease may be somebody else's by now."""


class Clock(Protocol):
    """Time of day, for what is written down."""

    def now(self) -> datetime:
        """Now, with a time zone."""


class Entropy(Protocol):
    """Random secrets."""

    def token(self) -> str:
        """43 characters of A-Z a-z 0-9 - _, from 32 random bytes."""


class Metrics(Protocol):
    """Prometheus servers."""

    async def query(self, url: str, text: str) -> tuple[Sample, ...]:
        """An instant query's vector. Raises UnavailableError within seconds."""

    async def history(
        self, url: str, text: str, start: float, end: float, step: int
    ) -> Mapping[tuple[str, str], Sequence[tuple[float, float]]]:
        """A range query: (time, value) by namespace and resource. Raises UnavailableError."""


class Neighbours(Protocol):
    """What the API server knows beside our own objects."""

    async def list_scalers(self, namespace: str) -> tuple[tuple[str, Tree], ...]:
        """(kind, object) of every other scaler of a namespace, or of all when it is empty."""

    async def list_pod_usage(self, namespace: str) -> tuple[Tree, ...]:
        """PodMetrics of our pods, likewise."""


class Journal(Protocol):
    """Where decisions are written down, one JSON line each."""

    everything: bool
    """Every decision, or only those that differ from the one before."""

    def write(self, line: str) -> None:
        """One line, without its end."""


class ScalingMeter(Protocol):
    """Counts what the autoscaler does."""

    def ticked(self, seconds: float, resources: int) -> None:
        """One tick over so many resources."""

    def decided(self, key: Key, decision: Decision, seconds: float) -> None:
        """One decision, and how long it took."""

    def wrote(self, actuator: str, *, up: bool) -> None:
        """One change was applied."""

    def failed(self, what: str) -> None:
        """Something that a tick needs was not to be had: `prometheus`, `metrics-api`, `rivals`, `api`."""

    def forget(self, key: Key) -> None:
        """A resource is gone or no longer scaled."""
