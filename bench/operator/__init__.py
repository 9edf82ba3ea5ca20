"""How the operator does with many resources, on a real API server without a kubelet.

The statuses that other controllers would write come from a named writer (writer.py). Every phase is measured
in the same run as the bare server-side-apply loop that it is held against, so that a busy machine hits both.
What only a real cluster shows (a bad image, drift, changes under load) is measured by the end-to-end tests, which
keep it in artifacts/e2e; it is judged here with the rest.
`python -m bench operator [--counts 1,10,100,500]`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from bench import harness
from bench.operator.run import Figures, measure_count

DEFAULT_COUNTS = "1,10,100,500"
CLUSTER_FIGURES = harness.ROOT / "artifacts" / "e2e" / "operator-figures.json"


def measure(arguments: list[str]) -> Sequence[harness.Row]:
    """Rows for every count; the bars are those of the largest and of one."""
    parser = argparse.ArgumentParser(prog="python -m bench operator")
    parser.add_argument("--counts", default=DEFAULT_COUNTS, help="numbers of resources, the largest last")
    parser.add_argument("--cluster-figures", type=Path, default=CLUSTER_FIGURES, help="kept by the end-to-end tests")
    options = parser.parse_args(arguments)
    counts = [int(part) for part in options.counts.split(",")]
    figures = {count: measure_count(count) for count in counts}
    return [*_judged(figures), *_on_a_cluster(options.cluster_figures), *_reported(figures)]


def _on_a_cluster(path: Path) -> list[harness.Row]:
    """Rows of the end-to-end tests' latest run; none when they have not run in this checkout."""
    if not path.exists():
        return []
    kept: dict[str, dict[str, float]] = json.loads(path.read_text())
    bars = harness.bars("operator")
    rows = [harness.judged(bars[name], cases.values()) for name, cases in kept.items()]
    for name, cases in kept.items():
        rows += [harness.reported(f"{name}/{case}", bars[name].unit, [value]) for case, value in cases.items()]
    return rows


def _judged(figures: dict[int, Figures]) -> list[harness.Row]:
    bars = harness.bars("operator")
    most = max(figures)
    large = figures[most]
    case = "" if most == 500 else f"{most} resources"
    rows = [
        harness.judged_pairs(bars["converged_500"], [harness.Pair(large.converged, large.bare_loop)], case),
        harness.judged(bars["steady_mutations"], [large.steady_mutations], case),
        harness.judged(bars["steady_cpu"], [large.steady_cpu], case),
        harness.judged(bars["edit_to_applied_p95"], [large.edit_p95], case),
        harness.judged(bars["rss_500"], [large.rss], case),
        harness.judged(bars["restart_mutations"], [large.restart_mutations], case),
    ]
    if 1 in figures:
        rows.append(harness.judged(bars["rss_1"], [figures[1].rss]))
    return rows


def _reported(figures: dict[int, Figures]) -> list[harness.Row]:
    rows = []
    for count, found in figures.items():
        rows += [
            harness.reported(f"objects/{count}", "objects", [found.objects]),
            harness.reported(f"converged/{count}", "s", [found.converged]),
            harness.reported(f"bare_loop/{count}", "s", [found.bare_loop]),
            harness.reported(f"steady_cpu/{count}", "% of a core", [found.steady_cpu]),
            harness.reported(f"rss/{count}", "MiB", [found.rss]),
            harness.reported(f"edit_p95/{count}", "s", [found.edit_p95]),
            harness.reported(f"restart/{count}", "s", [found.restart]),
        ]
    return rows
