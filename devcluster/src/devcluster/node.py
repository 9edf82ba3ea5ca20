"""The node: containerd, kubelet and kube-proxy, and their configuration.

Values that differ from the defaults are explained where they stand. This module starts processes; what they need
before (network, certificates) and after (addons) is `cluster`'s business.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from devcluster.control_plane import ControlPlane
from devcluster.gotools import tool
from devcluster.network import BRIDGE, CLUSTER_RANGE, NODE_ADDRESS, POD_RANGE
from devcluster.paths import RUN, STATE, cache_dir
from devcluster.pki import write_kubeconfig
from devcluster.processes import Daemons, write_changed

NODE = "node0"
DNS_ADDRESS = "10.96.0.10"
CONTAINERD_SOCKET = RUN / "containerd.sock"
CONTAINERD_STATE = RUN / "containerd"
PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
CNI_NETWORK = "ip2a-pods"
CNI_PLUGINS = Path("/usr/lib/cni")
MAX_PODS = 110
START_SECONDS = 60.0


def containerd_root() -> Path:
    """Images stay in the cache, so that the second `up` imports nothing."""
    return cache_dir() / "containerd"


def ctr(*arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Runs containerd's own client in Kubernetes' namespace."""
    command = ["ctr", "-a", CONTAINERD_SOCKET, "-n", "k8s.io", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def start_containerd(daemons: Daemons) -> None:
    """Starts it and waits until it answers."""
    configuration = STATE / "containerd.toml"
    daemons.configure("containerd", configuration, _containerd_configuration())
    network = STATE / "cni"
    network.mkdir(exist_ok=True)
    write_changed(network / "10-ip2a.conflist", json.dumps(_pod_network(), indent=1))
    daemons.start("containerd", ["containerd", "--config", configuration])
    daemons.wait(
        "containerd",
        lambda: CONTAINERD_SOCKET.exists() and ctr("version", timeout=10).returncode == 0,
        timeout=START_SECONDS,
        remedy=f"if its store is damaged: `devcluster down`, remove {containerd_root()}, and again `devcluster up`",
    )


def forget_dead_containers(daemons: Daemons) -> None:
    """Removes the records of containers that an earlier life of the cluster left in the store.

    Only while no kubelet runs: then no container may be alive, and whatever is recorded would come back as a ghost.
    """
    if daemons.running("kubelet") or any(ctr("tasks", "ls", "-q").stdout.split()):
        return
    for container in ctr("containers", "ls", "-q").stdout.split():
        ctr("containers", "rm", container)


def start_kubelet(plane: ControlPlane, daemons: Daemons) -> None:
    """Registers the node and runs its pods."""
    kubeconfig = write_kubeconfig(STATE / "kubelet.kubeconfig", server=plane.server, pki=plane.pki, identity="kubelet")
    configuration = STATE / "kubelet.json"
    daemons.configure("kubelet", configuration, json.dumps(_kubelet_configuration(plane), indent=1))
    # No upstream resolver: nothing outside this machine has a name here.
    write_changed(STATE / "resolv.conf", f"nameserver {DNS_ADDRESS}\n")
    daemons.start(
        "kubelet",
        [
            tool("kubelet"),
            f"--config={configuration}",
            f"--kubeconfig={kubeconfig}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
            f"--root-dir={STATE / 'kubelet'}",
            f"--cert-dir={STATE / 'kubelet' / 'pki'}",
            "--node-labels=topology.kubernetes.io/zone=zone-a",
        ],
    )


def start_kube_proxy(plane: ControlPlane, daemons: Daemons) -> None:
    """Writes the services' rules."""
    kubeconfig = write_kubeconfig(
        STATE / "kube-proxy.kubeconfig", server=plane.server, pki=plane.pki, identity="kube-proxy"
    )
    configuration = STATE / "kube-proxy.json"
    daemons.configure("kube-proxy", configuration, json.dumps(_proxy_configuration(kubeconfig), indent=1))
    daemons.start("kube-proxy", [tool("kube-proxy"), f"--config={configuration}"])


def _containerd_configuration() -> str:
    """Version 2 of the file, which containerd 1.6, 1.7 and 2 read.

    `restrict_oom_score_adj`: without CAP_SYS_RESOURCE no pod sandbox starts otherwise.
    `netns_mounts_under_state_dir`: so that `down` knows which network namespaces are ours.
    """
    return f"""version = 2
root = "{containerd_root()}"
state = "{CONTAINERD_STATE}"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{STATE / "containerd-opt"}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{STATE / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    discard_unpacked_layers = true
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def _pod_network() -> dict[str, object]:
    """No masquerading; hairpin so that a pod reaches itself through its Service."""
    return {
        "cniVersion": "0.4.0",
        "name": CNI_NETWORK,
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(RUN / "cni"),
                    "ranges": [[{"subnet": POD_RANGE}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _kubelet_configuration(plane: ControlPlane) -> dict[str, object]:
    never = "0%"  # a small disk must not evict what nobody can pull again
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(plane.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(plane.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(plane.pki / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,  # lowering it needs CAP_SYS_RESOURCE
        "maxOpenFiles": 20000,
        "maxPods": MAX_PODS,
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(STATE / "resolv.conf"),
        "podLogsDir": str(STATE / "pod-logs"),
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": never,
            "nodefs.inodesFree": never,
            "imagefs.available": never,
            "imagefs.inodesFree": never,
        },
        "rotateCertificates": False,
        "nodeStatusUpdateFrequency": "5s",
        "serializeImagePulls": True,
    }


def _proxy_configuration(kubeconfig: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "hostnameOverride": NODE,
        "mode": "iptables",
        "clusterCIDR": CLUSTER_RANGE,
        "oomScoreAdj": 0,
        "bindAddress": NODE_ADDRESS,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "iptables": {"minSyncPeriod": "0s", "localhostNodePorts": False},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
