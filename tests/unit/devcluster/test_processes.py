"""Daemons are known by pid and start time, restarted when their command changes, and only ours are ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
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


FIRST_THREAD_ENDS = """
import ctypes, socket, threading, time
listening = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=time.sleep, args=(60,)).start()
print(listening.getsockname()[1], flush=True)
ctypes.CDLL(None).syscall(ctypes.c_long({exit}), ctypes.c_long(0))
"""
SYS_EXIT = {"x86_64": 60, "aarch64": 93}
"""The system call that ends one thread, by machine (linux/arch/*/…/unistd)."""


def test_a_process_lives_until_its_last_thread_is_gone() -> None:
    """As one does for a moment after SIGKILL: its first thread is a zombie and its port is still taken."""
    script = FIRST_THREAD_ENDS.format(exit=SYS_EXIT[os.uname().machine])
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        status = Path(f"/proc/{process.pid}/stat")
        deadline = time.monotonic() + 10
        while status.read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert started_at(process.pid) is not None
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("127.0.0.1", port)).close()
        process.kill()
        while started_at(process.pid) is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        socket.create_server(("127.0.0.1", port)).close()


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
