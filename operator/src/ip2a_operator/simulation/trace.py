"""`ip2a simulate`: a user's own traffic shape through the product's own core, before trusting it.

A trace is CSV with a header and two columns: seconds (or a date and time) and users, or requests per second when
the second column is called `rps` or `count`. The command line prints the text and writes the picture.
"""

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.model import Platform, World
from ip2a_operator.simulation.product import Product, simulated_spec
from ip2a_operator.simulation.run import Result, judge, play
from ip2a_operator.simulation.scenario import Scenario
from ip2a_operator.simulation.traffic import UsersAt

MAX_SECONDS = 86_400
MAX_RATE = 20_000.0


@dataclass(frozen=True, slots=True)
class Simulated:
    """A finished simulation: figures, decisions and the course of things."""

    result: Result
    decisions: tuple[Decision, ...]
    offered: tuple[float, ...]
    """Requests per second, by second."""
    history: tuple[tuple[int, int, int, int, int], ...]
    """(second, pods that exist, pods ready, replicas, writing pool) whenever one changed."""


def read_trace(path: Path, think: float) -> tuple[UsersAt, int]:
    """Users by second and the length of the trace in seconds.

    Raises:
        ValueError: not a trace; the message names the line and what was expected.
    """
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 3 or len(rows[0]) < 2:
        raise ValueError(f"{path.name}: expected a header and two or more lines of time and value")
    rate = rows[0][1].strip().lower() in ("rps", "count", "requests")
    times, values = [], []
    for number, row in enumerate(rows[1:], start=2):
        try:
            times.append(_seconds(row[0]))
            values.append(float(row[1]) * (think if rate else 1.0))
        except (ValueError, IndexError) as error:
            raise ValueError(f"{path.name}, line {number}: expected time,value: {error}") from error
    starts = np.array(times) - times[0]
    if (np.diff(starts) <= 0).any():
        raise ValueError(f"{path.name}: times must increase")
    if starts[-1] > MAX_SECONDS or max(values) / think > MAX_RATE:
        raise ValueError(f"{path.name}: longer than a day or over {MAX_RATE:.0f} requests/s; cut or scale it")
    users = np.array(values)
    return lambda second: float(np.interp(second, starts, users)), int(starts[-1])


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


def simulate(path: Path, spec: ScalerSpec, seed: int = 1, platform: Platform | None = None) -> Simulated:
    """Play a trace against the product in Auto mode, starting with pods for its first value."""
    source = platform or Platform()
    users, length = read_trace(path, source.think)
    pods = max(spec.app.min, round(users(0.0) / source.think * source.cpu_request / spec.app.target_utilization))
    scenario = Scenario(path.stem, length, users, pods=pods, platform=source, max_pods=spec.app.max)
    policy = Product(simulated_spec(scenario, spec))
    world, wished = play(scenario, policy, seed)
    return Simulated(
        result=judge("ours", world, wished, scenario, seed),
        decisions=tuple(policy.decisions),
        offered=tuple(_offered(world)),
        history=(*world.history, (world.length, *world.history[-1][1:])),
    )


def summary(simulated: Simulated) -> str:
    """The figures in words, and every change with its reason."""
    result = simulated.result
    start = simulated.decisions[0].at if simulated.decisions else 0.0
    lines = [
        f"{result.requests} requests, {result.dropped:.2%} failed",
        f"{result.violation_minutes:.1f} minutes over the objective",
        f"{result.pod_hours:.1f} pod hours, {result.replica_hours:.1f} replica hours, {result.reversals} reversals",
    ]
    for decision in simulated.decisions:
        second = decision.at - start
        lines += [
            f"{second:7.0f} s  {each.actuator} {each.current} → {each.applied}: {each.why} [{decision.diagnosis.state}]"
            for each in decision.writes
        ]
    return "\n".join(lines)


def plot(simulated: Simulated, target: Path) -> None:
    """Demand, pods and replicas over time as PNG or SVG, by the name of the file."""
    import matplotlib as mpl  # noqa: PLC0415  # slow to import and needed here only

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(10, 6))
    smooth = np.convolve(simulated.offered, np.ones(10) / 10, "same")
    above.plot(smooth, color="#7a7a7a")
    above.set_ylabel("requests/s")
    times = [entry[0] for entry in simulated.history]
    below.step(times, [entry[2] for entry in simulated.history], where="post", color="#1b6ca8", label="pods ready")
    below.step(times, [entry[3] for entry in simulated.history], where="post", color="#b5442e", label="replicas")
    below.legend(frameon=False)
    below.set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(target, dpi=100)
    plt.close(figure)


def _offered(world: World) -> list[float]:
    return [float(each) for each in world.metrics[k.M_ARRIVED, : world.length]]
