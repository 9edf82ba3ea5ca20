"""`make test`: every stage from the linters down to the real cluster, named and timed, with one verdict.

A stage is a program; this module starts it, keeps what it said and its JUnit file below artifacts/, and
counts. It knows nothing about what the tests do. The cluster is brought up and removed by devcluster.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from devcluster import ownership
from tests.check import FILE_TESTS

ROOT = Path(__file__).resolve().parents[1]
ARTIFACTS = ROOT / "artifacts"
BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")
GRACE_SECONDS = 20
"""For a stage that took too long to write down what it has."""
EMBEDDED_TESTS = ("tests/e2e/test_1_cluster.py", "tests/e2e/test_7_flows.py", "tests/e2e/test_9_lifecycle.py")
"""Tests that need this host to be the node; the others are of the product, on whichever cluster."""


@dataclass(frozen=True)
class Stage:
    """Tests that need the same things. `command` writes the JUnit file it is told; `timeout` is seconds."""

    name: str
    command: tuple[str, ...]
    timeout: int
    needs_cluster: bool = False


@dataclass(frozen=True)
class Counts:
    """Test cases by outcome; errors in set-up or tear-down count as failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Outcome:
    """What came of a stage. `last_line` is the last thing it said."""

    stage: str
    exit_code: int
    seconds: float
    counts: Counts
    last_line: str


def stages(*, full: bool, cluster_kind: str = "embedded") -> list[Stage]:
    """In the order in which a failure is cheapest to learn about. `full` adds the tests marked so."""
    selection = () if full else ("-m", "not full")
    slow = 4 if full else 1

    def pytest(name: str, *arguments: str, timeout: int, needs_cluster: bool = False) -> Stage:
        command = (str(BIN / "pytest"), "--color=no", *selection, *arguments)
        return Stage(name, command, timeout * slow, needs_cluster)

    not_here = tuple(f"--ignore={path}" for path in EMBEDDED_TESTS) if cluster_kind == "kind" else ()
    already = tuple(f"--ignore={path}" for path in FILE_TESTS)
    return [
        Stage("check", (PYTHON, "-m", "tests.check"), 600),
        Stage("unit", (PYTHON, "-m", "tests.coverage_gate", "--color=no", *selection, "tests/unit"), 900 * slow),
        pytest("contract", "tests/contract", timeout=900),
        pytest("packaging", "tests/packaging", *already, timeout=900),
        pytest("services", "tests/services", "--numprocesses=2", "--dist=loadfile", timeout=1800),
        pytest("control_plane", "tests/control_plane", timeout=1800),
        pytest("e2e", "tests/e2e", *not_here, timeout=3600, needs_cluster=True),
    ]


def select(every: list[Stage], names: str | None) -> list[Stage]:
    """The stages of a comma-separated list, in their own order. Raises ValueError for any other name."""
    if names is None:
        return every
    wanted = set(names.split(","))
    if unknown := wanted - {stage.name for stage in every}:
        known = ", ".join(stage.name for stage in every)
        raise ValueError(f"no such stage: {', '.join(sorted(unknown))}; there are: {known}")
    return [stage for stage in every if stage.name in wanted]


def count(junit: Path) -> Counts:
    """The test cases of a JUnit file. Raises FileNotFoundError or ParseError when there is no whole file."""
    total = Counts()
    for case in ElementTree.parse(junit).iter("testcase"):  # noqa: S314  # written by our own run a moment ago
        outcomes = {child.tag for child in case}
        failed = bool(outcomes & {"failure", "error"})
        skipped = not failed and "skipped" in outcomes
        total += Counts(passed=int(not failed and not skipped), failed=int(failed), skipped=int(skipped))
    return total


def execute(stage: Stage) -> Outcome:
    """Runs a stage, showing and keeping its output. Without a JUnit file it counts as one failure."""
    junit = ARTIFACTS / "junit" / f"{stage.name}.xml"
    junit.parent.mkdir(parents=True, exist_ok=True)
    junit.unlink(missing_ok=True)
    started = time.monotonic()
    exit_code, last_line = _stream(
        (*stage.command, f"--junitxml={junit}"), ARTIFACTS / f"{stage.name}.log", stage.timeout
    )
    try:
        counts = count(junit)
    except (FileNotFoundError, ElementTree.ParseError):
        counts = Counts(failed=1)
    return Outcome(stage.name, exit_code, time.monotonic() - started, counts, last_line)


