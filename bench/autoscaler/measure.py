"""Rows of the harness: bars decided from the kept results, and speeds measured here."""

import os
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import harness
from bench.autoscaler import judge, kept, matrix
from bench.autoscaler.scenarios import held_out
from bench.autoscaler.tick import ticks
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.spec import Mode, ScalerSpec
from ip2a_operator.domain.autoscaling.state import State
from ip2a_operator.simulation.model import TAIL
from ip2a_operator.simulation.observe import Observer
from ip2a_operator.simulation.product import EPOCH
from ip2a_operator.simulation.run import start, traffic_of


def rows() -> Sequence[harness.Row]:
    """All rows: what is measured here and now, and what the kept runs and traces say."""
    bars, runs = harness.bars("autoscaler"), kept.read()
    seconds, cores = ticks()
    with TemporaryDirectory() as folder:
        began = time.monotonic()
        matrix.run("smoke", 1, os.cpu_count() or 1, Path(folder) / "runs.jsonl")
        smoke = time.monotonic() - began
    headline = [] if runs.minutes is None else [harness.judged(bars["headline"], [runs.minutes])]
    return [
        harness.judged(bars["decide_p99"], decide_p99()),
        harness.judged(bars["tick_500"], seconds),
        harness.judged(bars["tick_500_cpu"], cores),
        harness.judged(bars["simulator_million"], simulator()),
        harness.judged(bars["smoke"], [smoke]),
        *headline,
        *judge.elsewhere(),
        *judge.simulated(runs.rows),
    ]


def decide_p99(rounds: int = 8, calls: int = 200) -> list[float]:
    """p99 of one decision in ms of this process's CPU, several rounds."""
    scenario = held_out()["step"]
    world = start(scenario, traffic_of(scenario, 1))
    for _ in range(60):
        world.step()
    snapshot = Observer(world, scenario.trouble, 1).snapshot()
    spec, state, found = ScalerSpec(mode=Mode.AUTO), State(), []
    for _ in range(rounds):
        spent = []
        for index in range(calls):
            begin = time.process_time()
            state = decide(snapshot, state, spec, EPOCH + 5.0 * index).state
            spent.append(time.process_time() - begin)
        found.append(1000.0 * sorted(spent)[int(0.99 * calls) - 1])
    return found


def simulator() -> list[float]:
    """Seconds for a million simulated requests, three runs, compilation left out."""
    scenario = held_out()["db_read"]
    traffic = traffic_of(scenario, 1)
    found = []
    for _ in islice(range(4), 4):
        world = start(scenario, traffic)
        begin = time.perf_counter()
        for _ in range(scenario.length + TAIL):
            world.step()
        found.append((time.perf_counter() - begin) * 1e6 / len(traffic.arrival))
    return found[1:]
