"""I1–I6 over made-up worlds, counted and kept: `python -m bench.autoscaler.states [COUNT]`.

The worlds and the check are those of tests/unit/operator/autoscaling/test_invariants.py: after every decision the six
invariants hold, they hold in every prefix of its writes (where the operator may die), and nothing shrinks on data that
is not fresh. The first violation ends the run with its seed.
"""

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from bench import harness
from tests.unit.operator.autoscaling.test_invariants import check_world

KEPT = harness.RESULTS / "autoscaler-states.json"
FIRST, CHUNK = 10_000, 5_000


def check(first: int) -> int:
    """Worlds of one chunk of seeds. Raises AssertionError naming the seed that breaks an invariant."""
    for seed in range(first, first + CHUNK):
        check_world(seed)
    return CHUNK


def run(count: int, workers: int) -> dict[str, object]:
    """Check `count` worlds and keep what came of it."""
    began, seen = time.monotonic(), 0
    with ProcessPoolExecutor(workers) as pool:
        for checked in pool.map(check, range(FIRST, FIRST + count, CHUNK)):
            seen += checked
            print(f"\r{seen} worlds", end="", file=sys.stderr, flush=True)
    found = {
        "machine": harness.machine(),
        "commit": harness.commit(),
        "states": seen,
        "violations": 0,
        "seconds": round(time.monotonic() - began),
    }
    KEPT.write_text(json.dumps(found, indent=1) + "\n")
    return found


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, os.cpu_count() or 1))
