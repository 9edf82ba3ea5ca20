"""The node's bridge, its routes and the guard that keeps pod traffic on this machine.

Routes for pods and services point at the bridge from the moment it exists: before kube-proxy has its rules, a packet
to a service address reaches a bridge on which nobody answers, never the default route. Forwarding between the bridge
and any other interface is rejected, and nothing is masqueraded.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from devcluster.control_plane import SERVICE_RANGE
from devcluster.errors import StepFailed

LINKS = Path("/sys/class/net")
BRIDGE = "ip2a0"
NODE_ADDRESS = "10.244.0.1"
POD_RANGE = "10.244.0.0/24"
CLUSTER_RANGE = "10.244.0.0/16"
GUARD = "IP2A-GUARD"
OUR_CHAINS = re.compile(r"\b(KUBE-|CNI-|IP2A-)")
TABLES = ("raw", "mangle", "nat", "filter")

SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "fs.inotify.max_user_instances": "8192",
    "fs.inotify.max_user_watches": "524288",
}
"""What we set ourselves."""

WATCHED_SYSCTLS = (
    *SYSCTLS,
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
    "net.ipv4.conf.all.route_localnet",
    "net.bridge.bridge-nf-call-iptables",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
)
"""What we, the kubelet, kube-proxy or the port mapping plugin may set; put back by `down`."""


def bring_up() -> None:
    """Makes the bridge, its routes and the guard; each step is left alone when already done."""
    if not (LINKS / BRIDGE).exists():
        _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("addr", "replace", f"{NODE_ADDRESS}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    for reached in (CLUSTER_RANGE, SERVICE_RANGE):
        _ip("route", "replace", reached, "dev", BRIDGE, "src", NODE_ADDRESS)
    for name, value in SYSCTLS.items():
        write_sysctl(name, value)
    _guard()


def tear_down() -> None:
    """Removes the bridge and every rule and chain of Kubernetes, the port mapping plugin and ours."""
    if (LINKS / BRIDGE).exists():
        for port in list((LINKS / BRIDGE / "brif").iterdir()):  # pods' host ends, also of pods that are still dying
            _delete(LINKS / port.name)
        _delete(LINKS / BRIDGE)
    for link in list(LINKS.iterdir()):  # what a killed container runtime left: host ends without a bridge
        if link.name.startswith("veth") and not (link / "master").exists() and is_down(link):
            _delete(link)
    for family in ("iptables", "ip6tables"):
        _remove_chains(family)


def _delete(link: Path) -> None:
    """Its pod's network namespace may take it away at the same moment: that is as good."""
    try:
        _ip("link", "delete", link.name)
    except StepFailed:
        if link.exists():
            raise


def read_sysctls() -> dict[str, str]:
    """The values of `WATCHED_SYSCTLS` that this kernel has."""
    return {name: _sysctl_file(name).read_text().strip() for name in WATCHED_SYSCTLS if _sysctl_file(name).exists()}


def write_sysctl(name: str, value: str) -> None:
    """Sets one, if this kernel has it and it differs."""
    file = _sysctl_file(name)
    if file.exists() and file.read_text().strip() != value:
        file.write_text(value)


def is_down(link: Path) -> bool:
    """Whether a link, given by its directory in sysfs, is there and down; one that vanished meanwhile is not."""
    try:
        state = (link / "operstate").read_text().strip()
    except OSError:  # its pod's network namespace went, or goes right now (read answers EINVAL then)
        return False
    return state in {"down", "lowerlayerdown"}


def existing_tables() -> dict[str, list[str]]:
    """The netfilter tables that exist before we come, by command: tables we create are removed again whole."""
    return {family: _tables(family) for family in ("iptables", "ip6tables")}


def remove_new_tables(before: dict[str, list[str]]) -> None:
    """Deletes tables that did not exist before and hold no rule now. Without `nft` they stay, empty and harmless."""
    if shutil.which("nft") is None:
        return
    for family, kernel_family in (("iptables", "ip"), ("ip6tables", "ip6")):
        for table in _tables(family):
            if table not in before[family] and "-A " not in _save(family, table):
                subprocess.run(
                    ["nft", "delete", "table", kernel_family, table], capture_output=True, timeout=30, check=False
                )


def _guard() -> None:
    """First in FORWARD: what enters or leaves the bridge by forwarding stays between pods, or is refused."""
    rules = [
        f"-A {GUARD} -i {BRIDGE} -o {BRIDGE} -j RETURN",
        f"-A {GUARD} -i {BRIDGE} -j REJECT --reject-with icmp-admin-prohibited",
        f"-A {GUARD} -o {BRIDGE} -j REJECT --reject-with icmp-admin-prohibited",
    ]
    current = _save("iptables", "filter")
    jump = f"-A FORWARD -j {GUARD}"
    if all(rule in current for rule in rules) and jump in current:
        return
    text = "\n".join(["*filter", f":{GUARD} - [0:0]", f"-F {GUARD}", *rules, "COMMIT", ""])
    _run(["iptables-restore", "--noflush"], text)
    if jump not in current:
        _run(["iptables", "-w", "10", "-I", "FORWARD", "1", "-j", GUARD])


def _remove_chains(family: str) -> None:
    for table in _tables(family):
        saved = _save(family, table)
        kept = [line for line in saved.splitlines() if not OUR_CHAINS.search(line)]
        if len(kept) < len(saved.splitlines()):
            _run([f"{family}-restore", "-T", table], "\n".join(kept) + "\n")


def _tables(family: str) -> list[str]:
    run = subprocess.run([f"{family}-save"], capture_output=True, text=True, timeout=30, check=False)
    return [line[1:] for line in run.stdout.splitlines() if line.startswith("*")]


def _save(family: str, table: str) -> str:
    if table not in _tables(family):
        return ""
    return _run([f"{family}-save", "-t", table])


def _sysctl_file(name: str) -> Path:
    return Path("/proc/sys") / name.replace(".", "/")


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: list[str], text: str | None = None) -> str:
    run = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    if run.returncode:
        raise StepFailed(f"`{' '.join(command)}` failed: {run.stderr.strip()}", "are you root, with NET_ADMIN?")
    return run.stdout
