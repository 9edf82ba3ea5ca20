"""`ip2a explain --scaling`, `replay`, `simulate` and `plan`'s last lines: the autoscaler's core, asked from outside.

Prometheus is reached through the API server's proxy when its URL names a Service, so that nothing but the kubeconfig
is needed.
"""

import base64
import html
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from ip2a_operator.adapters.kube import KubeCluster
from ip2a_operator.adapters.prometheus import PrometheusClient, matrix, vector
from ip2a_operator.cli import planning
from ip2a_operator.cli.gather import UNKNOWN_IMAGE, View, required
from ip2a_operator.domain.autoscaling import demand, record
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.autoscaling.diagnosis import Bottleneck
from ip2a_operator.domain.autoscaling.explain import LABELS, explain, what_if
from ip2a_operator.domain.autoscaling.ledger import current_targets
from ip2a_operator.domain.autoscaling.snapshot import Name, Snapshot
from ip2a_operator.domain.autoscaling.spec import Mode, ScalerSpec
from ip2a_operator.domain.autoscaling.state import State, from_json
from ip2a_operator.domain.observed import Observed
from ip2a_operator.domain.plan import Surroundings, make_stack
from ip2a_operator.domain.resource import parse
from ip2a_operator.domain.scaling import publish
from ip2a_operator.domain.scaling.fleet import Seen, complete, fleet, seen_of
from ip2a_operator.domain.scaling.readings import Sample
from ip2a_operator.domain.scaling.settings import scaler_spec
from ip2a_operator.domain.stack import Images
from ip2a_operator.domain.tree import Tree, branch
from ip2a_operator.errors import InvalidSpecError, OperatorError, UnavailableError
from ip2a_operator.reconcile.ports import Key, Metrics
from ip2a_operator.reconcile.sight import Sight, snapshot
from ip2a_operator.reconcile.subjects import Subject, make_subject

if TYPE_CHECKING:
    from ip2a_operator.simulation.trace import Simulated

MARK = '"snapshot":'
"""Every decision's line has it; other lines of the operator's log do not."""


class Unmetered:
    """Counts nothing; what could not be asked for is told at once."""

    def ticked(self, seconds: float, resources: int) -> None:
        """Nothing."""

    def decided(self, key: Key, decision: Decision, seconds: float) -> None:
        """Nothing."""

    def wrote(self, actuator: str, *, up: bool) -> None:
        """Nothing."""

    def failed(self, what: str) -> None:
        """To standard error."""
        click.echo(f"ip2a: {what} cannot be asked; what it knows is missing below", err=True)

    def forget(self, key: Key) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class ProxiedPrometheus:
    """The Metrics port through the API server's proxy to a Service."""

    cluster: KubeCluster

    async def query(self, url: str, text: str) -> tuple[Sample, ...]:
        """An instant query's vector."""
        answer = await self.cluster.proxied(f"{proxy_path(url)}/api/v1/query", {"query": text})
        return vector(branch(answer, "data"))

    async def history(
        self, url: str, text: str, start: float, end: float, step: int
    ) -> Mapping[tuple[str, str], Sequence[tuple[float, float]]]:
        """A range query's series."""
        query = {"query": text, "start": f"{start:.0f}", "end": f"{end:.0f}", "step": str(step)}
        answer = await self.cluster.proxied(f"{proxy_path(url)}/api/v1/query_range", query)
        return matrix(branch(answer, "data"))


@dataclass(frozen=True, slots=True)
class Asked:
    """A decision made by the command line, from the operator's remembered state and present metrics."""

    decision: Decision
    snapshot: Snapshot
    state: State
    spec: ScalerSpec
    now: float


def proxy_path(url: str) -> str:
    """Path of the API server's proxy to a Service's URL; empty when the URL is not one of a Service."""
    parts = urlsplit(url)
    names = (parts.hostname or "").split(".")
    if len(names) < 2 or (len(names) > 2 and names[2] != "svc"):
        return ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    scheme = "https:" if parts.scheme == "https" else ""
    return f"/api/v1/namespaces/{names[1]}/services/{scheme}{names[0]}:{port}/proxy{parts.path.rstrip('/')}"


async def ask(cluster: KubeCluster, key: Key, prometheus: str) -> Asked:
    """What the autoscaler would decide now. Raises OperatorError."""
    return await _asked(cluster, await required(cluster, key), prometheus)


async def expect(cluster: KubeCluster, view: View, wanted: Tree, prometheus: str) -> Asked:
    """What the autoscaler would decide now if the wanted spec were applied. Raises OperatorError if nobody can tell."""
    if view.raw is None:
        raise OperatorError("there are no metrics yet of a resource that is not there")
    metadata = {**branch(view.raw, "metadata"), **branch(wanted, "metadata")}
    raw = {**view.raw, "spec": branch(wanted, "spec"), "metadata": metadata}
    found = await _asked(cluster, View(view.key, raw, view.observed, view.surroundings), prometheus)
    if found.decision.diagnosis.seen is Bottleneck.STALE:
        raise OperatorError(f"there are no metrics to go by: {', '.join(found.decision.bad_signals)}")
    return found


