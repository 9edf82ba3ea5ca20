"""`python -m tests.coverage_gate …`: pytest with these arguments, and at least 98 % of the branches of the operator's
domain taken by them.

The unit stage of `make test`. Branches alone are judged; the percentage that coverage.py prints counts statements too.
A run that fails is not measured. Only the operator's unit tests count: tracing slows down whatever runs, and those
marked `untraced`, which play thousands of worlds, it would make several times as long.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage

PACKAGE = "ip2a_operator.domain"
LEAST_PERCENT = 98.0
COUNTED = Path(__file__).parent / "unit" / "operator"


class Pause:
    """A plugin of pytest: nothing is traced during a test that does not count."""

    def __init__(self, measured: Coverage) -> None:
        self._measured = measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Around the test itself."""
        if item.path.is_relative_to(COUNTED) and item.get_closest_marker("untraced") is None:
            yield
            return
        self._measured.stop()
        try:
            yield
        finally:
            self._measured.start()


def main(arguments: list[str]) -> int:
    """pytest's exit status; 1 when too little was covered."""
    measured = Coverage(data_file=None, branch=True, source_pkgs=[PACKAGE], config_file=False)
    measured.start()
    status = pytest.main(arguments, plugins=[Pause(measured)])
    measured.stop()
    if status != pytest.ExitCode.OK:
        return int(status)
    measured.report(skip_covered=True, show_missing=True, precision=1)
    percent = branches_taken(measured)
    if percent < LEAST_PERCENT:
        print(f"{PACKAGE}: {percent:.1f} % of the branches are taken, {LEAST_PERCENT:g} are wanted")
        return 1
    print(f"{PACKAGE}: {percent:.1f} % of the branches are taken")
    return 0


def branches_taken(measured: Coverage) -> float:
    """Percent of all branches."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "coverage.json"
        with contextlib.redirect_stdout(io.StringIO()):
            measured.json_report(outfile=str(report))
        totals: dict[str, int] = json.loads(report.read_text(encoding="utf-8"))["totals"]
    return 100 * totals["covered_branches"] / totals["num_branches"]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
