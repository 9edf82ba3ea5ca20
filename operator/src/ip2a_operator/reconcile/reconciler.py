"""One reconciliation: observe, plan, execute, publish. Everything it knows comes from the store and the
ports."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ip2a_operator.api.v1alpha1 import IP2AStatus
from ip2a_operator.domain import status
from ip2a_operator.domain.actions import Notice
from ip2a_operator.domain.plan import Plan, Surroundings, plan
from ip2a_operator.domain.resource import Resource, own_part, parse, parse_status
from ip2a_operator.domain.teardown import teardown
from ip2a_operator.domain.tree import branch, number, text
from ip2a_operator.errors import InvalidSpecError, NotLeaderError, OperatorError, UnavailableError
from ip2a_operator.reconcile.executor import Executor
from ip2a_operator.reconcile.ports import Clock, Cluster, Fence, Key, Recorder
from ip2a_operator.reconcile.store import Store

log = logging.getLogger(__name__)

ROUNDS: Final = 6
"""Plans in a row within one reconciliation: there are fewer stages than this, so more would be a plan that
never
settles, which the next reconciliation may look at with backoff."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Serves all resources; holds no state of its own."""

    cluster: Cluster
    store: Store
    executor: Executor
    recorder: Recorder
    clock: Clock
    fence: Fence
    surroundings: Surroundings

    async def reconcile(self, key: Key) -> float | None:
        """Bring one resource nearer to what is wanted.

        Returns the seconds after which to look again at the latest, or None for the usual resync. Raises
        UnavailableError and NotLeaderError for the loop to wait out; every other trouble is published as a
        condition,
        and raised if trying again may help.
        """
        raw = self.store.resource(key)
        if raw is None or text(raw, "metadata", "deletionTimestamp"):
            return None
        try:
            resource = parse(raw)
        except InvalidSpecError as error:
            await self._publish_invalid(key, raw, str(error))
            return None
        try:
            return await self._converge(key, resource)
        except (UnavailableError, NotLeaderError):
            raise
        except OperatorError as error:
            failed = status.failure(resource, error.reason, str(error), self.clock.now())
            await self._publish(key, resource, failed)
            raise

    async def tear_down(self, key: Key, raw: Mapping[str, object]) -> bool:
        """One step of what a deletion needs; whether the finalizer may go."""
        try:
            resource = parse(raw)
        except InvalidSpecError:
            return True
        now = self.clock.now()
        step = teardown(resource, self.store.observed(key), now)
        if step.drain:
            await self.executor.drain(resource, step.drain)
            step = teardown(resource, self.store.observed(key), now)
        if step.make is not None:
            await self.executor.create(resource, step.make)
        await self.executor.retain(resource, step.retain)
        notices: tuple[Notice, ...] = step.notices if step.is_done else ()
        if step.waits:
            fresh = status.leaving(resource, step.reason, step.message, failed=step.backup.failed, now=now)
            await self._publish(key, resource, fresh)
            notices = tuple(status.transitions(resource.conditions, fresh.conditions))
        for notice in notices:
            await self.recorder.record(key, resource.uid, notice)
        return step.is_done

    async def _converge(self, key: Key, resource: Resource) -> float | None:
        made = self._plan(key, resource)
        notices = list(made.notices)
        for _ in range(ROUNDS):
            if not made.actions:
                break
            log.info("applying", extra={"actions": [str(action.ref) for action in made.actions]})
            notices += await self.executor.execute(resource, made.actions)
            made = self._plan(key, resource)
        await self._publish(key, resource, made.status)
        for notice in notices:
            await self.recorder.record(key, resource.uid, notice)
        return made.look_again

    def _plan(self, key: Key, resource: Resource) -> Plan:
        return plan(resource, self.store.observed(key), self.surroundings, self.clock.now())

    async def _publish(self, key: Key, resource: Resource, fresh: IP2AStatus) -> None:
        if fresh == resource.status:
            return
        self.fence.check()
        answer = await self.cluster.apply_status(key, _dump(fresh))
        if answer is not None:
            self.store.put_resource(key, answer)

    async def _publish_invalid(self, key: Key, raw: Mapping[str, object], message: str) -> None:
        previous = own_part(parse_status(branch(raw, "status")))
        generation = number(raw, "metadata", "generation")
        fresh = status.invalid(previous, generation, message, self.clock.now())
        if fresh == previous:
            return
        self.fence.check()
        await self.cluster.apply_status(key, _dump(fresh))


def _dump(status: IP2AStatus) -> Mapping[str, object]:
    """As it is written; the autoscaler writes its part itself."""
    return status.model_dump(by_alias=True, mode="json", exclude={"autoscaling"})
