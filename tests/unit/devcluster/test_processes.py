"""Daemons are known by pid and start time, restarted when their command changes, and only ours are ended."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from devcluster.errors import StepFailed
from devcluster.processes import Daemons, started_at


@pytest.fixture
def daemons(tmp_path: Path) -> Daemons:
    return Daemons(tmp_path / "records", tmp_path / "log")


def test_starting_twice_changes_nothing_and_a_new_command_restarts(daemons: Daemons) -> None:
    assert daemons.start("sleeper", ["sleep", "60"])
    first = daemons.pid("sleeper")
    assert not daemons.start("sleeper", ["sleep", "60"])
    assert daemons.pid("sleeper") == first
    assert daemons.start("sleeper", ["sleep", "61"])
    assert daemons.pid("sleeper") != first
    daemons.stop("sleeper")
    assert daemons.names() == []


def test_a_reused_pid_is_not_ours(daemons: Daemons) -> None:
    daemons.records.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        record = {"pid": stranger.pid, "started": (started_at(stranger.pid) or 0) - 1, "command": ["sleep", "60"]}
        (daemons.records / "sleeper.json").write_text(json.dumps(record))
        assert not daemons.running("sleeper")
        daemons.stop("sleeper")
        assert stranger.poll() is None
        stranger.kill()


def test_a_process_that_ignores_sigterm_is_killed(daemons: Daemons) -> None:
    daemons.start("stubborn", ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"])
    pid = daemons.pid("stubborn")
    assert pid is not None
    daemons.stop("stubborn", grace=0.3)
    assert started_at(pid) is None


def test_waiting_for_one_that_died_shows_its_last_words(daemons: Daemons) -> None:
    daemons.start("dying", ["sh", "-c", "echo no such luck; exit 3"])
    with pytest.raises(StepFailed, match="ended by itself") as caught:
        daemons.wait("dying", lambda: False, timeout=5, remedy="try again")
    assert "no such luck" in str(caught.value)


def test_the_dead_have_no_start_time() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert started_at(process.pid) is None
    assert started_at(os.getpid()) is not None


def test_an_equal_configuration_is_not_touched_and_a_changed_one_ends_the_process(
    daemons: Daemons, tmp_path: Path
) -> None:
    file = tmp_path / "configuration"
    daemons.configure("sleeper", file, "a")
    daemons.start("sleeper", ["sleep", "60"])
    written = file.stat().st_mtime_ns
    daemons.configure("sleeper", file, "a")
    assert file.stat().st_mtime_ns == written
    assert daemons.running("sleeper")
    daemons.configure("sleeper", file, "b")
    assert not daemons.running("sleeper")
