"""How long a stranger waits: `make up` with nothing cached, again with everything cached, and while it is up.

`python -m bench devcluster --cold` clones the checkout's HEAD into an empty directory and refuses unless our cache and
Go's are empty (point XDG_CACHE_HOME, GOCACHE and GOMODCACHE at empty directories); without `--cold` the first figure is
left out and what an earlier cold run found is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.harness import RESULTS, ROOT, Row, bars, judged, reported
from devcluster.control_plane import control_plane
from devcluster.paths import cache_dir

MAKE_TIMEOUT_SECONDS = 5400
CONTROL_PLANES = 5


@dataclass(frozen=True)
class Up:
    """One `make up`: seconds from typing it to its end, and of each step it said it made."""

    seconds: float
    steps: dict[str, float]


def measure(arguments: list[str]) -> Sequence[Row]:
    """Rows in seconds. Needs root, and no cluster on this machine."""
    parser = argparse.ArgumentParser(prog="python -m bench devcluster", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cold", action="store_true", help="also the first time, with empty caches")
    parser.add_argument("--repeat", type=int, default=3, help="how many times down, up and up again (default 3)")
    options = parser.parse_args(arguments)
    if options.cold and (full := [str(place) for place in _caches() if place.exists() and any(place.iterdir())]):
        sys.exit(f"bench devcluster: a cold run needs empty caches, and there is something in {', '.join(full)}")
    with tempfile.TemporaryDirectory(prefix="ip2a-clone-") as scratch:
        clone = Path(scratch) / "ip2a"
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True, timeout=120)
        cold = _cold_rows(_up(clone)) if options.cold else _kept_cold_rows()
        # Before the ups: a checkout that is not clean is found now, not after minutes that are lost then.
        _make(clone, ".venv/.ready")
        check = [_make(clone, "check") for _ in range(options.repeat)]
        warm, again = [], []
        try:
            for _ in range(options.repeat):
                _make(clone, "down")
                warm.append(_up(clone))
                again.append(_up(clone))
        finally:
            _make(clone, "down")
    bar = bars("devcluster")
    return [
        *cold,
        judged(bar["warm_up"], [up.seconds for up in warm]),
        judged(bar["up_again"], [up.seconds for up in again]),
        judged(bar["control_plane_up"], [_control_plane() for _ in range(CONTROL_PLANES)]),
        judged(bar["check"], check),
        *(reported(f"warm/{_word(step)}", "s", [up.steps[step] for up in warm]) for step in warm[0].steps),
    ]


def _cold_rows(up: Up) -> list[Row]:
    total = reported("cold_up", "s", [up.seconds])
    return [total, *(reported(f"cold/{_word(step)}", "s", [seconds]) for step, seconds in up.steps.items())]


def _kept_cold_rows() -> list[Row]:
    """A cold run takes long and cannot be had twice on one machine without forgetting everything."""
    path = RESULTS / "devcluster.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    return [Row(**{**row, "runs": tuple(row["runs"])}) for row in rows if row["name"].startswith("cold")]


def _caches() -> list[Path]:
    asked = subprocess.check_output(["go", "env", "GOCACHE", "GOMODCACHE"], text=True, timeout=60).split()
    return [cache_dir(), *(Path(place) for place in asked)]


def _up(clone: Path) -> Up:
    timings = clone / "artifacts" / "timings.json"
    timings.parent.mkdir(exist_ok=True)
    seconds = _make(clone, "up", f"TIMINGS={timings}")
    return Up(seconds, json.loads(timings.read_text())["steps"])


def _make(clone: Path, *target: str) -> float:
    """Seconds; what make said goes to our standard error. Raises CalledProcessError."""
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "VIRTUAL_ENV"}}
    began = time.monotonic()
    subprocess.run(
        ["make", *target], cwd=clone, env=environment, stdout=sys.stderr, check=True, timeout=MAKE_TIMEOUT_SECONDS
    )
    return time.monotonic() - began


def _control_plane() -> float:
    began = time.monotonic()
    with control_plane():
        return time.monotonic() - began


def _word(step: str) -> str:
    """A step's name without spaces, as the blocks of figures name rows."""
    return step.replace(", ", "+").replace(" ", "_")
