"""The decision log: one JSON line each on standard output, beside the log on standard error. `ip2a replay` reads it."""

import sys
from typing import Literal

Wanted = Literal["all", "changed", "none"]


class StdoutJournal:
    """The Journal port."""

    def __init__(self, wanted: Wanted) -> None:
        self.everything = wanted == "all"
        self._silent = wanted == "none"

    def write(self, line: str) -> None:
        """One line."""
        if not self._silent:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
