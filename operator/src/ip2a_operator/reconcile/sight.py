"""Gathers what all resources need for one tick: one question to each Prometheus, one list of pod usage, one of rivals.

Everything is bounded in time by the adapters, asked for at once, and missing when it fails: a resource whose metrics
cannot be had is decided on without them, and then nothing shrinks.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ip2a_operator.domain.autoscaling.snapshot import Growth, Snapshot
from ip2a_operator.domain.autoscaling.state import State
from ip2a_operator.domain.builders.metadata import Component
from ip2a_operator.domain.scaling.fleet import Seen, epoch, expected, fleet, leads, pause, startable
from ip2a_operator.domain.scaling.queries import batch
from ip2a_operator.domain.scaling.readings import Grouped, PodUsage, Usage, grouped, readings
from ip2a_operator.domain.scaling.rivals import rivals
from ip2a_operator.domain.scaling.settings import cores
from ip2a_operator.domain.tree import Tree, branches, text
from ip2a_operator.errors import OperatorError
from ip2a_operator.reconcile.ports import Metrics, Neighbours, ScalingMeter
from ip2a_operator.reconcile.subjects import Subject

log = logging.getLogger(__name__)

SLOW_TICKS: Final = 3
"""Pod usage and rivals are asked for every so many ticks: the kubelet measures no more often. Usage is asked for every
tick while a resource has no metrics: then it is all there is, and may be news at any moment of the kubelet's round.
"""
USAGE_WINDOW: Final = 20.0
"""Seconds that a value of the metrics API averages over: metrics-server compares rounds of 15 s, which are late."""
CONTAINERS: Final = frozenset({Component.APP.value, "postgres"})

Question = tuple[str, float]
"""URL of a Prometheus and the scrape interval of what it is asked about."""


@dataclass(frozen=True, slots=True)
class View:
    """What one tick knows of the world outside the store."""

    answers: Mapping[Question, Grouped]
    usage: Mapping[tuple[str, str], PodUsage] = field(default_factory=dict)
    """By namespace and pod."""
    scalers: Sequence[tuple[str, Tree]] = ()


class Sight:
    """Asks; keeps what is asked for less often than every tick."""

    def __init__(
        self, metrics: Metrics, neighbours: Neighbours, meter: ScalingMeter, namespaces: Sequence[str]
    ) -> None:
        self._metrics = metrics
        self._neighbours = neighbours
        self._meter = meter
        self._namespaces = namespaces or ("",)
        self._ticks = 0
        self._usage: tuple[Tree, ...] = ()
        self._scalers: tuple[tuple[str, Tree], ...] = ()
        self._complaints: dict[str, str] = {}

    async def look(self, subjects: Iterable[Subject], now: float) -> View:
        """One tick's view. Never raises OperatorError."""
        looked = list(subjects)
        questions = sorted({question_of(subject) for subject in looked})
        found, asked = await asyncio.gather(
            asyncio.gather(*(self._ask(url, interval) for url, interval in questions)), self._slow()
        )
        answers = dict(zip(questions, found, strict=True))
        if not asked and any(_is_blind(subject, answers) for subject in looked):
            self._usage = await self._pod_usage()
        return View(answers, usage_by_pod(self._usage, now), self._scalers)

    async def _ask(self, url: str, interval: float) -> Grouped:
        try:
            found = grouped(await self._metrics.query(url, batch(interval)))
        except OperatorError as error:
            self._complain("prometheus", str(error))
            return Grouped()
        self._content("prometheus")
        return found

    async def _slow(self) -> bool:
        """Whether it was their turn."""
        self._ticks += 1
        if self._ticks % SLOW_TICKS != 1:
            return False
        usage, scalers = await asyncio.gather(self._pod_usage(), self._other_scalers())
        self._usage = usage
        self._scalers = self._scalers if scalers is None else scalers
        return True

    async def _pod_usage(self) -> tuple[Tree, ...]:
        found: list[Tree] = []
        try:
            for namespace in self._namespaces:
                found += await self._neighbours.list_pod_usage(namespace)
        except OperatorError as error:
            self._complain("metrics-api", str(error))
            return ()
        self._content("metrics-api")
        return tuple(found)

    async def _other_scalers(self) -> tuple[tuple[str, Tree], ...] | None:
        """None when it is unknown: then those seen last are still believed in."""
        found: list[tuple[str, Tree]] = []
        try:
            for namespace in self._namespaces:
                found += await self._neighbours.list_scalers(namespace)
        except OperatorError as error:
            self._complain("rivals", str(error))
            return None
        self._content("rivals")
        return tuple(found)

    def _complain(self, what: str, message: str) -> None:
        """Count every failure, log only a new one."""
        self._meter.failed(what)
        if self._complaints.get(what) != message:
            self._complaints[what] = message
            log.warning("%s cannot be asked: %s", what, message)

    def _content(self, what: str) -> None:
        if self._complaints.pop(what, None) is not None:
            log.info("%s answers again", what)


