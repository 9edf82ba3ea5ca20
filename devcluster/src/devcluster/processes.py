"""Host processes of the cluster: started in sessions of their own, remembered by pid *and* start time.

A pid alone is not an identity (it is reused), so `down` can only ever end what this package started.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import StepFailed

POLL_SECONDS = 0.05
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Daemons:
    """Daemons with their records in `records` and their logs in `logs`."""

    records: Path
    logs: Path

    def start(self, name: str, command: Sequence[str | Path], environment: dict[str, str] | None = None) -> bool:
        """Starts `name` unless it runs already with the same command. True when it was started now.

        A changed command restarts it. The process outlives this one; its output goes to `logs/NAME.log`.
        """
        arguments = [str(part) for part in command]
        if self.running(name):
            if self._record(name)["command"] == arguments:
                return False
            self.stop(name)
        self.records.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        record = {"pid": process.pid, "started": started_at(process.pid), "command": arguments}
        (self.records / f"{name}.json").write_text(json.dumps(record))
        return True

    def configure(self, name: str, file: Path, text: str) -> None:
        """Writes `name`'s configuration if it differs, and then ends the process that has the old one.

        An equal file is not touched: kube-proxy ends by itself when its configuration file is written to.
        """
        if write_changed(file, text):
            self.stop(name)

    def names(self) -> list[str]:
        """Everything that was started and not stopped, running or dead."""
        return sorted(file.stem for file in self.records.glob("*.json"))

    def running(self, name: str) -> bool:
        """Whether the very process that was started is alive."""
        return self.pid(name) is not None

    def pid(self, name: str) -> int | None:
        """Its process id while it lives."""
        if not (self.records / f"{name}.json").exists():
            return None
        record = self._record(name)
        pid = int(str(record["pid"]))
        alive = record["started"] is not None and started_at(pid) == record["started"]
        return pid if alive else None

    def stop(self, name: str, *, grace: float = STOP_SECONDS) -> None:
        """Ends it: SIGTERM, and after `grace` seconds SIGKILL (at once when 0)."""
        pid = self.pid(name)
        if pid is not None:
            end(pid, grace=grace)
        (self.records / f"{name}.json").unlink(missing_ok=True)

    def log(self, name: str) -> Path:
        """Where its output goes."""
        return self.logs / f"{name}.log"

    def wait(self, name: str, ready: Callable[[], bool], *, timeout: float, remedy: str) -> None:
        """Waits until `ready()`. Raises StepFailed with the log's end after `timeout` seconds or when it died."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.running(name):
                raise StepFailed(f"{name} ended by itself", remedy, self.log(name))
            if time.monotonic() > deadline:
                raise StepFailed(f"{name} was not ready after {timeout:.0f} s", remedy, self.log(name))
            time.sleep(POLL_SECONDS)

    def _record(self, name: str) -> dict[str, object]:
        record: dict[str, object] = json.loads((self.records / f"{name}.json").read_text())
        return record


def write_changed(file: Path, text: str) -> bool:
    """Writes a text file, mode 0600, unless it is the same already. Whether it was written."""
    if file.exists() and file.read_text() == text:
        return False
    file.touch(mode=0o600)
    file.write_text(text)
    return True


def started_at(pid: int) -> int | None:
    """The start time of a live process in clock ticks since boot (field 22 of /proc/PID/stat); None for the dead.

    A killed process whose first thread is a zombie lives until its last thread is gone: it holds its ports that long.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" and threads < 2 else int(fields[19])


def end(pid: int, *, grace: float = STOP_SECONDS) -> None:
    """Ends one process and waits until it is gone."""
    identity = started_at(pid)
    politely = [(signal.SIGTERM, grace)] if grace else []
    for number, patience in (*politely, (signal.SIGKILL, STOP_SECONDS)):
        if identity is None or started_at(pid) != identity:
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while started_at(pid) == identity and time.monotonic() < deadline:
            _reap(pid)
            time.sleep(POLL_SECONDS)


def _reap(pid: int) -> None:
    """Our own child stays a zombie until it is waited for; somebody else's is not ours to wait for."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
