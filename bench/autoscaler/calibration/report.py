"""The calibration as Markdown, from what was kept of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.autoscaler.calibration.plan import Run, runs
from bench.autoscaler.judge import MODEL

MEANING = {
    "quota": ("cores a pod may use (a setting)", 1.0, ""),
    "background": ("cores of a pod at rest", 1.0, ""),
    "wake": ("CPU more for what finds its pod idle", 1e3, " ms"),
    "page_cpu": ("CPU of a page without the database", 1e3, " ms"),
    "read_cpu": ("CPU of a read", 1e3, " ms"),
    "write_cpu": ("CPU of a payment", 1e3, " ms"),
    "variation": ("coefficient of variation of CPU", 1.0, ""),
    "query_variation": ("coefficient of variation of queries", 1.0, ""),
    "read_query": ("query of a read", 1e3, " ms"),
    "write_query": ("queries of a payment", 1e3, " ms"),
    "before": ("share of a read's or a payment's CPU before its query", 1.0, ""),
    "client": ("the load's own thread with an answer", 1e3, " ms"),
    "overhead": ("ingress and network", 1e3, " ms"),
    "overhead_variation": ("coefficient of variation of that", 1.0, ""),
}
"""What each fitted field is, and how it is shown: factor and unit."""


def section(path: Path = MODEL) -> list[str]:
    """What was fitted and how the held-out runs came out; a sentence without runs."""
    if not path.exists():
        return ["Not measured."]
    document = json.loads(path.read_text())
    by_name = {run.name: run for run in runs()}
    return [
        "The same simulator, with the embedded cluster's sizes and the arrivals that the real load had, against the",
        "real application through the real ingress: pods limited to 150m, one PgBouncer a side, a primary and a",
        "replica, the operator paused. Its constants were fitted to the fitting runs alone (nonlinear least squares);",
        "the held-out runs, seeds and all, were committed before any of these runs was made. Plan, runs and fit:",
        "`bench/autoscaler/calibration/plan.toml`, `bench/results/autoscaler-model/` and `autoscaler-model.json`.",
        "",
        "Tolerance: p95 and throughput max(15 %, 3 standard deviations of the real repeats), mean wait in PgBouncer's",
        "queue max(25 %, 2 ms). Times are milliseconds; one figure a real repeat.",
        "",
        "| held-out run | what | p95 real | model | share | answers/s | model | share | wait real | model | share |",
        "|---" * 11 + "|",
        *(_row(by_name[name], both) for name, both in document.get("heldOut", {}).items()),
        "",
        "These runs are planned below the knee, so that throughput is what was offered: what they show is p95. Repeats",
        "that differ widen the tolerance. The knee itself is among the runs that the model was fitted to:",
        "",
        "| run | what | p50 real | model | p95 real | model | cores real | model |",
        "|---" * 8 + "|",
        *(_fitting_row(by_name[name], both) for name, both in document["fitting"].items()),
        "",
        "| constant | fitted |",
        "|---|---|",
        *(
            f"| {meaning} | {document['fitted'][name] * factor:.3g}{unit} |"
            for name, (meaning, factor, unit) in MEANING.items()
        ),
        "",
    ]


def _what(run: Run) -> str:
    mix = ", ".join(f"{kind} {share:.0%}" for kind, share in run.mix.items())
    rates = " → ".join(f"{rate:g}" for _, rate in run.rates)
    return f"{run.pods} pods, pools of {run.pool_write}, {rates}/s: {mix}"


def _of(both: Mapping[str, Any], name: str, factor: float = 1.0) -> tuple[str, str]:
    """The real figures and the model's."""
    return ", ".join(f"{each[name] * factor:.3g}" for each in both["real"]), f"{both['model'][name] * factor:.3g}"


def _row(run: Run, both: Mapping[str, Any]) -> str:
    cells = [run.name, _what(run)]
    for name, factor, share in (("p95", 1e3, "p95"), ("throughput", 1.0, "throughput"), ("wait", 1e3, "wait")):
        cells += [*_of(both, name, factor), f"{both['shares'][share]:.2f}"]
    return "| " + " | ".join(cells) + " |"


def _fitting_row(run: Run, both: Mapping[str, Any]) -> str:
    cells = [run.name, _what(run)]
    for name, factor in (("p50", 1e3), ("p95", 1e3), ("cpu", 1.0)):
        cells += _of(both, name, factor)
    return "| " + " | ".join(cells) + " |"
