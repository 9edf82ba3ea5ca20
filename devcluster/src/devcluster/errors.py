"""What can go wrong, said so that a stranger can mend it.

DevclusterError      anything this package refuses or fails at; has a remedy, may have a log
├── Unsupported      the host lacks something (root, Go, a package, space, a free port)
└── StepFailed       a program that we ran failed; carries the end of its log
"""

from __future__ import annotations

from pathlib import Path

LOG_TAIL_LINES = 25


class DevclusterError(Exception):
    """A failure with a remedy. `str(error)` is the whole text a person needs."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  remedy: {remedy}")
        self.problem = problem
        self.remedy = remedy


class Unsupported(DevclusterError):
    """The host cannot do this yet; nothing was started."""


class StepFailed(DevclusterError):
    """A program failed. The message ends with the last lines of its log."""

    def __init__(self, problem: str, remedy: str, log: Path | None = None) -> None:
        super().__init__(problem, remedy)
        self.log = log

    def __str__(self) -> str:
        text = super().__str__()
        if self.log is None or not self.log.exists():
            return text
        return f"{text}\n  log: {self.log}, which ends with:\n{tail(self.log)}"


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last `lines` lines of a log, indented for a message."""
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    | {line}" for line in text)
