"""The stand-alone control plane: a real API server, several side by side, nothing left when it ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devcluster.control_plane import ControlPlane, control_plane
from devcluster.gotools import tool

pytestmark = pytest.mark.control_plane


def _namespaces(plane: ControlPlane) -> set[str]:
    command: list[str | Path] = [tool("kubectl"), "--kubeconfig", plane.kubeconfig, "get", "namespaces", "-o", "name"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split())


def test_two_run_side_by_side_and_leave_nothing() -> None:
    with control_plane() as first, control_plane() as second:
        create: list[str | Path] = [
            tool("kubectl"),
            "--kubeconfig",
            first.kubeconfig,
            "create",
            "namespace",
            "only-in-the-first",
        ]
        subprocess.run(create, check=True, capture_output=True, timeout=60)
        assert "namespace/only-in-the-first" in _namespaces(first)
        assert "namespace/only-in-the-first" not in _namespaces(second)
    assert not first.directory.exists()
    ours = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True, timeout=10).stdout
    assert str(first.directory) not in ours
    assert str(second.directory) not in ours
