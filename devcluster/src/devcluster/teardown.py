"""Takes the cluster away, whole or half, alive or killed, and leaves the host as it was found.

Only what is ours is touched: daemons by pid and start time, pods' processes by their cgroup, shims by our socket,
mounts by our directories, rules by the names of our chains.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from devcluster import network
from devcluster.node import CNI_NETWORK, CONTAINERD_SOCKET
from devcluster.paths import RUN, STATE
from devcluster.processes import Daemons

CGROUPS = Path("/sys/fs/cgroup")
POD_CGROUP = "kubepods"
CONTAINER_LOGS = Path("/var/log/containers")
HOST_RECORD = STATE / "host-before.json"
DIRECTORIES_OF_OTHERS = ("/var/lib/kubelet", "/var/log/containers", "/var/log/pods", "/var/lib/cni", "/run/flannel")
"""Fixed paths that the kubelet or the CNI library may create; removed when they were not there and are empty."""

STOP_ORDER = ("kube-proxy", "kubelet", "kube-scheduler", "kube-controller-manager", "containerd", "kube-apiserver")


def record_host() -> None:
    """Remembers what `down` must put back; once, before the first change."""
    if HOST_RECORD.exists():
        return
    before = {
        "sysctls": network.read_sysctls(),
        "tables": network.existing_tables(),
        "directories": [path for path in DIRECTORIES_OF_OTHERS if Path(path).exists()],
    }
    STATE.mkdir(parents=True, exist_ok=True, mode=0o755)
    HOST_RECORD.write_text(json.dumps(before))


def tear_down(daemons: Daemons) -> None:
    """Removes everything. Safe at any moment, also when nothing is there."""
    for name in ("kube-proxy", "kubelet"):  # first: nobody restarts what ends next
        daemons.stop(name)
    kill_pods()
    for name in (*STOP_ORDER, *daemons.names()):
        daemons.stop(name)
    unmount()
    before = json.loads(HOST_RECORD.read_text()) if HOST_RECORD.exists() else None
    network.tear_down()
    _remove_cgroups()
    _remove_traces(before)
    if before:
        network.remove_new_tables(before["tables"])
        for name, value in before["sysctls"].items():
            network.write_sysctl(name, value)
    for directory in (RUN, STATE):
        shutil.rmtree(directory, ignore_errors=True)


def kill_pods() -> None:
    """Ends every process of a pod, and the shims that hold them."""
    for _ in range(20):
        pids = _pod_processes() | _shims()
        if not pids:
            return
        for pid in pids:
            _kill(pid)
        time.sleep(0.1)


def unmount() -> None:
    """Unmounts all below our directories, deepest first; lazily, since a killed pod may still hold one."""
    for _ in range(3):  # mounts lie over mounts
        mounted = _our_mounts()
        for target in mounted:
            subprocess.run(["umount", "--lazy", target], capture_output=True, timeout=30, check=False)
        if not mounted:
            return


def _our_mounts() -> list[str]:
    targets = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    ours = [target for target in targets if target.startswith((f"{RUN}/", f"{STATE}/"))]
    return sorted(ours, key=len, reverse=True)


def _pod_processes() -> set[int]:
    found: set[int] = set()
    for top in _pod_cgroups():
        for directory in _directories(top):
            try:
                found.update(int(line) for line in (directory / "cgroup.procs").read_text().split())
            except OSError:
                continue
    return found


def _shims() -> set[int]:
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"containerd-shim" in arguments[0] and str(CONTAINERD_SOCKET).encode() in arguments:
            found.add(int(process.name))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _pod_cgroups() -> list[Path]:
    """Version 1 has one tree a controller, version 2 a single one."""
    return [path for pattern in (POD_CGROUP, f"*/{POD_CGROUP}") for path in CGROUPS.glob(pattern)]


def _directories(top: Path) -> list[Path]:
    """`top` and all below it, parents first. Others may be removing them at the same time: what is gone is left out."""
    return [Path(place) for place, _, _ in os.walk(top)]


def _remove_cgroups() -> None:
    for top in _pod_cgroups():
        for directory in reversed(_directories(top)):
            for _ in range(20):
                try:
                    directory.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:  # its last process is still leaving
                    time.sleep(0.05)


def _remove_traces(before: dict[str, list[str]] | None) -> None:
    for link in CONTAINER_LOGS.glob("*.log"):
        if link.is_symlink() and str(link.readlink()).startswith(str(STATE)):
            link.unlink(missing_ok=True)
    for result in Path("/var/lib/cni/results").glob(f"{CNI_NETWORK}-*"):
        result.unlink(missing_ok=True)
    if before is None:
        return
    for path in DIRECTORIES_OF_OTHERS:
        if path not in before["directories"]:
            shutil.rmtree(path, ignore_errors=True)
