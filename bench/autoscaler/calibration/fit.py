"""The model fitted to the fitting runs: nonlinear least squares over what each of them shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bench.autoscaler.calibration.model import Figures, Fitted, figures, simulated
from bench.autoscaler.calibration.plan import Run

Seen = Sequence[tuple[Run, Mapping[str, Any]]]
"""Runs with what reality.py kept of them."""
SEARCHED = {
    "background": (0.01, 0.0, 0.05),
    "wake": (0.0005, 0.0, 0.005),
    "page_cpu": (0.001, 0.0002, 0.01),
    "read_cpu": (0.003, 0.0005, 0.02),
    "write_cpu": (0.004, 0.0005, 0.02),
    "variation": (0.6, 0.05, 1.5),
    "query_variation": (0.5, 0.02, 2.0),
    "read_query": (0.0006, 1e-5, 0.02),
    "write_query": (0.0015, 1e-5, 0.02),
    "before": (0.6, 0.1, 1.0),
    "client": (0.0006, 0.0001, 0.003),
    "overhead": (0.0015, 0.0003, 0.02),
    "overhead_variation": (0.5, 0.05, 2.0),
}
"""Start and bounds of what is searched for."""
STARTS = {name: start for name, (start, _, _) in SEARCHED.items()}
FEW = 10.0
"""Requests a second."""
STEP = 0.03
"""Relative change from which slopes are taken: smaller ones show the grain of single requests."""


def observed(run: Run, document: Mapping[str, Any], background: float) -> Figures:
    """The run's figures in reality; `background` is the seconds a second for which others hold connections."""
    counted = document["counted"]
    latency = np.array(document["milliseconds"]) / 1000.0
    arrival = np.array([due.at for due in run.arrivals()])
    held = counted["rw.held"] + counted["ro.held"] - background * counted["elapsed"]
    wait = counted["rw.wait"] + counted["ro.wait"]
    return figures(run, arrival, latency, wait=wait, held=max(0.0, held), cpu=counted["cpu"])


def residuals(seen: Figures, made: Figures) -> list[float]:
    """How far the model is off, in units of about what is tolerated; of waits and holds nothing where no query ran.

    A few requests a second find everything asleep, which the model knows nothing of: of them only the CPU counts.
    """
    found = [(made.cpu / seen.cpu - 1.0) / 0.1]
    if seen.throughput > FEW:
        found += [
            float(np.log(made.p50 / seen.p50)) / 0.3,
            float(np.log(made.p95 / seen.p95)) / 0.15,
            (made.throughput / seen.throughput - 1.0) / 0.15,
        ]
    if made.held > 0.0:
        found += [
            (made.wait - seen.wait) / max(0.25 * seen.wait, 0.0005),
            (made.held - seen.held) / max(0.25 * seen.held, 0.0005),
        ]
    return found


def fitted(seen: Seen, quota: float, background: float) -> Fitted:
    """The model that is least off on these runs; every one of them counts alike."""
    wanted = [(run, observed(run, document, background)) for run, document in seen]
    names, columns = list(SEARCHED), np.array(list(SEARCHED.values()))
    begin = Fitted(quota=quota, **STARTS)

    def off(values: NDArray[np.float64]) -> NDArray[np.float64]:
        model = begin.changed(names, values.tolist())
        return np.concatenate([residuals(figure, simulated(run, model)) for run, figure in wanted])

    found = least_squares(
        off, columns[:, 0], bounds=(columns[:, 1], columns[:, 2]), x_scale=columns[:, 0],
        diff_step=np.full(len(names), STEP), loss="soft_l1", max_nfev=40,
    )  # fmt: skip
    return begin.changed(names, found.x.tolist())
