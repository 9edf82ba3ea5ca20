"""Starts the platform as real server processes against the services of the fixtures."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from devcluster.paths import CHECKOUT
from devcluster.services.process import HOST, free_port

START_SECONDS = 60
STOP_SECONDS = 15


@dataclass(frozen=True)
class Fleet:
    """Server processes that share a clock."""

    urls: tuple[str, ...]
    clock: Path
    logs: tuple[Path, ...]
    pids: tuple[int, ...]
    ops_urls: tuple[str, ...]

    def set_clock(self, moment: datetime | None) -> None:
        """What time it is for all of them; None is the wall clock."""
        aside = self.clock.with_suffix(".new")
        aside.write_text(moment.isoformat() if moment else "")
        aside.replace(self.clock)

    def said(self) -> str:
        """What the processes logged."""
        return "\n".join(log.read_text() for log in self.logs)


@contextmanager
def platform(environment: Mapping[str, str], directory: Path, count: int = 1) -> Iterator[Fleet]:
    """`count` processes, ready to serve; they end with the block. `directory` keeps clock and logs."""
    clock = directory / "clock"
    clock.write_text("")
    with ExitStack() as stack:
        started = []
        for number in range(count):
            log, port, ops_port = directory / f"platform-{number}.log", free_port(), free_port()
            command = [sys.executable, "-m", "tests.services.app.served", "--clock", str(clock)]
            command += ["--port", str(port), "--ops-port", str(ops_port)]
            url = f"http://{HOST}:{port}"
            pid = stack.enter_context(_running(command, {**environment, "IP2A_PUBLIC_URL": url}, log))
            started.append((url, f"http://{HOST}:{ops_port}", log, pid))
        for _, ops, log, _ in started:
            _wait_ready(f"{ops}/readyz", log)
        urls, ops_urls, logs, pids = zip(*started, strict=True)
        yield Fleet(urls, clock, logs, pids, ops_urls)


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    variables = {**os.environ, **environment, "IP2A_TRUSTED_PROXIES": "127.0.0.1/32"}
    variables["PYTHONPATH"] = os.pathsep.join((str(CHECKOUT / "app" / "src"), str(CHECKOUT)))
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=variables, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_ready(probe: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(timeout=5, verify=False) as client:  # noqa: S501 (no TLS on the loopback interface)
        while time.monotonic() < deadline:
            try:
                if client.get(probe).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise AssertionError(f"the platform did not become ready:\n{log.read_text()[-4000:]}")
