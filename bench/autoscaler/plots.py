"""The pictures of docs/autoscaler-benchmark.md."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from bench.autoscaler import figures as f
from bench.autoscaler.policies import POLICIES
from bench.autoscaler.scenarios import held_out
from ip2a_operator.simulation import kernel as k
from ip2a_operator.simulation.run import play

SHOWN = ("step", "event day", "db_read", "outage")


def bar_plot(table: f.Table, names: list[str], path: Path) -> None:
    """Total minutes and total cost of each policy."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    colours = ["#1b6ca8" if n == "ours" else "#7a7a7a" if n == "oracle" else "#c9c9c9" for n in names]
    left.barh(names, [f.total(table, n) for n in names], color=colours)
    left.set_xlabel("minutes over the objective, all scenarios")
    right.barh(names, [sum(c[n].median_cost for c in table.values()) for n in names], color=colours)
    right.set_xlabel("cost, all scenarios")
    right.set_yticklabels([])
    for axes in (left, right):
        axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)


def course_plot(path: Path) -> None:
    """Offered requests against pods and replicas, ours, seed 1."""
    figure, grid = plt.subplots(2, 2, figsize=(10, 6))
    scenarios = held_out()
    for axes, name in zip(grid.flat, SHOWN, strict=True):
        scenario = scenarios[name]
        world, _ = play(scenario, POLICIES["ours"].build(scenario, 0.0), 1)
        offered = world.metrics[k.M_ARRIVED, : scenario.length]
        axes.plot(np.convolve(offered, np.ones(10) / 10, "same"), color="#c9c9c9", label="requests/s")
        twin = axes.twinx()
        history = [*world.history, (scenario.length, *world.history[-1][1:])]
        times = [entry[0] for entry in history]
        twin.step(times, [entry[2] for entry in history], where="post", color="#1b6ca8", label="pods ready")
        twin.step(times, [entry[3] for entry in history], where="post", color="#b5442e", label="replicas")
        axes.set_title(name)
        axes.set_xlim(0, scenario.length)
        if name == SHOWN[0]:
            axes.legend(loc="upper left", frameon=False)
            twin.legend(loc="lower right", frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)
