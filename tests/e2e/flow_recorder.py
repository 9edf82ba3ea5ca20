"""Records what the node's connection tracking sees of pods, and which pod had which address then."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from devcluster.quickstart import Target
from tests.e2e.network_policies import Flow, Pod, Policies

POD_RANGE = "10.244.0.0/16"
SERVICES = "10.96."
"""Who is answered by a Service's own address was refused: no pod was behind it."""
NEW = re.compile(
    r"^\[(?P<at>[\d.]+)\]\s+\[NEW\]\s+(?P<protocol>tcp|udp)\s.*?"
    r"src=(?P<source>\S+) dst=\S+ sport=\d+ dport=\d+ .*?src=(?P<target>\S+) dst=\S+ sport=(?P<port>\d+)"
)
"""A new connection: who opened it, and who answers it, behind whatever Service it was sent to."""
BUFFER_BYTES = 8 << 20


@dataclass
class Addresses:
    """Which pod was where when. Pods of the host's network have no address of their own."""

    stays: dict[str, dict[str, tuple[float, Pod]]] = field(default_factory=dict)
    """Address, then the pod's uid: since when, in seconds since 1970."""

    def note(self, pod: dict[str, Any]) -> None:
        """A pod as a watch shows it."""
        address = pod.get("status", {}).get("podIP")
        if address and not pod["spec"].get("hostNetwork"):
            made = datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp()
            self.stays.setdefault(address, {})[pod["metadata"]["uid"]] = made, _pod(pod)

    def pod_at(self, address: str, when: float) -> Pod | None:
        """The pod that was there then; connections to one that has just gone are still meant for it."""
        candidates = [stay for stay in self.stays.get(address, {}).values() if stay[0] <= when + 1]
        return max(candidates, key=lambda stay: stay[0])[1] if candidates else None


class FlowRecorder:
    """Records until it is closed; `flows` and `policies` may be asked before."""

    def __init__(self, target: Target, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._log = directory / "flows.log"
        self._target = target
        self._addresses = Addresses()
        self._policies: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()
        with self._log.open("w") as log:
            command = ["conntrack", "-E", "-e", "NEW", "-o", "timestamp", "-b", str(BUFFER_BYTES), "-s", POD_RANGE]
            self._conntrack = subprocess.Popen(command, stdout=log, stderr=subprocess.DEVNULL, text=True)
        self._watches = [self._watch("pods"), self._watch("networkpolicies.networking.k8s.io")]

    def close(self) -> None:
        """Ends the recording."""
        running: list[subprocess.Popen[str]] = [self._conntrack, *self._watches]
        for process in running:
            process.terminate()
            process.wait(timeout=10)

    def flows(self) -> set[Flow]:
        """Every distinct flow with a pod at one end so far."""
        if self._conntrack.poll() is not None:
            raise RuntimeError("conntrack ended by itself: some flows were not seen")
        time.sleep(1)  # what the watches know of the latest pods arrives within that
        with self._lock:
            return set(self._resolve())

    def policies(self) -> Policies:
        """Every policy there was, in its latest version."""
        namespaces = json.loads(self._target.run("get", "namespaces", "-o", "json"))["items"]
        labels = {item["metadata"]["name"]: item["metadata"].get("labels", {}) for item in namespaces}
        with self._lock:
            seen = {namespace: {"kubernetes.io/metadata.name": namespace} for namespace, _ in self._policies}
            return Policies(tuple(self._policies.values()), {**seen, **labels})

    def _resolve(self) -> Iterator[Flow]:
        for line in self._log.read_text().splitlines():
            found = NEW.match(line)
            if found is None or found["target"].startswith(SERVICES):
                continue
            when = float(found["at"])
            source = self._addresses.pod_at(found["source"], when)
            target = self._addresses.pod_at(found["target"], when)
            if source or target:
                protocol, port = found["protocol"].upper(), int(found["port"])
                yield Flow(source, found["source"], target, found["target"], protocol, port)

    def _watch(self, kind: str) -> subprocess.Popen[str]:
        command = [self._target.kubectl, "get", kind, "-A", "--watch", "--output-watch-events", "-o", "json"]
        environment = dict(os.environ)
        if self._target.kubeconfig:
            environment["KUBECONFIG"] = str(self._target.kubeconfig)
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def _read(self, process: subprocess.Popen[str]) -> None:
        """An event is a line."""
        for line in process.stdout or ():
            event = json.loads(line)
            with self._lock:
                self._note(event["type"], event["object"])

    def _note(self, kind: str, item: dict[str, Any]) -> None:
        if item["kind"] == "Pod":
            self._addresses.note(item)
        elif kind != "DELETED":
            self._policies[item["metadata"]["namespace"], item["metadata"]["name"]] = item


def _pod(pod: dict[str, Any]) -> Pod:
    metadata = pod["metadata"]
    ports = {
        port["name"]: port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
        if "name" in port
    }
    return Pod(metadata["namespace"], metadata["name"], metadata.get("labels", {}), ports)
