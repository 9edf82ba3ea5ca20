"""What a cluster can leave on a host: processes, mounts, links, routes, rules, cgroups, CNI state, sysctls.

Used to prove that `down` leaves nothing. Volatile parts (counters, other people's processes) are left out.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster import network
from devcluster.paths import RUN, STATE
from devcluster.processes import started_at

DIRECTORIES = (
    STATE,
    RUN,
    Path("/var/lib/kubelet"),
    Path("/var/lib/cni"),
    Path("/var/log/pods"),
    Path("/var/log/containers"),
)


@dataclass(frozen=True)
class HostSnapshot:
    """One look at the host; two are equal when nothing was left."""

    processes: tuple[str, ...]
    mounts: tuple[str, ...]
    links: tuple[str, ...]
    routes: tuple[str, ...]
    rules: tuple[str, ...]
    cgroups: tuple[str, ...]
    files: tuple[str, ...]
    network_namespaces: tuple[str, ...]
    sysctls: tuple[tuple[str, str], ...]

    def differences(self, other: HostSnapshot) -> dict[str, tuple[list[object], list[object]]]:
        """By part: what only `self` has, and what only `other` has."""
        mine, theirs = asdict(self), asdict(other)
        return {
            part: (
                [one for one in mine[part] if one not in theirs[part]],
                [one for one in theirs[part] if one not in mine[part]],
            )
            for part in mine
            if mine[part] != theirs[part]
        }


def take() -> HostSnapshot:
    """Looks now."""
    return HostSnapshot(
        processes=_processes(),
        mounts=tuple(sorted(" ".join(line.split()[4:5]) for line in _lines("/proc/self/mountinfo"))),
        links=tuple(sorted(path.name for path in Path("/sys/class/net").iterdir())),
        routes=tuple(sorted(_output("ip", "route", "show", "table", "all").splitlines())),
        rules=_rules(),
        cgroups=_cgroups(),
        files=tuple(str(path) for path in DIRECTORIES if path.exists()),
        network_namespaces=tuple(sorted(str(path) for path in Path("/run/netns").glob("*"))),
        sysctls=tuple(sorted(network.read_sysctls().items())),
    )


def _processes() -> tuple[str, ...]:
    """Those of pods, and those whose command names a directory of the full cluster; the dead are not left behind."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        command = _read(process / "cmdline").replace("\0", " ").strip()
        ours = "kubepods" in _read(process / "cgroup") or any(str(place) in command for place in (STATE, RUN))
        if ours and started_at(int(process.name)) is not None:
            found.append(command)
    return tuple(sorted(found))


def _rules() -> tuple[str, ...]:
    lines: list[str] = []
    for family in ("iptables-save", "ip6tables-save"):
        text = re.sub(r"\[\d+:\d+\]", "", _output(family))
        lines += [f"{family}: {line}" for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(lines)


def _cgroups() -> tuple[str, ...]:
    return tuple(
        sorted(str(path) for pattern in ("kubepods*", "*/kubepods*") for path in Path("/sys/fs/cgroup").glob(pattern))
    )


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
