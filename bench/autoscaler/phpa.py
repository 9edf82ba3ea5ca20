"""The models of the Predictive Horizontal Pod Autoscaler: they predict from the HPA's own proposals of the past.

Sources: its documentation of the linear and the Holt-Winters model and of `decisionType: maximum`. The line is ordinary
least squares; Holt-Winters is additive with given smoothing and initial states that fit the series best, one step
ahead. The published one hands Holt-Winters its history newest first; here it is in order, to the rival's advantage.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

POLICY_PERIOD = 60.0
"""Seconds of its scaling policies, where those of the HPA have 15."""
ALPHA, BETA, GAMMA = 0.9, 0.9, 0.9
"""Smoothing of its documented example."""
RIDGE = 1e-6


def line(points: Sequence[tuple[float, int]], at: float) -> int | None:
    """Replicas at a time by a straight line through (time, replicas); None without two times."""
    if len({t for t, _ in points}) < 2:
        return None
    times, values = [t for t, _ in points], [float(n) for _, n in points]
    mean_t, mean_n = sum(times) / len(times), sum(values) / len(values)
    spread = sum((t - mean_t) ** 2 for t in times)
    slope = sum((t - mean_t) * (n - mean_n) for t, n in zip(times, values, strict=True)) / spread
    return ceil(mean_n + slope * (at - mean_t) - 1e-9)


def least(season: int) -> int:
    """Values without which there is no seasonal prediction."""
    return 10 + 2 * (season // 2)


def holt_winters(series: Sequence[int], season: int, alpha: float, beta: float, gamma: float) -> int | None:
    """The next value; None while the series is too short."""
    if len(series) < least(season):
        return None
    # with the smoothing given, every forecast is linear in the initial states: what fits best is least squares
    unknown = 2 + season
    forecasts = smoothed(series, np.vstack([np.zeros(unknown), np.eye(unknown)]), alpha, beta, gamma)
    base, effects = forecasts[:, 0], forecasts[:, 1:] - forecasts[:, :1]
    past, wanted = effects[:-1], np.array(series, float) - base[:-1]
    # level and season may be shifted against each other: of all that fit equally the smallest is taken
    states = np.linalg.solve(past.T @ past + RIDGE * np.eye(unknown), past.T @ wanted)
    return ceil(float(base[-1] + effects[-1] @ states) - 1e-3)


def smoothed(
    series: Sequence[int], states: NDArray[np.float64], alpha: float, beta: float, gamma: float
) -> NDArray[np.float64]:
    """One-step forecasts of every value and of the one after the last, for each row of initial states.

    A state is level, trend, and one value for each part of the season.
    """
    level, trend, seasons = states[:, 0], states[:, 1], list(states[:, 2:].T)
    found = []
    for value in series:
        part = seasons.pop(0)
        found.append(level + trend + part)
        seasons.append(gamma * (value - level - trend) + (1 - gamma) * part)
        before = level
        level = alpha * (value - part) + (1 - alpha) * (level + trend)
        trend = beta * (level - before) + (1 - beta) * trend
    return np.array([*found, level + trend + seasons[0]])
