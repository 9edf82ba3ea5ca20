"""A content-addressed cache outside the checkout.

An entry is a directory named by what went into it. It is built beside its final place and renamed when whole,
so an interrupted build leaves no half entry, and a lock per entry keeps two runs from building the same thing.
This module does not know what is cached.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devcluster.errors import DevclusterError
from devcluster.paths import cache_dir


def digest(*parts: str | bytes | Path) -> str:
    """The first 24 hexadecimal digits of SHA-256 over the parts; of a path, its bytes and its name."""
    total = hashlib.sha256()
    for part in parts:
        data = part.name.encode() + b"\0" + part.read_bytes() if isinstance(part, Path) else _bytes(part)
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:24]


def tree_digest(root: Path, files: Iterable[Path]) -> str:
    """The digest of files below `root`: names relative to it, executable bits, and contents."""
    parts: list[str | bytes] = []
    for file in sorted(files):
        mode = "x" if os.access(file, os.X_OK) else "-"
        parts += [f"{mode} {file.relative_to(root)}", file.read_bytes()]
    return digest(*parts)


def entry(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """The directory of entry `kind/key`, built by `build(empty directory)` if it is not there yet.

    Raises DevclusterError when the disk is full, and whatever `build` raises; then nothing is kept.
    """
    place = cache_dir() / kind / key
    if place.is_dir():
        return place
    with _locked(place):
        if place.is_dir():  # another run made it while we waited
            return place
        for stale in place.parent.glob(f".{key}.*"):  # of a run that was killed: we hold the lock, nobody is at it
            if stale.is_dir():
                shutil.rmtree(stale)
        try:
            work = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=place.parent))
            try:
                build(work)
                work.chmod(0o755)
                work.rename(place)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise disk_full(place.parent) from error
    return place


def has(kind: str, key: str) -> bool:
    """Whether entry `kind/key` is there, whole."""
    return (cache_dir() / kind / key).is_dir()


def disk_full(where: Path) -> DevclusterError:
    """The error for a file system without space."""
    return DevclusterError(
        f"the disk is full: no space left below {where}",
        "free some space, or point XDG_CACHE_HOME at a larger file system",
    )


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / f".{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bytes(part: str | bytes) -> bytes:
    return part.encode() if isinstance(part, str) else part
