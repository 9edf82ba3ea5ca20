"""The fitted model against the held-out runs, in shares of what the issue tolerates."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from bench.autoscaler.calibration.model import Figures

RELATIVE = {"p95": 0.15, "throughput": 0.15}
"""Share of the real figure; three standard deviations of its repeats where that is more."""
DEVIATIONS = 3.0
WAIT_RELATIVE, WAIT_SECONDS = 0.25, 0.002


def shares(real: Sequence[Figures], made: Figures) -> Mapping[str, float]:
    """|model - mean of the real repeats| over its tolerance, by figure. Raises ValueError without two repeats."""
    if len(real) < 2:
        raise ValueError("the spread of a run needs two repeats")
    found = {}
    for name, share in RELATIVE.items():
        values = np.array([asdict(each)[name] for each in real])
        tolerance = max(share * values.mean(), DEVIATIONS * values.std(ddof=1))
        found[name] = abs(asdict(made)[name] - values.mean()) / tolerance
    wait = float(np.mean([each.wait for each in real]))
    found["wait"] = abs(made.wait - wait) / max(WAIT_RELATIVE * wait, WAIT_SECONDS)
    return {name: round(float(value), 3) for name, value in found.items()}
