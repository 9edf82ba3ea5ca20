"""Making a root file system with the real mmdebstrap, where it cannot succeed; that it can, every other test shows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devcluster import rootfs
from devcluster.errors import DevclusterError, StepFailed


def test_an_unreachable_mirror_is_reported_with_apts_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    host = {
        "apt-get": "http://127.0.0.1:9/debian/ trixie main Debian\n",  # port 9, discard: nothing listens
        "apt-config": 'Acquire::Retries "0";\n',
    }
    monkeypatch.setattr(rootfs, "_read", lambda arguments: host[arguments[0]])
    with pytest.raises(StepFailed) as failure:
        rootfs.build(rootfs.Recipe("unreachable", ("ca-certificates",)))
    text = str(failure.value)
    assert "making Debian trixie's root file system 'unreachable' failed" in text
    assert "remedy: `apt-get update` shows" in text
    assert "Could not connect to 127.0.0.1:9" in text
    kept = tmp_path / "ip2a-devcluster" / "rootfs"
    assert not [path for path in kept.iterdir() if path.is_dir()], "a half-made entry was kept"


@pytest.mark.full
def test_a_full_disk_is_named_and_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", tmp_path], check=True, timeout=10)
    try:
        with pytest.raises(DevclusterError, match=f"the disk is full: no space left below {tmp_path}"):
            rootfs.build(rootfs.Recipe("large", ("ca-certificates",)))
        left = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
        assert left < 1_000_000, "the half-made root file system was kept"
    finally:
        subprocess.run(["umount", tmp_path], check=True, timeout=10)
