"""One tick of the autoscaler over all resources: look, decide, act, publish. Only while this process holds the Lease.

Decisions are `decide`'s alone; here is what has to be remembered between ticks and when something is worth a write.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Final

from ip2a_operator.api.autoscaling import AutoscalingStatus
from ip2a_operator.api.conditions import Condition, ConditionType, judge, merge
from ip2a_operator.domain.actions import Notice, NoticeKind
from ip2a_operator.domain.autoscaling import record
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.autoscaling.ledger import current_targets
from ip2a_operator.domain.autoscaling.snapshot import Snapshot
from ip2a_operator.domain.autoscaling.spec import Mode
from ip2a_operator.domain.autoscaling.state import State
from ip2a_operator.domain.backoff import fraction
from ip2a_operator.domain.scaling import publish
from ip2a_operator.domain.scaling.fleet import Seen, complete
from ip2a_operator.errors import NotLeaderError, OperatorError
from ip2a_operator.names import AUTOSCALER_MANAGER
from ip2a_operator.reconcile.actuation import Actuation
from ip2a_operator.reconcile.outlook import Outlook
from ip2a_operator.reconcile.ports import Clock, Cluster, Fence, Journal, Key, Recorder, ScalingMeter
from ip2a_operator.reconcile.sight import Sight, View, snapshot
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.subjects import Subject, Subjects

log = logging.getLogger(__name__)

JITTER: Final = 0.1
AT_ONCE: Final = 8
"""Resources that are written at the same time."""
BREATH: Final = 10
"""Decisions after which everything else in this process gets its turn."""
NO_PROMETHEUS: Final = (
    "no Prometheus is named: set spec.monitoring.prometheusUrl, or prometheusUrl of the operator's chart"
)


@dataclass(slots=True)
class Tracked:
    """What is remembered of one resource between ticks."""

    uid: str
    state: State
    signature: tuple[object, ...] = ()
    conditions: tuple[Condition, ...] = ()
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A decision and what it was made from."""

    subject: Subject
    seen: Seen
    snapshot: Snapshot
    before: State
    decision: Decision
    tracked: Tracked


