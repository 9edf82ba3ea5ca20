"""The one full cluster of this machine: brings it up, tells how it is, takes it down.

`up` is idempotent: each part is left alone when it runs as wanted and started when it does not, so it also heals
what was killed. The product itself comes later (see quickstart).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from devcluster import addons, host, images, network, node, oci, ownership, rootfs, teardown
from devcluster import control_plane as plane_of
from devcluster.control_plane import ControlPlane
from devcluster.errors import DevclusterError, StepFailed
from devcluster.gotools import is_built, tool, tools
from devcluster.paths import RUN, STATE, cache_dir
from devcluster.processes import Daemons
from devcluster.progress import Progress

PLANE = ControlPlane(STATE, network.NODE_ADDRESS, 6443, 2379, 2380)
DAEMONS = Daemons(RUN / "processes", STATE / "log")
CONTROLLER_MANAGER_PORT, SCHEDULER_PORT = 10257, 10259
COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "kubelet",
    "kube-proxy",
)
CLUSTER_MODULES = ("cluster", "ingress")
QUICKSTART_TOOLS = ("versitygw", "mailpit")
FIRST_TOOLS = ("kube-apiserver", "traefik")
"""The two largest graphs: built side by side first, after which the rest finds most of its packages compiled."""

HEALING = "`devcluster down`, then `devcluster up`, starts from nothing"


@dataclass(frozen=True)
class ComponentStatus:
    """A host process of the cluster."""

    name: str
    pid: int | None


def kubectl(*arguments: str | Path, text: str | None = None, timeout: float = 120) -> str:
    """Runs kubectl as administrator; its output. Raises StepFailed with what it said."""
    command = [tool("kubectl"), "--kubeconfig", PLANE.kubeconfig, *arguments]
    run = subprocess.run(command, input=text, capture_output=True, text=True, timeout=timeout, check=False)
    if run.returncode:
        shown = " ".join(str(argument) for argument in arguments)
        raise StepFailed(f"`kubectl {shown}` failed: {run.stderr.strip()[-2000:]}", HEALING)
    return run.stdout


def status() -> list[ComponentStatus]:
    """Every host process, running or not."""
    return [ComponentStatus(name, DAEMONS.pid(name)) for name in COMPONENTS]


def alive() -> bool:
    """Whether any part of a cluster runs on this machine."""
    return any(component.pid for component in status())


def up(progress: Progress) -> None:
    """Brings the cluster up, or back up; returns when all its addons are ready. Raises DevclusterError."""
    begin(progress)
    settle(progress)


def settle(progress: Progress) -> None:
    """Waits for the addons that `begin` did not wait for. Raises DevclusterError."""
    with progress.step("addons that measure first"):
        addons.wait_for_slow(kubectl)


def begin(progress: Progress) -> None:
    """Like `up`, but returns as soon as the product can be installed. Raises DevclusterError.

    A refusal (no root, no Go, a taken port, no space) comes before anything was started.
    """
    host.require_root()
    host.require_go()
    with ownership.exclusive():
        ownership.refuse_foreign(alive())
        host.require_space()
        if not alive():
            host.require_ports()
        host.install_packages(progress)
        build(progress)
        (cache_dir() / host.MARKER).touch()
        _start(progress)


def down(progress: Progress, *, force: bool = False) -> None:
    """Takes everything away; also what a crash left. Raises DevclusterError when another checkout holds it."""
    host.require_root()
    with ownership.exclusive():
        if not force:
            ownership.refuse_foreign(alive())
        with progress.step("down"):
            teardown.tear_down(DAEMONS)


def build(progress: Progress) -> None:
    """Everything the cluster is made of, into the cache, two things at a time."""
    needed = [name for name, one in tools().items() if one.module in CLUSTER_MODULES or name in QUICKSTART_TOOLS]
    missing = [name for name in needed if not is_built(name)]
    first = [name for name in FIRST_TOOLS if name in missing]

    def build_tool(name: str) -> None:
        with progress.step(f"build {name}"):
            tool(name)

    def build_rootfs(recipe: rootfs.Recipe) -> None:
        with progress.step(f"root file system {recipe.name}"):
            rootfs.build(recipe)

    with ThreadPoolExecutor(max_workers=2) as pool:
        for batch in (
            [pool.submit(build_rootfs, recipe) for recipe in (rootfs.PYTHON, rootfs.DATABASE)],
            [pool.submit(build_tool, name) for name in first],
            [pool.submit(build_tool, name) for name in missing if name not in first],
        ):
            for future in batch:
                future.result()


def load(wanted: Iterable[oci.Image]) -> int:
    """Gives the running cluster images it lacks; how many."""
    return images.import_images(wanted)


def _start(progress: Progress) -> None:
    _forget_rebooted()
    STATE.mkdir(parents=True, exist_ok=True)
    RUN.mkdir(parents=True, exist_ok=True)
    teardown.record_host()
    ownership.claim()
    with progress.step("network"):
        network.bring_up()
    with progress.step("control plane"):
        plane_of.prepare(PLANE, node.NODE)
        plane_of.start_etcd(PLANE, DAEMONS)
        plane_of.start_apiserver(PLANE, DAEMONS, _apiserver_flags())
        node.start_containerd(DAEMONS)
        plane_of.wait_ready(PLANE, DAEMONS)
        plane_of.start_controller_manager(PLANE, DAEMONS, CONTROLLER_MANAGER_PORT)
        plane_of.start_scheduler(PLANE, DAEMONS, SCHEDULER_PORT)
    with progress.step("images"):
        node.forget_dead_containers(DAEMONS)
        load([images.program_image(name) for name in images.program_names()])
        load([images.python_image()])
        load(images.database_images())
    with progress.step("node"):
        node.start_kubelet(PLANE, DAEMONS)
        node.start_kube_proxy(PLANE, DAEMONS)
        DAEMONS.wait("kubelet", _node_ready, timeout=90, remedy="`devcluster logs kubelet` has all of it")
    with progress.step("addons"):
        addons.apply(kubectl)
        addons.wait(kubectl)
    for component in status():
        if component.pid is None:
            raise StepFailed(f"{component.name} ended by itself", HEALING, DAEMONS.log(component.name))


def _forget_rebooted() -> None:
    """After a reboot the processes, mounts and rules are gone but the state is there: start from nothing."""
    if STATE.exists() and not RUN.exists():
        teardown.tear_down(DAEMONS)


def _node_ready() -> bool:
    try:
        shown = json.loads(kubectl("get", "node", node.NODE, "-o", "json", timeout=20))
    except (DevclusterError, subprocess.TimeoutExpired):
        return False
    conditions = {condition["type"]: condition for condition in shown["status"]["conditions"]}
    return bool(conditions.get("Ready", {}).get("status") == "True")


def _apiserver_flags() -> tuple[str, ...]:
    """What a cluster with nodes needs beyond the bare API server."""
    configuration = STATE / "admission.json"
    DAEMONS.configure("kube-apiserver", configuration, json.dumps(_admission_configuration(), indent=1))
    return (
        f"--advertise-address={network.NODE_ADDRESS}",
        "--enable-admission-plugins=NodeRestriction",
        f"--admission-control-config-file={configuration}",
        "--enable-aggregator-routing=true",
    )


def _admission_configuration() -> dict[str, object]:
    """Pod security everywhere: baseline is enforced, what is not restricted is warned of."""
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [
            {
                "name": "PodSecurity",
                "configuration": {
                    "apiVersion": "pod-security.admission.config.k8s.io/v1",
                    "kind": "PodSecurityConfiguration",
                    "defaults": {"enforce": "baseline", "warn": "restricted", "audit": "restricted"},
                },
            }
        ],
    }
