"""Up and down again and again, also by force: the host is as it was found, refusals start nothing, crashes heal.

Last of all, since it takes the cluster of the other tests away. It ends with the cluster and quickstart up again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import cluster, ownership, quickstart, teardown
from devcluster.paths import CHECKOUT, RUN, STATE
from devcluster.progress import Progress, Timing
from tests.e2e import host_snapshot
from tests.e2e.host_snapshot import HostSnapshot
from tests.e2e.kubernetes import ARTIFACTS, NAMESPACE, Kubernetes
from tests.e2e.outer_interface import OuterInterface

CYCLES = 3


@pytest.fixture(scope="module")
def clean() -> HostSnapshot:
    """The host without a cluster."""
    cluster.down(Progress())
    return host_snapshot.take()


def _kill_all() -> None:
    for component in cluster.status():
        if component.pid:
            os.kill(component.pid, signal.SIGKILL)
    Kubernetes.of_environment().eventually(lambda: not cluster.alive(), within=10, what="the killed are dead")


def _devcluster(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devcluster", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _nothing_started(clean: HostSnapshot) -> None:
    assert not STATE.exists()
    assert not RUN.exists()
    assert clean.differences(host_snapshot.take()) == {}


def test_up_and_down_leave_nothing(clean: HostSnapshot) -> None:
    for _ in range(CYCLES):
        cluster.up(Progress())
        assert cluster.alive()
        cluster.down(Progress())
        assert clean.differences(host_snapshot.take()) == {}


def test_down_after_a_crash_leaves_nothing(clean: HostSnapshot) -> None:
    cluster.up(Progress())
    _kill_all()
    cluster.down(Progress())
    assert clean.differences(host_snapshot.take()) == {}


def test_down_without_a_cluster_is_nothing(clean: HostSnapshot) -> None:
    cluster.down(Progress())
    assert clean.differences(host_snapshot.take()) == {}


def test_up_heals_after_everything_was_killed(clean: HostSnapshot) -> None:
    cluster.up(Progress())
    kubernetes = Kubernetes.of_environment()
    kubernetes.run("create", "configmap", "written-before", "--from-literal=kept=yes")
    _kill_all()
    teardown.kill_pods()
    cluster.up(Progress())
    assert kubernetes.get("configmap", "written-before")["data"] == {"kept": "yes"}
    assert all(component.pid for component in cluster.status())
    cluster.down(Progress())
    assert clean.differences(host_snapshot.take()) == {}


def test_a_second_command_is_told_who_works(clean: HostSnapshot) -> None:
    with ownership.exclusive():
        refused = _devcluster("up")
    assert refused.returncode == 1
    assert f"another devcluster command is at work: pid {os.getpid()}" in refused.stderr
    _nothing_started(clean)


def test_another_checkouts_cluster_is_not_taken(clean: HostSnapshot, tmp_path: Path) -> None:
    """The record of a live cluster is rewritten to another checkout's; a dead one's is taken over."""
    cluster.up(Progress())
    record = STATE / "holder.json"
    foreign = {**json.loads(record.read_text()), "checkout": str(tmp_path)}
    record.write_text(json.dumps(foreign))
    for command in ("up", "down"):
        refused = _devcluster(command)
        assert refused.returncode == 1
        assert f"held by {tmp_path}" in refused.stderr
    _kill_all()
    cluster.down(Progress())
    assert clean.differences(host_snapshot.take()) == {}


def test_without_root_the_remedy_is_named(clean: HostSnapshot) -> None:
    script = (
        "import os, devcluster.cli as c; os.setresuid(65534, 65534, 65534); import sys; sys.argv[1:] = ['up']; c.main()"
    )
    refused = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "needs root" in refused.stderr
    assert "CLUSTER=kind" in refused.stderr
    _nothing_started(clean)


def test_without_go_the_remedy_is_named(clean: HostSnapshot) -> None:
    go = shutil.which("go")
    assert go is not None
    path = ":".join(part for part in os.environ["PATH"].split(":") if not (Path(part) / "go").exists())
    refused = _devcluster("up", environment={"PATH": path})
    assert refused.returncode == 1
    assert "no Go toolchain" in refused.stderr
    assert "install Go 1.26" in refused.stderr
    _nothing_started(clean)


def test_a_taken_port_is_named_with_its_holder(clean: HostSnapshot) -> None:
    with socket.create_server(("127.0.0.1", 8080)):
        refused = _devcluster("up")
    assert refused.returncode == 1
    assert "port 8080 is taken" in refused.stderr
    assert f"pid {os.getpid()}" in refused.stderr
    _nothing_started(clean)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", tmp_path], check=True, timeout=10)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True, timeout=10)


def test_a_full_disk_is_named_before_anything_starts(clean: HostSnapshot, small_disk: Path) -> None:
    refused = _devcluster("up", environment={"XDG_CACHE_HOME": str(small_disk)})
    assert refused.returncode == 1
    assert "the disk is too full" in refused.stderr
    assert str(small_disk) in refused.stderr
    assert "XDG_CACHE_HOME" in refused.stderr
    assert not STATE.exists()
    assert not RUN.exists()


def test_a_disk_that_fills_up_while_building_is_named(small_disk: Path) -> None:
    script = "from devcluster.gotools import tool; tool('pause')"
    (small_disk / "filler").write_bytes(b"\0" * (15 << 20))
    environment = {**os.environ, "XDG_CACHE_HOME": str(small_disk)}
    failed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert failed.returncode == 1
    assert "the disk is full" in failed.stderr
    assert not [
        path for path in (small_disk / "ip2a-devcluster" / "go-tool").iterdir() if not path.name.startswith(".")
    ]


def test_the_quickstart_comes_up_and_a_second_time_restarts_nothing(clean: HostSnapshot) -> None:
    first, second = Progress(), Progress()
    began = time.monotonic()
    message = quickstart.on_embedded(first)
    seconds = [time.monotonic() - began]
    assert quickstart.URL in message
    kubernetes = Kubernetes.of_environment()
    before = _running(kubernetes)
    daemons = [component.pid for component in cluster.status()]
    began = time.monotonic()
    assert quickstart.on_embedded(second) == message
    seconds.append(time.monotonic() - began)
    assert _running(kubernetes) == before
    assert [component.pid for component in cluster.status()] == daemons
    _keep_timings(seconds, first.timings, second.timings)


def _running(kubernetes: Kubernetes) -> set[tuple[str, str, int]]:
    pods = [*kubernetes.get("-n", NAMESPACE, "pods")["items"], *kubernetes.get("-n", "ip2a-system", "pods")["items"]]
    return {
        (pod["metadata"]["name"], pod["metadata"]["uid"], one["restartCount"])
        for pod in pods
        for one in pod["status"].get("containerStatuses", [])
    }


def _keep_timings(seconds: list[float], first: list[Timing], second: list[Timing]) -> None:
    """Figures of this run, for people; nothing is asserted of them here (docs/devcluster.md has the measured ones)."""
    rows = {
        "warm up": [seconds[0], {one.step: one.seconds for one in first}],
        "again": [seconds[1], {one.step: one.seconds for one in second}],
    }
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    (ARTIFACTS / "up-seconds.json").write_text(json.dumps(rows, indent=1))


def test_nothing_left_the_machine(outer_interface: OuterInterface) -> None:
    """Last: over all of the above, and everything before in this run."""
    assert outer_interface.packets() == []
