"""`make check`: everything that can be said about the tree without running the product, in about a minute.

Steps run two at a time because two cores are what CI and most laptops can spare. Each prints one line; a
failing one prints all it said. New kinds of checks belong here, tests of behaviour do not.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from devcluster.gotools import tool

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
STEP_TIMEOUT_SECONDS = 300
AT_ONCE = 2

FILE_TESTS = ("tests/packaging/test_repository.py", "tests/packaging/test_chart.py")
"""Quick tests of files, run here and therefore not again by the packaging stage of `make test`."""

TYPED = ("operator/src", "app/src", "devcluster/src", "charts", "tests", "bench")


@dataclass(frozen=True)
class Step:
    """A program that exits 0 when all is well, and otherwise says what is wrong."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a step; `output` is both streams together."""

    step: Step
    passed: bool
    seconds: float
    output: str


def steps() -> list[Step]:
    """The longest first, so that the others fill the second place beside it."""
    python = str(BIN / "python")
    return [
        Step("types (mypy)", (str(BIN / "mypy"), *TYPED)),
        Step("format (ruff)", (str(BIN / "ruff"), "format", "--check", ".")),
        Step("lint (ruff)", (str(BIN / "ruff"), "check", ".")),
        Step("layers (import-linter)", (str(BIN / "lint-imports"),)),
        Step("yaml (yamllint)", (str(BIN / "yamllint"), "--strict", ".")),
        Step("chart (helm lint)", (str(tool("helm")), "lint", "--strict", "--quiet", "charts/ip2a-operator")),
        Step("generated: CRD, API reference", (python, "-m", "ip2a_operator.api.generate", "--check")),
        Step("generated: chart, install, goldens", (python, "-m", "charts.generate", "--check")),
        Step("generated: figures in documents", (python, "-m", "bench.figures", "--check")),
        Step("files (pytest)", (str(BIN / "pytest"), "-q", "-p", "no:cacheprovider", *FILE_TESTS)),
    ]


def run(step: Step) -> Outcome:
    """Runs one step. A time-out is a failure that says so."""
    started = time.monotonic()
    try:
        done = subprocess.run(
            step.command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=STEP_TIMEOUT_SECONDS,
            check=False,
        )
        passed, output = done.returncode == 0, done.stdout
    except subprocess.TimeoutExpired as expired:
        passed, output = False, f"{_text(expired.output)}\nno end after {STEP_TIMEOUT_SECONDS} s"
    return Outcome(step, passed, time.monotonic() - started, output)


def report(outcome: Outcome) -> str:
    """One line, and below it everything a failing step said."""
    mark = "ok    " if outcome.passed else "FAILED"
    line = f"{mark} {outcome.seconds:6.1f} s  {outcome.step.name}"
    if outcome.passed:
        return line
    said = "\n".join(f"    {text}" for text in outcome.output.rstrip().splitlines())
    return f"{line}\n    $ {' '.join(outcome.step.command)}\n{said}"


def junit(outcomes: list[Outcome]) -> ElementTree.ElementTree[ElementTree.Element]:
    """The outcomes as a JUnit file: one test case a step."""
    failures = sum(not outcome.passed for outcome in outcomes)
    suite = ElementTree.Element("testsuite", name="check", tests=str(len(outcomes)), failures=str(failures))
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname="check", name=outcome.step.name, time=f"{outcome.seconds:.1f}"
        )
        if not outcome.passed:
            ElementTree.SubElement(case, "failure", message="failed").text = outcome.output
    return ElementTree.ElementTree(suite)


def main(arguments: list[str]) -> int:
    """Exit code 0 when every step passed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--junitxml", type=Path, help="also write the outcomes there")
    target: Path | None = parser.parse_args(arguments).junitxml
    started = time.monotonic()
    outcomes = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for outcome in pool.map(run, steps()):
            outcomes.append(outcome)
            print(report(outcome), flush=True)
    failed = [outcome.step.name for outcome in outcomes if not outcome.passed]
    verdict = f"failed: {', '.join(failed)}" if failed else "all passed"
    print(f"check: {verdict} in {time.monotonic() - started:.0f} s")
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
        junit(outcomes).write(target, encoding="unicode")
    return int(bool(failed))


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
