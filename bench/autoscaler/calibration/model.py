"""The same run in the simulator: the planned arrivals, a request's work by its kind, what came of each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from bench.autoscaler.calibration.plan import Run
from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.model import Platform, World
from ip2a_operator.simulation.traffic import Traffic, lognormal
from tests.e2e.load import PAGE, READ, WRITE

WARM = 3.0
"""Seconds at the start of a run whose requests are not looked at: queues of the middle of a run take time to form."""
GRACE = 12
"""Seconds simulated after the last arrival: what a client waits, and two more."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The application on the embedded cluster. Seconds of CPU and of queries by kind; `quota` in cores."""

    quota: float
    background: float
    """Cores that a pod at rest uses."""
    wake: float
    """CPU seconds more for what finds its pod idle."""
    page_cpu: float
    read_cpu: float
    write_cpu: float
    variation: float
    query_variation: float
    """Coefficients of variation of a request's CPU and of its query."""
    read_query: float
    write_query: float
    before: float
    """Share of a read's or a payment's CPU before its query."""
    client: float
    """Seconds that the client's only thread is busy with an answer; answers wait for it."""
    overhead: float
    """Seconds of ingress and network for each request."""
    overhead_variation: float

    def changed(self, names: Sequence[str], values: Sequence[float]) -> "Fitted":
        """With these fields set."""
        return Fitted(**(asdict(self) | dict(zip(names, map(float, values), strict=True))))

    def platform(self) -> Platform:
        """The simulated platform. Each request brings its own seconds, so that the factors here are one."""
        return Platform(
            cpu_request=1.0,
            cpu_quota=self.quota,
            cpu_background=self.background,
            cpu_wake=self.wake,
            write=1.0,
            write_before=self.before,
            hit=1.0,
            in_flight=400,
            engine=16,
            engine_queue=400,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run shows. Seconds; `wait` and `held` are means over all reads and writes."""

    p50: float
    p95: float
    throughput: float
    """Answers a second."""
    wait: float
    """Mean seconds in PgBouncer's queue."""
    held: float
    """Mean seconds for which a connection was held."""
    cpu: float
    """Cores that all pods used."""


def traffic_of(run: Run, fitted: Fitted) -> Traffic:
    """The planned arrivals with their work. Reads are lists, which the application asks of the primary, as payments."""
    plan = run.arrivals()
    size, streams = len(plan), [np.random.default_rng([run.seed, stream]) for stream in range(2)]
    cpu = {PAGE: fitted.page_cpu, READ: fitted.read_cpu, WRITE: fitted.write_cpu}
    query = {PAGE: 0.0, READ: fitted.read_query, WRITE: fitted.write_query}
    return Traffic(
        arrival=np.array([due.at for due in plan]),
        write=np.array([due.kind != PAGE for due in plan], np.int64),
        luck=np.zeros(size),
        cpu=np.array([cpu[due.kind] for due in plan]) * lognormal(streams[0], fitted.variation, size),
        query=np.array([query[due.kind] for due in plan]) * lognormal(streams[1], fitted.query_variation, size),
    )


def simulated(run: Run, fitted: Fitted) -> Figures:
    """The run's figures in the simulator."""
    traffic = traffic_of(run, fitted)
    world = World(fitted.platform(), traffic, length=run.seconds, pods=run.pods, replicas=1, pool=run.pool_write)
    world.poolers = 1
    world.pool_size = [run.pool_write, run.pool_read]
    for _ in range(run.seconds + GRACE):
        world.step()
    draws = np.random.default_rng([run.seed, 7])
    sent = world.ended + fitted.overhead * lognormal(draws, fitted.overhead_variation, traffic.arrival.size)
    latency = np.where(world.ended < 0.0, -1.0, taken(sent, fitted.client) - traffic.arrival)
    metrics = world.metrics.sum(axis=1)
    wait = float(metrics[[k.M_RW_POOL_WAIT, k.M_RO_POOL_WAIT]].sum())
    held = float(metrics[[k.M_RW_BUSY, k.M_RO_BUSY]].sum())
    cpu = float(metrics[k.M_CPU]) + fitted.background * run.pods * run.seconds
    return figures(run, traffic.arrival, latency, wait=wait, held=held, cpu=cpu)


def taken(sent: Floats, busy: float) -> Floats:
    """When a client that is `busy` seconds with each has taken the answers `sent` at these times, in their order."""
    order = np.argsort(sent)
    steps = busy * np.arange(1, sent.size + 1)
    found = np.empty_like(sent)
    found[order] = np.maximum.accumulate(sent[order] - steps + busy) + steps  # Lindley's recursion for equal services
    return found


def figures(run: Run, arrival: Floats, latency: Floats, *, wait: float, held: float, cpu: float) -> Figures:
    """Figures from each request's seconds (-1 for none), and what all together waited, held connections and computed.

    Raises ValueError when no request was answered.
    """
    queries = max(1, sum(due.kind != PAGE for due in run.arrivals()))
    looked = latency[arrival >= WARM]
    good = looked[looked >= 0.0]
    if not good.size:
        raise ValueError(f"{run.name}: no request was answered")
    return Figures(
        p50=float(np.quantile(good, 0.5)),
        p95=float(np.quantile(good, 0.95)),
        throughput=good.size / (run.seconds - WARM),
        wait=wait / queries,
        held=held / queries,
        cpu=cpu / run.seconds,
    )
