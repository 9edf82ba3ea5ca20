"""What the host must have before anything is started: root, programs, free ports, space.

What is missing is installed where that is an ordinary Debian package; the rest is named with its remedy. Everything
is checked before the first process starts, so a refusal leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from devcluster.errors import DevclusterError, Unsupported
from devcluster.gotools import go_version
from devcluster.paths import cache_dir
from devcluster.progress import Progress

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "mount": "mount",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
}
"""Program (or file) and the Debian package that brings it."""

PORTS = {8080: "the ingress (http)", 8443: "the ingress (https)", 6443: "the API server", 2379: "etcd", 2380: "etcd"}

COLD_MIB = 10_000
WARM_MIB = 1_500
MARKER = "complete"


def require_root() -> None:
    """Raises Unsupported unless we are root."""
    if os.geteuid() != 0:
        raise Unsupported("the embedded cluster needs root", "run it as root (sudo make up), or use CLUSTER=kind")


def require_go() -> None:
    """Raises Unsupported unless a fit Go is on PATH."""
    go_version()


def require_space() -> None:
    """Raises DevclusterError unless the cache's file system has room: 10 GB for the first time, then 1.5 GB."""
    cache = cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DevclusterError(f"the cache directory {cache} cannot be made: {error.strerror}", _SPACE_REMEDY) from error
    needed = WARM_MIB if (cache / MARKER).exists() else COLD_MIB
    free = shutil.disk_usage(cache).free // (1 << 20)
    if free < needed:
        raise DevclusterError(
            f"the disk is too full: {free} MiB free in the cache directory {cache}, {needed} MiB are needed",
            _SPACE_REMEDY,
        )


_SPACE_REMEDY = "free some space, or point XDG_CACHE_HOME at a larger file system"


def require_ports() -> None:
    """Raises Unsupported when somebody listens on a port of ours."""
    for port, purpose in PORTS.items():
        for address in ("127.0.0.1", "0.0.0.0"):  # noqa: S104 - only to see whether it is free
            if not _free(address, port):
                raise Unsupported(
                    f"port {port} is taken, and {purpose} needs it{_holder(port)}",
                    f"end what listens there (`ss -ltnp 'sport = :{port}'` names it) and run it again",
                )


def install_packages(progress: Progress) -> None:
    """Installs the Debian packages that are missing. Raises Unsupported where there is no apt, or apt fails."""
    missing = sorted({package for program, package in PACKAGES.items() if not _present(program)})
    if not missing:
        return
    remedy = f"install them: {', '.join(missing)}"
    if shutil.which("apt-get") is None:
        raise Unsupported(f"the host lacks {', '.join(missing)}", remedy)
    with progress.step(f"install {', '.join(missing)}"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-qy", "--no-install-recommends", *missing]
        for command in (["apt-get", "update", "-q"], _without_starting(install)):
            run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
            if run.returncode:
                raise Unsupported(f"`{' '.join(command)}` failed: {run.stderr.strip()[-600:]}", remedy)


def _without_starting(install: list[str]) -> list[str]:
    """Packages come with services (containerd); ours is started by us, so theirs is not."""
    return ["env", "RUNLEVEL=1", *install]


def _present(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None


def _free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    """` (held by NAME, pid N)` when /proc tells."""
    wanted = f"{port:04X}"
    inodes = {
        fields[9]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in (line.split() for line in Path(table).read_text().splitlines()[1:])
        if fields[1].endswith(f":{wanted}") and fields[3] == "0A"
    }
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = {link.readlink().name for link in (process / "fd").iterdir()}
        except OSError:
            continue
        if links & {f"socket:[{inode}]" for inode in inodes}:
            return f" (held by {(process / 'comm').read_text().strip()}, pid {process.name})"
    return ""
