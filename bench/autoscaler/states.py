"""I1–I6 over made-up worlds, counted and kept: `python -m bench.autoscaler.states [COUNT]`. Goes on where it was ended.

The worlds and the check are those of tests/unit/operator/autoscaling/test_invariants.py: after every decision the six
invariants hold, they hold in every prefix of its writes (where the operator may die), and nothing shrinks on data that
is not fresh. The first violation ends the run with its seed.
"""

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from bench import harness
from bench.autoscaler.matrix import digest
from tests.unit.operator.autoscaling.test_invariants import check_world

KEPT = harness.RESULTS / "autoscaler-states.json"
FIRST, CHUNK = 10_000, 5_000


def check(first: int) -> int:
    """Worlds of one chunk of seeds. Raises AssertionError naming the seed that breaks an invariant."""
    for seed in range(first, first + CHUNK):
        check_world(seed)
    return CHUNK


def seen_before(code: str) -> int:
    """Worlds that this very code was already checked in."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return int(kept["states"]) if kept.get("code") == code else 0


def run(count: int, workers: int) -> int:
    """Check worlds until there are `count`, keeping how many there were."""
    code = digest()
    seen = seen_before(code)
    with ProcessPoolExecutor(workers) as pool:
        for checked in pool.map(check, range(FIRST + seen, FIRST + count, CHUNK)):
            seen += checked
            kept = {"machine": harness.machine(), "code": code, "states": seen, "violations": 0}
            KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    return seen


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, os.cpu_count() or 1), "worlds, no violation")
