"""The control plane: etcd and kube-apiserver, alone on free ports for tests, or as the start of the full cluster.

Any number of stand-alone ones run side by side; each lives in a directory of its own and ends with its context.
"""

from __future__ import annotations

import datetime
import shutil
import socket
import ssl
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devcluster.gotools import tool
from devcluster.pki import write_kubeconfig, write_pki
from devcluster.processes import Daemons

SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
READY_TIMEOUT_SECONDS = 90.0


@dataclass(frozen=True)
class ControlPlane:
    """Where a control plane lives and what it listens on."""

    directory: Path
    address: str
    port: int
    etcd_port: int
    etcd_peer_port: int

    @property
    def server(self) -> str:
        """The API server's address as clients write it."""
        return f"https://{self.address}:{self.port}"

    @property
    def pki(self) -> Path:
        """Where its certificates are."""
        return self.directory / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.directory / "admin.kubeconfig"


def prepare(plane: ControlPlane, node: str) -> None:
    """Writes certificates and the administrator's kubeconfig."""
    now = datetime.datetime.now(datetime.UTC)
    addresses = tuple(dict.fromkeys(("127.0.0.1", plane.address, SERVICE_ADDRESS)))
    write_pki(plane.pki, node=node, addresses=addresses, now=now)
    write_kubeconfig(plane.kubeconfig, server=plane.server, pki=plane.pki, identity="admin")


def start_etcd(plane: ControlPlane, daemons: Daemons) -> None:
    """Without fsync: what a development cluster holds is not worth a slow disk."""
    client, peer = f"http://127.0.0.1:{plane.etcd_port}", f"http://127.0.0.1:{plane.etcd_peer_port}"
    daemons.start(
        "etcd",
        [
            tool("etcd"),
            "--name=node0",
            f"--data-dir={plane.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=node0={peer}",
            "--unsafe-no-fsync",
            "--auto-compaction-retention=10m",
            "--logger=zap",
            "--log-level=warn",
        ],
    )


def start_apiserver(plane: ControlPlane, daemons: Daemons, extra: tuple[str, ...] = ()) -> None:
    """Flags as the Kubernetes reference lists them; `extra` adds what only the full cluster needs."""
    pki = plane.pki
    daemons.start(
        "kube-apiserver",
        [
            tool("kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{plane.etcd_port}",
            f"--bind-address={plane.address}",
            f"--secure-port={plane.port}",
            "--allow-privileged=true",
            "--authorization-mode=Node,RBAC",
            f"--client-ca-file={pki}/ca.crt",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet.key",
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki}/sa.pub",
            f"--service-account-signing-key-file={pki}/sa.key",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki}/front-proxy.crt",
            f"--proxy-client-key-file={pki}/front-proxy.key",
            *extra,
        ],
    )


def wait_ready(plane: ControlPlane, daemons: Daemons) -> None:
    """Until /readyz answers ok. Raises StepFailed with the log's end."""
    daemons.wait(
        "kube-apiserver",
        lambda: _readyz(plane),
        timeout=READY_TIMEOUT_SECONDS,
        remedy="is another process on its port? `devcluster logs kube-apiserver` has all of it",
    )


def start_controller_manager(plane: ControlPlane, daemons: Daemons, port: int) -> None:
    """Garbage collection, jobs, deployments, endpoints: everything that the API server does not do itself."""
    kubeconfig = write_kubeconfig(
        plane.directory / "controller-manager.kubeconfig",
        server=plane.server,
        pki=plane.pki,
        identity="controller-manager",
    )
    daemons.start(
        "kube-controller-manager",
        [
            tool("kube-controller-manager"),
            *_component_flags(kubeconfig, port),
            f"--root-ca-file={plane.pki}/ca.crt",
            f"--service-account-private-key-file={plane.pki}/sa.key",
            f"--cluster-signing-cert-file={plane.pki}/ca.crt",
            f"--cluster-signing-key-file={plane.pki}/ca.key",
            "--use-service-account-credentials=true",
            "--allocate-node-cidrs=false",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
        ],
    )


def start_scheduler(plane: ControlPlane, daemons: Daemons, port: int) -> None:
    """Places pods on the node."""
    kubeconfig = write_kubeconfig(
        plane.directory / "scheduler.kubeconfig", server=plane.server, pki=plane.pki, identity="scheduler"
    )
    daemons.start("kube-scheduler", [tool("kube-scheduler"), *_component_flags(kubeconfig, port)])


@contextmanager
def control_plane(*, controllers: bool = False) -> Iterator[ControlPlane]:
    """A stand-alone API server with its etcd on free ports; with `controllers` also the controller manager.

    For tests that need no pods. Everything ends with the context. Raises StepFailed when it does not come up.
    """
    directory = Path(tempfile.mkdtemp(prefix="ip2a-control-plane-"))
    ports = _free_ports(4)
    plane = ControlPlane(directory, "127.0.0.1", ports[0], ports[1], ports[2])
    daemons = Daemons(directory / "records", directory / "log")
    try:
        prepare(plane, node="none")
        start_etcd(plane, daemons)
        # The controller that keeps the kubernetes Service's endpoints refuses loopback addresses: none are needed.
        start_apiserver(
            plane, daemons, ("--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount")
        )
        wait_ready(plane, daemons)
        if controllers:
            start_controller_manager(plane, daemons, ports[3])
        yield plane
    finally:
        for name in daemons.names():  # killed: nothing of it is kept
            daemons.stop(name, grace=0)
        shutil.rmtree(directory, ignore_errors=True)


def _component_flags(kubeconfig: Path, port: int) -> list[str]:
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
    ]


def _readyz(plane: ControlPlane) -> bool:
    context = ssl.create_default_context(cafile=str(plane.pki / "ca.crt"))
    context.load_cert_chain(plane.pki / "admin.crt", plane.pki / "admin.key")
    try:
        with urllib.request.urlopen(f"{plane.server}/readyz", context=context, timeout=2) as answer:  # noqa: S310
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on now; all held until the last is found, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
