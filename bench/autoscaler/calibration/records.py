"""What the real runs showed, as it is kept, and what was the same in all of them."""

import json
from collections.abc import Mapping
from typing import Any

from bench import harness
from bench.autoscaler.calibration.plan import Run, runs

KEPT = harness.RESULTS / "autoscaler-model"
"""A file for each repeat."""
AT_REST = "rest"
"""The run whose connections are all held by others than the load: the worker, the exporters."""
CPU = 0.15
"""Cores a pod may use (`tests.e2e.scaled.CPU`)."""


def kept(run: Run) -> list[Mapping[str, Any]]:
    """The documents of a run's repeats."""
    return [json.loads(path.read_text()) for path in sorted(KEPT.glob(f"{run.name}-[0-9].json"))]


def background() -> float:
    """Seconds a second for which others hold connections, from the run at rest."""
    counted = kept(next(run for run in runs() if run.name == AT_REST))[0]["counted"]
    return float(counted["rw.held"] + counted["ro.held"]) / float(counted["elapsed"])