def expected(asked: Asked) -> list[str]:
    """A line for each actuator: what would become of it."""
    lines = [f"autoscaler: mode {asked.spec.mode}, bottleneck {asked.decision.diagnosis.state}"]
    for each in asked.decision.actuators:
        if each.mode is Mode.OFF:
            continue
        verb = "goes" if each.write else "would go"
        move = (
            f"{verb} from {each.current} to {each.desired}"
            if each.desired != each.current
            else f"stays at {each.current}"
        )
        limits = f", limited by {', '.join(each.limited_by)}" if each.limited_by else ""
        lines.append(f"    {LABELS[each.actuator]}: {move}{limits}")
    return lines


async def _asked(cluster: KubeCluster, view: View, prometheus: str) -> Asked:
    key, resource = view.key, parse(view.raw or {})
    known = resource.scaling.prometheus if resource.scaling else ""
    subject = make_subject(resource, view.surroundings, prometheus or known)
    if prometheus:
        subject = _with_url(subject, prometheus)
    if not subject.prometheus:
        raise OperatorError(f"{key} has no Prometheus to ask; name one with --prometheus URL")
    seen = seen_of(view.observed.belonging_to(resource.uid), subject.stack)
    if not complete(seen, subject.stack):
        raise OperatorError(f"{key} is still being made; `ip2a status {key.name}` shows how far it is")
    if proxy_path(subject.prometheus):
        return await _decided(subject, seen, cluster, ProxiedPrometheus(cluster), view)
    async with PrometheusClient() as client:
        return await _decided(subject, seen, cluster, client, view)


async def _decided(subject: Subject, seen: Seen, cluster: KubeCluster, metrics: Metrics, view: View) -> Asked:
    now = round(time.time(), 3)
    sight = Sight(metrics, cluster, Unmetered(), (subject.key.namespace,))
    found = await sight.look((subject,), now)
    remembered = _state(subject, seen, now)
    made_from = snapshot(subject, seen, found, remembered, None, now)
    # the operator looks every five seconds and believes most things at the second look
    state = decide(made_from, acquainted(remembered, made_from, now), subject.spec, now - demand.TICK).state
    return Asked(decide(made_from, state, subject.spec, now), made_from, state, subject.spec, now)


def acquainted(state: State, seen: Snapshot, now: float) -> State:
    """The state with the samples that the status leaves out, as if present demand had lasted for a while."""
    offered = seen.readings[Name.OFFERED].value if Name.OFFERED in seen.readings else None
    if state.samples or offered is None:
        return state
    steady = tuple((now - demand.TICK * back, offered) for back in range(demand.KEPT, 1, -1))
    return replace(state, samples=steady, last_offered=offered)


def _state(subject: Subject, seen: Seen, now: float) -> State:
    """What the operator remembers. Kept as it is: this is a look from outside, not a restart."""
    document = subject.resource.scaling.state if subject.resource.scaling else {}
    try:
        return from_json(document)
    except (ValueError, TypeError):
        present = current_targets(fleet(seen, subject.stack, {}, now))
        return publish.revived({}, present, now)


def _with_url(subject: Subject, url: str) -> Subject:
    return Subject(subject.key, subject.resource, subject.stack, subject.spec, subject.targets, url.rstrip("/"))


def told(asked: Asked, users: float | None) -> str:
    """The explanation as text; `users`: as if so many were signed in. Raises OperatorError."""
    if users is None:
        return explain(asked.decision, asked.snapshot, asked.spec)
    try:
        decision, changed = what_if(asked.snapshot, asked.state, asked.spec, asked.now, users)
    except ValueError as error:
        raise OperatorError(str(error)) from error
    return f"If {users:.0f} users were signed in\n\n{explain(decision, changed, asked.spec)}"


def replayed(lines: Iterable[str]) -> Iterator[record.Replayed]:
    """Every decision of an operator's log, decided again; other lines are passed over. Raises ValueError."""
    for number, line in enumerate(lines, start=1):
        if MARK in line and '"decision":' in line:
            yield record.replay(line[line.index("{") :], number)


def spec_of(file: Path) -> ScalerSpec:
    """The autoscaler's specification of the IP2A in a file. Raises click's error for anything else."""
    raw = planning.load(file)
    images = Images(*(UNKNOWN_IMAGE,) * 6)
    try:
        resource = parse({**raw, "metadata": {"namespace": "default", **branch(raw, "metadata")}})
    except InvalidSpecError as error:
        raise click.UsageError(str(error)) from error
    return scaler_spec(make_stack(resource, Observed(), Surroundings(images)))


def simulated(trace: Path, spec: ScalerSpec, output: Path | None, seed: int) -> str:
    """Play a trace; the figures as text, and a picture or a page if asked for. Raises OperatorError, UsageError."""
    try:
        from ip2a_operator.simulation import trace as simulation  # noqa: PLC0415  # numba is not in the operator's image
    except ImportError as error:
        raise UnavailableError(f"simulating needs the packages of the extra `bench`: {error}") from error
    try:
        done = simulation.simulate(trace, spec, seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    text = simulation.summary(done)
    if output is not None:
        _draw(done, text, output)
    return text


def _draw(done: "Simulated", text: str, output: Path) -> None:
    from ip2a_operator.simulation.trace import plot  # noqa: PLC0415

    if output.suffix != ".html":
        plot(done, output)
        return
    picture = output.with_suffix(".png")
    plot(done, picture)
    image = base64.b64encode(picture.read_bytes()).decode()
    picture.unlink()
    page = f'<img alt="demand and sizes over time" src="data:image/png;base64,{image}"><pre>{html.escape(text)}</pre>'
    output.write_text(f"<!doctype html><meta charset=utf-8><title>Simulation</title>{page}\n", encoding="utf-8")
