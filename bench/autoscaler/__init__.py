"""The autoscaler against the scalers people use today, and against the best plan found with hindsight.

`python -m bench autoscaler` judges what the present results file holds, and measures the core's and the
simulator's speed; `python -m bench.autoscaler.matrix` makes the runs.
"""

from collections.abc import Sequence

from bench import harness


def measure(arguments: list[str]) -> Sequence[harness.Row]:
    """Rows for the bars of bench/bars.toml that can be decided without a cluster; takes no arguments."""
    from bench.autoscaler.measure import rows  # noqa: PLC0415  # numba and matplotlib load only when measured

    if arguments:
        raise SystemExit(f"bench autoscaler takes no arguments, found {' '.join(arguments)}")
    return rows()
