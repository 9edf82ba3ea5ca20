"""The cache keeps whole entries only, builds each once, and says when the disk is full."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from devcluster import cache
from devcluster.errors import DevclusterError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def _write(into: Path) -> None:
    (into / "content").write_text("whole")


def test_an_entry_is_built_once() -> None:
    built: list[Path] = []

    def build(into: Path) -> None:
        built.append(into)
        _write(into)

    first, second = cache.entry("kind", "key", build), cache.entry("kind", "key", build)
    assert first == second
    assert len(built) == 1
    assert (first / "content").read_text() == "whole"


def test_an_interrupted_build_leaves_no_entry() -> None:
    def interrupted(into: Path) -> None:
        _write(into)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.entry("kind", "key", interrupted)
    place = cache.entry("kind", "key", _write)
    assert [path.name for path in place.parent.iterdir() if not path.name.startswith(".")] == ["key"]


def test_two_runs_at_once_build_one_entry() -> None:
    building, builds = threading.Event(), []

    def slow(into: Path) -> None:
        builds.append(into)
        building.set()
        _write(into)

    threads = [threading.Thread(target=cache.entry, args=("kind", "key", slow)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert building.is_set()
    assert len(builds) == 1


def test_a_full_disk_names_the_place_and_the_remedy() -> None:
    def full(into: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DevclusterError, match=r"disk is full.*\n.*XDG_CACHE_HOME"):
        cache.entry("kind", "key", full)


def test_the_digest_tells_parts_apart(tmp_path: Path) -> None:
    assert cache.digest("ab", "c") != cache.digest("a", "bc")
    file = tmp_path / "file"
    file.write_text("a")
    before = cache.tree_digest(tmp_path, [file])
    file.chmod(0o755)
    assert cache.tree_digest(tmp_path, [file]) != before
