"""Where things are kept: one place each, so that `down` can remove them and a second clone can share them."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "ip2a-devcluster"

STATE = Path("/var/lib") / NAME
"""etcd's data, volumes, certificates, logs, generated configuration of the one full cluster."""

RUN = Path("/run") / NAME
"""Sockets, process ids, network namespaces, container state: gone after a reboot."""

CHECKOUT = Path(__file__).resolve().parents[3]
"""The root of the checkout this package was imported from."""


def cache_dir() -> Path:
    """Outside any checkout, by the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / NAME
