"""Tells a person what is being done: live on a terminal, one plain line a step elsewhere.

Every finished step is kept with its seconds, so that the generated table of `docs/devcluster.md` comes from real runs.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table


@dataclass(frozen=True)
class Timing:
    """One finished step."""

    step: str
    seconds: float


@dataclass
class _Running:
    step: str
    since: float
    detail: str = ""


@dataclass
class Progress:
    """Steps may run in several threads at once; each shows its own line."""

    live: bool = field(default_factory=lambda: sys.stderr.isatty() and not os.environ.get("CI"))
    timings: list[Timing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._lock = threading.Lock()
        self._running: list[_Running] = []
        self._display: Live | None = None

    def seconds_by_step(self) -> dict[str, float]:
        """Seconds of every finished step, in the order in which they ended; steps may have overlapped."""
        return {timing.step: round(timing.seconds, 1) for timing in self.timings}

    @contextmanager
    def step(self, name: str) -> Iterator[_Step]:
        """Shows `name` while the body runs, and its seconds when it ends. A failing body is marked and re-raised."""
        running = _Running(name, time.monotonic())
        self._begin(running)
        try:
            yield _Step(running, self)
        except BaseException:
            self._end(running, "[red]✗[/red]" if self.live else "FAILED")
            raise
        self._end(running, "[green]✓[/green]" if self.live else "done  ")

    def note(self, text: str) -> None:
        """A line of its own."""
        self._console.print(text, soft_wrap=True)

    def _begin(self, running: _Running) -> None:
        with self._lock:
            self._running.append(running)
            if not self.live:
                self._console.print(f"begin  {running.step}", soft_wrap=True, markup=False)
            elif self._display is None:
                self._display = Live(self, console=self._console, refresh_per_second=4, transient=True)
                self._display.start()

    def _end(self, running: _Running, mark: str) -> None:
        seconds = time.monotonic() - running.since
        with self._lock:
            self._running.remove(running)
            self.timings.append(Timing(running.step, seconds))
            self._console.print(f"{mark} {running.step} ({seconds:.1f} s)", soft_wrap=True)
            if self._display is not None and not self._running:
                self._display.stop()
                self._display = None

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for running in list(self._running):
            elapsed = time.monotonic() - running.since
            table.add_row("[yellow]…[/yellow]", running.step, f"{elapsed:.0f} s", f"[dim]{running.detail}[/dim]")
        return table


@dataclass(frozen=True)
class _Step:
    _running: _Running
    _progress: Progress

    def detail(self, text: str) -> None:
        """What the step is doing just now; shown only on a terminal."""
        self._running.detail = text
