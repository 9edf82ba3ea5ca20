"""Carries out a decision: takes fields over, writes what changed, gives fields back.

Every write is a server-side apply as `ip2a-autoscaler` on exactly the version that the decision was made on; a newer
one puts the write off to the next tick. An apply always names all fields that are ours on that object: what it leaves
out would be given up.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ip2a_operator.domain.actions import Notice, NoticeKind
from ip2a_operator.domain.autoscaling.decision import ActuatorDecision, Decision
from ip2a_operator.domain.autoscaling.spec import Actuator
from ip2a_operator.domain.handover import (
    ANNOTATION,
    INSTANCES,
    POOL_BEFORE_ANNOTATION,
    POOL_LIMIT,
    POOL_SIZE,
    REPLICAS,
    Path,
    Record,
    claim,
    is_scalers,
    may_release,
    mode_of,
    record_of,
    value_at,
)
from ip2a_operator.domain.observed import Live
from ip2a_operator.domain.scaling.fleet import Seen, pool_size
from ip2a_operator.domain.tree import text
from ip2a_operator.names import AUTOSCALER_MANAGER, FIELD_MANAGER
from ip2a_operator.reconcile.ports import Cluster, Fence, FieldConflictError, OutdatedError
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.subjects import Subject, Target

log = logging.getLogger(__name__)

FIELD: Final[Mapping[Actuator, Path]] = {
    Actuator.APP: REPLICAS,
    Actuator.POOL_RW: POOL_SIZE,
    Actuator.POOL_RO: POOL_SIZE,
    Actuator.POOLERS_RW: INSTANCES,
    Actuator.POOLERS_RO: INSTANCES,
    Actuator.REPLICAS: INSTANCES,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a write took place, and what to tell about it."""

    done: bool
    notices: tuple[Notice, ...] = ()


NOT_NOW: Final = Outcome(False)


@dataclass(frozen=True, slots=True)
class Actuation:
    """Writes for one resource at a time; raises what the Cluster port raises, but OutdatedError."""

    cluster: Cluster
    store: Store
    fence: Fence

    async def settle(self, subject: Subject, seen: Seen, *, may_take: bool) -> None:
        """Take over the fields of actuators in mode Auto if `may_take`, give back those that no longer are."""
        for target in subject.targets:
            live = live_of(seen, target)
            if live is None:
                continue
            record, mode = record_of(live.tree), mode_of(subject.resource.spec, target.ref.kind)
            if mode == "Auto":
                if may_take and (record is None or not record.auto or record.stated != target.stated):
                    await self._take(subject, live, target)
            elif record is not None and record.auto:
                await self._release(subject, live, target, keep=mode == "Recommend")
            elif record is not None and (mode == "Off" or record.stated != target.stated):
                await self._apply(subject, claim(live, {}, {}))  # the spec rules again: forget what was held

    def is_unsettled(self, subject: Subject, seen: Seen) -> bool:
        """Whether `settle` has something to do."""
        for target in subject.targets:
            live = live_of(seen, target)
            record = None if live is None else record_of(live.tree)
            mode = mode_of(subject.resource.spec, target.ref.kind)
            ours = record is not None and record.auto
            if live is not None and (mode == "Auto") != ours:
                return True
            if record is not None and (record.stated != target.stated or (mode == "Off" and not record.auto)):
                return True
        return False

    async def write(self, subject: Subject, seen: Seen, each: ActuatorDecision, decision: Decision) -> "Outcome":
        """One change. Nothing while the fields are not ours yet: they will be by the next tick."""
        live = object_of(seen, each.actuator)
        record = None if live is None else record_of(live.tree)
        target = next((item for item in subject.targets if live is not None and item.ref == live.ref), None)
        if live is None or target is None or record is None or not record.auto:
            return NOT_NOW
        values = {path: value_at(live.tree, path) for path in target.paths}
        annotations = _annotations(live)
        if each.actuator is Actuator.REPLICAS:
            values[INSTANCES] = each.applied + 1  # the primary is one of them, and never counted
        elif FIELD[each.actuator] == POOL_SIZE:
            before = pool_size(live)
            limit = text(live.tree, *POOL_LIMIT)
            room = int(limit) - before if limit.isdigit() else 0
            values |= {POOL_SIZE: str(each.applied), POOL_LIMIT: str(each.applied + room)}
            annotations[POOL_BEFORE_ANNOTATION] = f"{before} {_stamp(decision.at)}"
        else:
            values[FIELD[each.actuator]] = each.applied
        return await self._apply(subject, claim(live, values, annotations))

    async def _take(self, subject: Subject, live: Live, target: Target) -> None:
        values = {path: value_at(live.tree, path) for path in target.paths}
        annotations = {**_annotations(live), ANNOTATION: str(Record(True, target.stated))}
        log.info("taking over %s: %s", live.ref, ", ".join(f"{path[-1]}={value}" for path, value in values.items()))
        await self._apply(subject, claim(live, values, annotations))

    async def _release(self, subject: Subject, live: Live, target: Target, *, keep: bool) -> None:
        """Let go once the operator's own apply has the fields; managers are only in the object itself."""
        found = await self.cluster.get(subject.key.namespace, live.ref)
        if found is None or (is_scalers(found, target.paths) and not may_release(found, target.paths)):
            return
        log.info("giving back %s", live.ref)
        held = {ANNOTATION: str(Record(False, target.stated))} if keep else {}
        await self._apply(subject, claim(Live(found), {}, held))

    async def _apply(self, subject: Subject, manifest: Mapping[str, object]) -> "Outcome":
        self.fence.check()
        namespace = subject.key.namespace
        notices: list[Notice] = []
        try:
            try:
                answer = await self.cluster.apply(namespace, manifest, force=False, manager=AUTOSCALER_MANAGER)
            except FieldConflictError as conflict:
                if not conflict.is_only_with(FIELD_MANAGER):
                    what = f"{manifest['kind']} {text(manifest, 'metadata', 'name')}: {conflict}"
                    notices.append(Notice(NoticeKind.WARNING, "FieldConflict", what))
                answer = await self.cluster.apply(namespace, manifest, force=True, manager=AUTOSCALER_MANAGER)
        except OutdatedError as error:
            log.info("put off to the next tick: %s", error)
            return NOT_NOW
        self.store.put(answer)
        return Outcome(True, tuple(notices))


def object_of(seen: Seen, actuator: Actuator) -> Live | None:
    """The object that an actuator changes."""
    if actuator is Actuator.APP:
        return seen.deployment
    if actuator is Actuator.REPLICAS:
        return seen.cluster
    return seen.write if actuator in (Actuator.POOL_RW, Actuator.POOLERS_RW) else seen.read


def live_of(seen: Seen, target: Target) -> Live | None:
    """A target as it was seen."""
    found = (seen.deployment, seen.write, seen.read, seen.cluster)
    return next((live for live in found if live is not None and live.ref == target.ref), None)


def _annotations(live: Live) -> dict[str, str]:
    """Those of our annotations that are there; an apply must repeat them."""
    return {name: value for name in (ANNOTATION, POOL_BEFORE_ANNOTATION) if (value := live.annotation(name))}


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