def _is_blind(subject: Subject, answers: Mapping[Question, Grouped]) -> bool:
    """Whether Prometheus knows nothing of a resource."""
    said = answers[question_of(subject)]
    return said.clock is None or (subject.key.namespace, subject.key.name) not in said.resources


def question_of(subject: Subject) -> Question:
    """Whom to ask about a resource."""
    return subject.prometheus, subject.spec.scrape_interval


def snapshot(  # noqa: PLR0917  # what a decision is made from, in the order in which it is found out
    subject: Subject, seen: Seen, view: View, state: State, growth: Growth | None, now: float
) -> Snapshot:
    """The input of one decision."""
    key, stack = subject.key, subject.stack
    said = view.answers.get(question_of(subject), Grouped())
    answers = None if said.clock is None else said.resources.get((key.namespace, key.name), {})
    room = startable(said.nodes_free, subject.spec.app.cpu_per_pod)
    readable = readings(
        answers, said.clock, expected(seen, stack, subject.spec, now), usage_of(subject, seen, view, now)
    )
    return Snapshot(
        readings=readable,
        fleet=fleet(seen, stack, answers or {}, now, room),
        pause=pause(subject.resource.annotations, now, paused=subject.resource.paused),
        growth=growth,
        rivals=rivals(stack, view.scalers),
        lead_samples=leads(seen, state.last, state.replicas.raised),
    )


def usage_by_pod(items: Iterable[Tree], now: float) -> dict[tuple[str, str], PodUsage]:
    """PodMetrics by namespace and pod, of the container that matters; what cannot be read is left out."""
    found = {}
    for item in items:
        pod = text(item, "metadata", "name")
        for container in branches(item, "containers"):
            name = text(container, "name")
            if name not in CONTAINERS:
                continue
            try:
                used = cores(text(container, "usage", "cpu"))
            except ValueError:
                continue
            age = max(0.0, now - epoch(text(item, "timestamp")))
            found[text(item, "metadata", "namespace"), pod] = PodUsage(pod, name, used, round(age, 3))
    return found


def usage_of(subject: Subject, seen: Seen, view: View, now: float) -> Usage:
    """CPU of a resource's ready pods by the metrics API.

    Pods whose value averages over their start are left out: every rolling update would look like load.
    """

    def used(pods: Iterable[str]) -> tuple[PodUsage, ...]:
        keys = ((subject.key.namespace, pod) for pod in pods)
        return tuple(found for key in keys if (found := view.usage.get(key)) is not None)

    def ready(role: str) -> list[str]:
        return [pod.name for pod in seen.instances if pod.role == role and pod.ready_since > 0.0]

    since = {pod.name: pod.ready_since for pod in seen.app_pods if pod.ready_since > 0.0 and not pod.deleting}
    app = used(since)
    settled = tuple(each for each in app if now - each.age - USAGE_WINDOW >= since[each.pod])
    return Usage(
        app=settled,
        primary=next(iter(used(ready("primary"))), None),
        replicas=used(ready("replica")),
        starting=len(app) - len(settled),
    )
