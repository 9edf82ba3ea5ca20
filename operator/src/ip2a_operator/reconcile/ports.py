"""What a reconciliation needs of the outside world, as Protocols; adapters/ has what fulfils them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ip2a_operator.domain.actions import Notice
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.tree import Manifest, Tree


@dataclass(frozen=True, slots=True)
class Key:
    """What names a resource."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class FieldConflictError(Exception):
    """Other managers have changed fields of ours; the message of the API server names both."""


class Cluster(Protocol):
    """The API server. Every method may raise UnavailableError, or RejectedError when it refuses."""

    async def get(self, namespace: str, ref: Ref) -> Tree | None:
        """The object, or None."""

    async def apply(self, namespace: str, manifest: Manifest, *, force: bool, manager: str = ...) -> Tree:
        """Server-side apply. Raises FieldConflictError when others own fields and `force` is false."""

    async def create(self, namespace: str, manifest: Manifest) -> Tree | None:
        """Create; None when an object of that name exists."""

    async def merge(self, namespace: str, ref: Ref, patch: Mapping[str, object]) -> Tree | None:
        """JSON merge patch; None when there is no such object."""

    async def delete(self, namespace: str, ref: Ref, uid: str) -> None:
        """Delete in the background, if the object still has this identity."""

    async def apply_status(self, key: Key, status: Mapping[str, object]) -> Tree | None:
        """Write the status of a resource; None when it is gone."""


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
