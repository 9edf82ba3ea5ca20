"""Two replicas and one Lease: one works, the other waits; a killed leader is replaced; a stopped one hands
over."""

import time
from pathlib import Path

import pytest

from devcluster.control_plane import ControlPlane
from tests.control_plane.operator.controllers import HealthWriter
from tests.control_plane.operator.kube import Kube, eventually
from tests.control_plane.operator.process import OperatorProcess
from tests.control_plane.operator.test_lifecycle import NAME, make, wait_ready

pytestmark = pytest.mark.control_plane

TAKEOVER_SECONDS = 25.0
"""Lease duration, one retry, start of the watches, and room for a busy machine."""


def holder(kube: Kube, namespace: str) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/ip2a-operator"
    return str(kube.request("GET", path).json().get("spec", {}).get("holderIdentity", ""))


def test_leader_killed_and_leader_stopped(
    plane: ControlPlane, kube: Kube, namespace: str, health: HealthWriter, tmp_path: Path
) -> None:
    with (
        OperatorProcess(plane.kubeconfig, namespace, tmp_path / "one.log", name="one") as one,
        OperatorProcess(plane.kubeconfig, namespace, tmp_path / "two.log", name="two") as two,
    ):
        one.wait_ready()
        two.wait_ready()
        eventually("a leader", lambda: holder(kube, namespace))
        replicas = {"one": one, "two": two}
        leader = replicas.pop(holder(kube, namespace))
        (standby,) = replicas.values()
        make(kube, namespace)
        wait_ready(kube, namespace)
        assert leader.metric("ip2a_operator_leader") == 1
        assert standby.metric("ip2a_operator_leader") == 0
        assert standby.mutations() == 0

        leader.kill()
        kube.delete("Service", namespace, f"{NAME}-app")
        began = time.monotonic()
        eventually("the standby mends", lambda: kube.get("Service", namespace, f"{NAME}-app"), seconds=TAKEOVER_SECONDS)
        assert time.monotonic() - began > 5, "the standby wrote while the Lease was still the other's"
        assert standby.metric("ip2a_operator_leader") == 1

        leader.start()
        leader.wait_ready()
        assert standby.stop() == 0
        eventually("handed over", lambda: leader.metric("ip2a_operator_leader") == 1, seconds=8)
        kube.delete("Service", namespace, f"{NAME}-app")
        eventually("the new leader mends", lambda: kube.get("Service", namespace, f"{NAME}-app"), seconds=10)
