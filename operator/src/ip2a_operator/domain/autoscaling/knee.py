"""How many connections one PostgreSQL instance can use: the knee of the Universal Scalability Law.

X(K) = g·K / (1 + s·(K-1) + k·K·(K-1)) has its peak at K* = sqrt((1-s)/k) (N. J. Gunther, "Guerrilla Capacity
Planning", 2007). Beyond it more connections give less throughput. K/X(K) is linear in its parameters:
K/X = (1/g)·[1 + s·(K-1) + k·K·(K-1)], so a weighted linear least squares fit does.
"""

from math import sqrt

from ip2a_operator.domain.autoscaling.state import kept

Curve = tuple[tuple[float, float, float], ...]
"""Bins of (mean active connections, mean throughput per second, weight)."""

EDGES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0, 27.0, 33.0, 40.0, 50.0, 65.0, 85.0)
MAX_WEIGHT = 50.0
MIN_BINS = 8
MIN_SPAN = 4.0


def observe(curve: Curve, active: float, throughput: float) -> Curve:
    """Add one sample to its bin; old samples fade."""
    if active < 0.5 or throughput <= 0.0:
        return curve
    slot = sum(active >= edge for edge in EDGES)
    bins = {sum(level >= edge for edge in EDGES): (level, rate, weight) for level, rate, weight in curve}
    level, rate, weight = bins.get(slot, (active, throughput, 0.0))
    weight = min(MAX_WEIGHT, weight + 1.0)
    bins[slot] = (kept(level + (active - level) / weight), kept(rate + (throughput - rate) / weight), weight)
    return tuple(bins[key] for key in sorted(bins))


def default_knee(vcpu: float) -> int:
    """Five connections a core: the assumption before anything was measured."""
    return max(2, round(5 * vcpu))


def fitted_knee(curve: Curve, vcpu: float) -> int | None:
    """K* of the fit, bounded to [2·vCPU+1, 8·vCPU]; None while the data cannot carry a fit."""
    if len(curve) < MIN_BINS or curve[-1][0] < MIN_SPAN * curve[0][0]:
        return None
    solution = _least_squares([((1.0, n - 1.0, n * (n - 1.0)), n / x, w) for n, x, w in curve])
    if solution is None:
        return None
    base, sigma_base, kappa_base = solution
    if base <= 0.0 or kappa_base <= 0.0 or sigma_base >= base:
        return None
    knee = sqrt((1.0 - max(0.0, sigma_base / base)) / (kappa_base / base))
    return round(min(8 * vcpu, max(2 * vcpu + 1, knee)))


def knee(curve: Curve, vcpu: float) -> int:
    """The fitted knee, or the default."""
    return fitted_knee(curve, vcpu) or default_knee(vcpu)


def _least_squares(
    rows: list[tuple[tuple[float, float, float], float, float]],
) -> tuple[float, float, float] | None:
    """Solve the weighted 3x3 normal equations by Gaussian elimination with pivoting."""
    matrix = [[0.0] * 4 for _ in range(3)]
    for terms, target, weight in rows:
        for i in range(3):
            for j in range(3):
                matrix[i][j] += weight * terms[i] * terms[j]
            matrix[i][3] += weight * terms[i] * target
    for column in range(3):
        pivot = max(range(column, 3), key=lambda row: abs(matrix[row][column]))
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        if abs(matrix[column][column]) < 1e-12:
            return None
        for row in range(3):
            if row != column:
                factor = matrix[row][column] / matrix[column][column]
                matrix[row] = [a - factor * b for a, b in zip(matrix[row], matrix[column], strict=True)]
    first, second, third = (matrix[i][3] / matrix[i][i] for i in range(3))
    return first, second, third
