"""Leader election with a coordination.k8s.io Lease, and the fence that keeps a former leader from writing.

As client-go does it: whoever holds the Lease renews it; the others take it over once it has not been renewed
for
its duration *by their own clock*, so that clocks need not agree. The holder stops writing earlier than
anybody can
take over: the renew deadline is shorter than the duration.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from ip2a_operator.domain.tree import Manifest, Tree, branch, number, text
from ip2a_operator.errors import NotLeaderError, OperatorError

log = logging.getLogger(__name__)

DURATION_SECONDS: Final = 15
RENEW_DEADLINE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 2.0


class LeaseApi(Protocol):
    """Where Leases are."""

    async def read_lease(self, namespace: str, name: str) -> Tree | None:
        """A Lease, or None."""

    async def write_lease(self, namespace: str, lease: Manifest) -> Tree | None:
        """Create or replace; None when another was faster."""


@dataclass(slots=True)
class _Sighting:
    """A state of the Lease, and when it was first seen by the local monotonic clock."""

    holder: str
    renewed: str
    at: float


class Lease:
    """One process's part in the election."""

    def __init__(
        self,
        api: LeaseApi,
        namespace: str,
        name: str,
        identity: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._monotonic = monotonic
        self._seen: _Sighting | None = None
        self._renewed_at: float | None = None

    @property
    def is_leader(self) -> bool:
        """Whether writing is safe now."""
        at = self._renewed_at
        return at is not None and self._monotonic() - at < RENEW_DEADLINE_SECONDS

    def check(self) -> None:
        """The Fence port."""
        if not self.is_leader:
            raise NotLeaderError(f"{self._identity} does not hold the Lease {self._namespace}/{self._name}")

    async def acquire(self) -> bool:
        """Wait until this process leads; True."""
        while not await self._attempt():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(RETRY_SECONDS)
        log.info("leading as %s", self._identity)
        return True

    async def keep(self) -> None:
        """Renew until it fails for the renew deadline; then return, and nothing may be written any more."""
        while self.is_leader:
            await asyncio.sleep(RETRY_SECONDS)
            await self._attempt()
        log.error("the Lease %s/%s is lost", self._namespace, self._name)

    async def release(self) -> None:
        """Let the next one take over at once."""
        if not self.is_leader:
            return
        self._renewed_at = None
        try:
            lease = await self._api.read_lease(self._namespace, self._name)
            if lease is not None and text(lease, "spec", "holderIdentity") == self._identity:
                await self._api.write_lease(self._namespace, self._written(lease, holder="", duration=1))
        except OperatorError as error:
            log.warning("the Lease was not released, it runs out by itself: %s", error)

    async def _attempt(self) -> bool:
        """Take or renew the Lease once; whether this process holds it now."""
        began = self._monotonic()
        try:
            async with asyncio.timeout(RENEW_DEADLINE_SECONDS / 2):
                lease = await self._api.read_lease(self._namespace, self._name)
                if lease is not None and not self._may_take(lease):
                    self._renewed_at = None
                    return False
                written = self._written(lease, holder=self._identity, duration=DURATION_SECONDS)
                if await self._api.write_lease(self._namespace, written) is None:
                    return False
        except (OperatorError, TimeoutError) as error:
            log.warning("the Lease could not be renewed: %s", error or type(error).__name__)
            return False
        self._renewed_at = began
        return True

    def _may_take(self, lease: Tree) -> bool:
        holder, renewed = text(lease, "spec", "holderIdentity"), text(lease, "spec", "renewTime")
        if holder in {"", self._identity}:
            return True
        now = self._monotonic()
        if self._seen is None or (self._seen.holder, self._seen.renewed) != (holder, renewed):
            self._seen = _Sighting(holder, renewed, now)
        return now - self._seen.at > (number(lease, "spec", "leaseDurationSeconds") or DURATION_SECONDS)

    def _written(self, lease: Tree | None, *, holder: str, duration: int) -> Manifest:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(branch(lease or {}, "spec"))
        changed = spec.get("holderIdentity") != holder
        spec.update(holderIdentity=holder, leaseDurationSeconds=duration, renewTime=now)
        if changed and holder:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = number(lease or {}, "spec", "leaseTransitions") + (lease is not None)
        metadata: dict[str, object] = {"name": self._name, "namespace": self._namespace}
        if lease is not None:
            metadata["resourceVersion"] = text(lease, "metadata", "resourceVersion")
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec,
        }
