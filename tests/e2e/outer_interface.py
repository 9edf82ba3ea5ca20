"""Watches the interface of the default route for packets that should have stayed on this machine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

FILTER = "net 10.244.0.0/16 or net 10.96.0.0/16"
"""Pods and services."""


@dataclass(frozen=True)
class OuterInterface:
    """The interface of the default route, watched for packets to pods or services."""

    process: subprocess.Popen[bytes]
    capture: Path

    def packets(self) -> list[str]:
        """Ends the capture; what was seen, a line a packet."""
        self.process.terminate()
        self.process.wait(timeout=10)
        read = ["tcpdump", "-nr", str(self.capture)]
        return subprocess.run(read, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