@dataclass(frozen=True, slots=True)
class Scaler:
    """The autoscaler."""

    subjects: Subjects
    sight: Sight
    actuation: Actuation
    outlook: Outlook
    cluster: Cluster
    store: Store
    recorder: Recorder
    clock: Clock
    fence: Fence
    journal: Journal
    meter: ScalingMeter
    period: float
    """Seconds from one tick to the next."""
    tracked: dict[Key, Tracked] = field(default_factory=dict)

    async def run(self) -> None:
        """Tick for ever; what goes wrong in one tick is logged and over with the next."""
        number = 0
        while True:
            began = time.monotonic()
            try:
                await self.tick()
            except NotLeaderError as error:
                log.warning("not scaling: %s", error)
            except OperatorError as error:
                self.meter.failed("api")
                log.warning("tick given up: %s", error)
            except Exception:
                log.exception("tick failed unexpectedly")
            number += 1
            pause = self.period * (1.0 - JITTER / 2 + JITTER * fraction(f"tick{number}"))
            await asyncio.sleep(max(0.1, pause - (time.monotonic() - began)))

    async def tick(self) -> None:
        """Look at all resources once and act. Raises OperatorError when this process may not write."""
        self.fence.check()
        began = time.perf_counter()
        every = self.subjects.all()
        self._forget({subject.key for subject in every})
        scaled = [subject for subject in every if subject.spec.mode is not Mode.OFF and subject.prometheus]
        view = await self.sight.look(scaled, self._now())
        await self.outlook.refresh(scaled, self._now())
        jobs = []
        for number, subject in enumerate(scaled):
            if (job := self._decide(subject, view)) is not None:
                jobs.append(job)
            if number % BREATH == BREATH - 1:
                await asyncio.sleep(0)
        slots = asyncio.Semaphore(AT_ONCE)
        idle = [subject for subject in every if subject.spec.mode is Mode.OFF or not subject.prometheus]
        await asyncio.gather(*(self._one(slots, self._finish(job)) for job in jobs if self._is_work(job)))
        await asyncio.gather(*(self._one(slots, self._leave(subject)) for subject in idle))
        self.meter.ticked(time.perf_counter() - began, len(scaled))

    def _decide(self, subject: Subject, view: View) -> Job | None:
        """The decision on one resource; None while it is still being made."""
        seen = self.subjects.seen(subject)
        if not complete(seen, subject.stack):
            return None
        now, tracked = self._now(), self._tracked(subject)
        growth = self.outlook.growth(subject.key)
        if tracked.state.started is None and tracked.state.last == 0.0:
            first = snapshot(subject, seen, view, tracked.state, growth, now)
            document = subject.resource.scaling.state if subject.resource.scaling else {}
            tracked.state = publish.revived(document, current_targets(first.fleet), now)
        made_from = snapshot(subject, seen, view, tracked.state, growth, now)
        before, began = tracked.state, time.perf_counter()
        decision = decide(made_from, before, subject.spec, now)
        self.meter.decided(subject.key, decision, time.perf_counter() - began)
        tracked.state = decision.state
        job = Job(subject, seen, made_from, before, decision, tracked)
        if self.journal.everything or self._is_news(job):
            self.journal.write(record.line(str(subject.key), made_from, before, subject.spec, decision))
        return job

    def _is_news(self, job: Job) -> bool:
        fresh = publish.signature(job.decision) != job.tracked.signature
        return fresh or job.subject.resource.generation != job.tracked.generation

    def _is_work(self, job: Job) -> bool:
        """Whether anything may have to be asked of the API server."""
        return self._is_news(job) or bool(job.decision.events) or self.actuation.is_unsettled(job.subject, job.seen)

    async def _finish(self, job: Job) -> None:
        """Act, then tell."""
        subject, decision = job.subject, job.decision
        free = not job.snapshot.rivals and not subject.resource.paused
        await self.actuation.settle(subject, job.seen, may_take=free)
        told = [event for event in decision.events if event.reason != "Scaled"]  # that is told when it is done
        notices = [_notice(event.reason, event.message, warning=event.warning) for event in told]
        for each in decision.writes:
            # read again: the write before may have changed the same object
            outcome = await self.actuation.write(subject, self.subjects.seen(subject), each, decision)
            notices += outcome.notices
            if outcome.done:
                self.meter.wrote(str(each.actuator), up=each.applied > each.current)
                what = f"{each.actuator} {each.current} → {each.applied}: {each.why}"
                notices.append(_notice("Scaled", what, warning=False))
        if self._is_news(job):
            await self._publish(
                subject,
                job.tracked,
                publish.conditions(decision, subject.resource.generation),
                publish.published(decision, subject.spec, subject.prometheus),
            )
            job.tracked.signature = publish.signature(decision)
            job.tracked.generation = subject.resource.generation
        for notice in notices:
            await self.recorder.record(subject.key, subject.resource.uid, notice)

    async def _leave(self, subject: Subject) -> None:
        """Nothing is scaled here: give back what is ours, and say why if somebody expects otherwise."""
        self.meter.forget(subject.key)
        tracked = self._tracked(subject)
        seen = self.subjects.seen(subject)
        if self.actuation.is_unsettled(subject, seen) and subject.spec.mode is Mode.OFF:
            await self.actuation.settle(subject, seen, may_take=False)
        expects = subject.spec.mode is Mode.AUTO
        wanted: tuple[object, ...] = ("NoPrometheus", subject.resource.generation) if expects else ()
        published = subject.resource.scaling is not None or bool(subject.resource.scaling_conditions)
        if tracked.signature == wanted and (expects or not published):
            return
        conditions: tuple[Condition, ...] = ()
        if expects:
            kind, now = ConditionType.SCALING_ACTIVE, self.clock.now()
            generation = subject.resource.generation
            conditions = (judge(kind, False, "NoPrometheus", NO_PROMETHEUS, generation=generation, now=now),)
        await self._publish(subject, tracked, conditions, None)
        tracked.signature, tracked.state = wanted, State()

    async def _publish(
        self, subject: Subject, tracked: Tracked, fresh: tuple[Condition, ...], status: AutoscalingStatus | None
    ) -> None:
        self.fence.check()
        conditions = merge(tracked.conditions or subject.resource.scaling_conditions, fresh)
        body: dict[str, object] = {}
        if conditions:
            body["conditions"] = [each.model_dump(by_alias=True, mode="json") for each in conditions]
        if status is not None:
            body["autoscaling"] = status.model_dump(by_alias=True, mode="json")
        answer = await self.cluster.apply_status(subject.key, body, manager=AUTOSCALER_MANAGER)
        if answer is not None:
            self.store.put_resource(subject.key, answer)
            tracked.conditions = conditions

    async def _one(self, slots: asyncio.Semaphore, work: Coroutine[object, object, None]) -> None:
        """One resource's trouble is its own."""
        async with slots:
            try:
                await work
            except NotLeaderError:
                raise
            except OperatorError as error:
                self.meter.failed("api")
                log.warning("scaling put off: %s", error)

    def _tracked(self, subject: Subject) -> Tracked:
        known = self.tracked.get(subject.key)
        if known is None or known.uid != subject.resource.uid:
            known = self.tracked[subject.key] = Tracked(subject.resource.uid, State())
        return known

    def _forget(self, alive: set[Key]) -> None:
        for gone in self.tracked.keys() - alive:
            del self.tracked[gone]
            self.meter.forget(gone)

    def _now(self) -> float:
        return round(self.clock.now().timestamp(), 3)


def _notice(reason: str, message: str, *, warning: bool) -> Notice:
    return Notice(NoticeKind.WARNING if warning else NoticeKind.NORMAL, reason, message)
