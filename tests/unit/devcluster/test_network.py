"""What `down` reads of the kernel's links while the kernel takes them away."""

from __future__ import annotations

from pathlib import Path

import pytest

from devcluster.network import is_down


@pytest.mark.parametrize(
    ("state", "down"), [("down", True), ("lowerlayerdown", True), ("up", False), ("unknown", False)]
)
def test_a_link_is_down_when_the_kernel_says_so(tmp_path: Path, state: str, down: bool) -> None:
    (tmp_path / "operstate").write_text(state + "\n")
    assert is_down(tmp_path) is down


def test_a_link_that_vanished_while_it_was_looked_at_is_not_an_error(tmp_path: Path) -> None:
    """Its pod's network namespace goes at any moment, and takes the host's end with it."""
    assert not is_down(tmp_path / "veth-gone")
