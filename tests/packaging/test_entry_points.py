"""`make check` and `make test` tell the truth: a failure is never lost, and the last line counts every test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import check, run
from tests.check import Step
from tests.run import Counts, Outcome, Stage

JUNIT = """<testsuites><testsuite>
  <testcase name="good"/>
  <testcase name="also good"><system-out>said</system-out></testcase>
  <testcase name="bad"><failure/></testcase>
  <testcase name="broken"><error/></testcase>
  <testcase name="left out"><skipped/></testcase>
  <testcase name="bad in the end"><skipped/><error/></testcase>
</testsuite></testsuites>"""


@pytest.fixture(autouse=True)
def _artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ARTIFACTS", tmp_path)


def program(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


WRITES_JUNIT = f"""
import sys
path = next(one for one in sys.argv if one.startswith("--junitxml=")).removeprefix("--junitxml=")
open(path, "w").write({JUNIT!r})
"""


def test_every_outcome_is_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(JUNIT)
    assert run.count(path) == Counts(passed=2, failed=3, skipped=1)


def test_a_stage_shows_keeps_and_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    outcome = run.execute(Stage("some", program(WRITES_JUNIT + "print('== 2 passed, 3 failed ==')"), 30))
    assert outcome.counts == Counts(2, 3, 1)
    assert outcome.exit_code == 0
    assert outcome.last_line == "2 passed, 3 failed"
    assert capsys.readouterr().out == (tmp_path / "some.log").read_text()


def test_a_stage_that_dies_counts_as_one_failure_even_after_an_older_success(tmp_path: Path) -> None:
    (tmp_path / "junit").mkdir()
    (tmp_path / "junit" / "some.xml").write_text("<testsuite><testcase/></testsuite>")
    outcome = run.execute(Stage("some", program("raise SystemExit(3)"), 30))
    assert (outcome.exit_code, outcome.counts) == (3, Counts(failed=1))


def test_a_stage_that_hangs_is_ended(tmp_path: Path) -> None:
    outcome = run.execute(Stage("some", program("import threading; threading.Event().wait()"), 1))
    assert outcome.exit_code != 0
    assert "ended after 1 s" in outcome.last_line


def test_the_last_line_counts_all_stages() -> None:
    outcomes = [Outcome("a", 0, 1.0, Counts(5, 0, 1), "x"), Outcome("b", 1, 1.0, Counts(1, 2, 0), "y")]
    assert run.summary(outcomes).splitlines()[-1] == "6 passed, 2 failed, 1 skipped"


@pytest.mark.parametrize(("exit_code", "counts"), [(1, Counts(1)), (0, Counts(1, failed=1))])
def test_either_a_bad_exit_code_or_a_failed_test_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, exit_code: int, counts: Counts
) -> None:
    monkeypatch.setattr(run, "run", lambda *_: [Outcome("unit", exit_code, 1.0, counts, "")])
    assert run.main(["--only", "unit"]) == 1


def test_an_unknown_stage_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(["--only", "unit,integration"])
    assert ended.value.code == 2
    assert "no such stage: integration; there are: check, unit" in capsys.readouterr().err


def test_only_the_full_run_has_the_tests_marked_full() -> None:
    quick = [stage for stage in run.stages(full=False) if stage.name != "check"]
    assert all("-m not full" in " ".join(stage.command) for stage in quick)
    assert not any("not full" in stage.command for stage in run.stages(full=True))


def test_on_kind_the_tests_of_the_embedded_cluster_are_left_out() -> None:
    commands = {kind: run.stages(full=False, cluster_kind=kind)[-1].command for kind in ("embedded", "kind")}
    assert set(commands["kind"]) - set(commands["embedded"]) == {f"--ignore={path}" for path in run.EMBEDDED_TESTS}
    assert all((run.ROOT / path).exists() for path in run.EMBEDDED_TESTS)


def test_every_directory_of_tests_is_a_stage() -> None:
    directories = {path.name for path in (run.ROOT / "tests").iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert directories <= {stage.name for stage in run.stages(full=False)}


def test_a_failing_step_says_everything_and_a_passing_one_a_line() -> None:
    failed = check.run(Step("bad", program("print('why'); raise SystemExit(1)")))
    assert not failed.passed
    assert "why" in check.report(failed)
    passed = check.run(Step("good", program("print('chatter')")))
    assert passed.passed
    assert len(check.report(passed).splitlines()) == 1


def test_a_step_that_does_not_end_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "STEP_TIMEOUT_SECONDS", 1)
    ended = check.run(Step("slow", program("import threading; threading.Event().wait()")))
    assert not ended.passed
    assert "no end after 1 s" in ended.output


def test_check_writes_a_junit_file_and_fails_with_any_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    steps = [Step("good", program("")), Step("bad", program("raise SystemExit('broken')"))]
    monkeypatch.setattr(check, "steps", lambda: steps)
    path = tmp_path / "junit" / "check.xml"
    assert check.main(["--junitxml", str(path)]) == 1
    assert run.count(path) == Counts(passed=1, failed=1)
    assert "broken" in path.read_text()
