"""`python -m bench NAME [ARGUMENTS]`: runs one measurement, keeps it in bench/results and prints the table.

A measurement is a package bench/NAME with `measure(arguments: list[str]) -> Sequence[Row]`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import harness

Measure = Callable[[list[str]], Sequence[harness.Row]]


def names() -> list[str]:
    """The packages beside this module."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/__init__.py"))


def main(arguments: list[str]) -> int:
    """Exit code 0 when every bar holds, 1 when one does not, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=names(), help="what to measure")
    parser.add_argument("--no-write", action="store_true", help="leave bench/results as it is")
    options, rest = parser.parse_known_args(arguments)
    measure: Measure = importlib.import_module(f"bench.{options.name}").measure
    rows = measure(rest)
    harness.show(f"bench {options.name}", rows)
    if not options.no_write:
        print(f"kept in {harness.write(options.name, rows).relative_to(harness.ROOT)}")
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
