"""Tools are named once and versions come from the module files."""

from __future__ import annotations

import pytest

from devcluster import gotools
from devcluster.errors import Unsupported


def test_the_version_of_a_required_module_is_found() -> None:
    assert gotools.module_version("cluster", "k8s.io/kubernetes").startswith("v1.36.")
    assert gotools.module_version("ingress", "github.com/traefik/traefik/v3") == "v3.6.7"
    with pytest.raises(KeyError, match="is not required"):
        gotools.module_version("cluster", "example.com/nothing")


def test_every_tool_of_the_cluster_is_a_tool_line_of_its_module() -> None:
    for name, tool in gotools.tools().items():
        text = (gotools.MODULES / tool.module / "go.mod").read_text()
        if not tool.package.startswith("ip2a.dev/"):
            assert tool.package in text, f"{name}: {tool.package} is not in {tool.module}/go.mod"


def test_without_go_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    gotools.go_version.cache_clear()
    with pytest.raises(Unsupported, match=r"no Go toolchain.*\n.*install Go 1\.26"):
        gotools.go_version()
    gotools.go_version.cache_clear()