@contextmanager
def running_cluster(kind: str) -> Iterator[None]:
    """The real cluster with the quickstart on it; one that is up is reused, but not in CI, and left up."""
    in_ci = bool(os.environ.get("CI"))
    if in_ci:
        _devcluster(kind, "down")
    was_up = not in_ci and _is_up(kind)
    if _devcluster(kind, "quickstart"):
        raise RuntimeError("the cluster did not come up")
    try:
        yield
    finally:
        if not was_up:
            _devcluster(kind, "down")


def run(chosen: list[Stage], kind: str) -> list[Outcome]:
    """Every chosen stage, whatever came of those before: one run shows all there is to mend."""
    outcomes = []
    for stage in chosen:
        print(f"\n━━ {stage.name}", flush=True)
        if not stage.needs_cluster:
            outcomes.append(execute(stage))
            continue
        started = time.monotonic()
        try:
            with running_cluster(kind):
                outcomes.append(execute(stage))
        except RuntimeError as error:
            seconds = time.monotonic() - started
            outcomes.append(Outcome(stage.name, 1, seconds, Counts(failed=1), str(error)))
    return outcomes


def summary(outcomes: Iterable[Outcome]) -> str:
    """A line a stage, and the line that counts all."""
    total = Counts()
    rows = []
    for outcome in outcomes:
        total += outcome.counts
        mark = "FAILED" if outcome.exit_code or outcome.counts.failed else "ok    "
        rows.append(f"{mark} {outcome.seconds:7.1f} s  {outcome.stage:<14} {outcome.last_line}")
    return "\n".join([*rows, str(total)])


def main(arguments: list[str]) -> int:
    """Exit code 0 when nothing failed, 1 after a failure, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="also soaks, repeats and long matrices")
    parser.add_argument("--only", metavar="STAGE[,STAGE]", help="only these stages")
    parser.add_argument("--cluster", choices=("embedded", "kind"), default="embedded", help="for the stage e2e")
    options = parser.parse_args(arguments)
    try:
        chosen = select(stages(full=options.full, cluster_kind=options.cluster), options.only)
    except ValueError as error:
        parser.error(str(error))
    os.environ["IP2A_CLUSTER"] = options.cluster  # how the end-to-end tests know whom to ask
    outcomes = run(chosen, options.cluster)
    print(f"\n━━ summary\n{summary(outcomes)}", flush=True)
    return int(any(outcome.exit_code or outcome.counts.failed for outcome in outcomes))


def _stream(command: tuple[str, ...], log: Path, timeout: int) -> tuple[int, str]:
    """Shows and keeps the output while the program runs; its exit code and the last line not empty."""
    last_line = ""
    with (
        log.open("w") as kept,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process,
    ):
        too_late = threading.Event()
        alarm = threading.Timer(timeout, _end, [process, too_late])
        alarm.daemon = True
        alarm.start()
        for line in process.stdout or ():
            print(line, end="", flush=True)
            kept.write(line)
            last_line = line.strip() or last_line
        exit_code = process.wait()
    if too_late.is_set():
        last_line = f"ended after {timeout} s without a result"
    alarm.cancel()
    return exit_code, re.sub(r"^=+ | =+$", "", last_line)


def _end(process: subprocess.Popen[str], too_late: threading.Event) -> None:
    """By interrupt, so that it may still report; by force when it does not listen, as in a shell's background."""
    too_late.set()
    process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _is_up(kind: str) -> bool:
    if kind == "kind":
        return "ip2a" in subprocess.check_output(["kind", "get", "clusters"], text=True).split()
    return ownership.holder() is not None


def _devcluster(kind: str, command: str) -> int:
    return subprocess.call([PYTHON, "-m", "devcluster", command, "--cluster", kind], cwd=ROOT)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
