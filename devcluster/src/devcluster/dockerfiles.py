"""Builds our own Dockerfiles with buildah, and keeps the result in the cache by the digest of what went in.

The same Dockerfiles build with Docker elsewhere: the base image is a build argument, and nothing of this host
(its pip configuration, its certificate bundle) stays in an image, because both are mounted only while building.
"""

from __future__ import annotations

import configparser
import fcntl
import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devcluster import cache
from devcluster.errors import StepFailed, Unsupported
from devcluster.images import PYTHON_IMAGE, python_image
from devcluster.oci import write_archive
from devcluster.paths import CHECKOUT, cache_dir

BUILD_TIMEOUT_SECONDS = 1200
HOST_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")


@dataclass(frozen=True)
class Source:
    """An image: its Dockerfile and what the Dockerfile copies, relative to `root`, a checkout."""

    repository: str
    dockerfile: str
    inputs: tuple[str, ...]
    root: Path = CHECKOUT


SOURCES = {
    "app": Source("ghcr.io/ip2a/ip2a-app", "app/Dockerfile", ("requirements/app.txt", "app/src")),
    "operator": Source(
        "ghcr.io/ip2a/ip2a-operator", "operator/Dockerfile", ("requirements/operator.txt", "operator/src")
    ),
}


@dataclass(frozen=True)
class Built:
    """A built image: its full name, whose tag is the digest of its sources, and its archive."""

    name: str
    archive: Path

    @property
    def tag(self) -> str:
        """The tag alone."""
        return self.name.rpartition(":")[2]


def build(image: str) -> Built:
    """Builds image `app` or `operator`, or takes it from the cache. Raises Unsupported, StepFailed."""
    return build_source(image, SOURCES[image])


def build_source(image: str, source: Source) -> Built:
    """The same for any source; `image` is what the cache calls it."""
    files = [source.root / source.dockerfile, *_files(source)]
    key = cache.digest(cache.tree_digest(source.root, files), python_image().digest)
    name = f"{source.repository}:dev-{key[:12]}"
    place = cache.entry("image", f"{image}-{key}", functools.partial(_build, source, name))
    return Built(name, place / "image.tar")


def _files(source: Source) -> list[Path]:
    found: list[Path] = []
    for given in source.inputs:
        path = source.root / given
        if path.is_dir():
            found += [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
        else:
            found.append(path)
    return found


def _build(source: Source, name: str, into: Path) -> None:
    if shutil.which("buildah") is None:
        raise Unsupported("buildah is not installed", "apt-get install buildah")
    log = cache_dir() / "log" / f"image-{source.repository.rpartition('/')[2]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with _storage():
        _ensure_base(log)
        pip_configuration = into / "pip.conf"
        pip_configuration.write_text(_pip_configuration())
        mounts = [f"--volume={pip_configuration}:/etc/pip.conf:ro"]
        if HOST_BUNDLE.exists():
            mounts.append(f"--volume={HOST_BUNDLE}:{HOST_BUNDLE}:ro")
        context = _context(source, into / "context")
        _buildah(
            log,
            *("bud", "--pull-never", "--isolation=chroot", "--layers", f"--build-arg=BASE={PYTHON_IMAGE}"),
            *(*mounts, f"--file={context / source.dockerfile}", f"--tag={name}", str(context)),
        )
        _buildah(log, "push", name, f"docker-archive:{into / 'image.tar'}:{name}")
        _buildah(log, "rmi", name)
    pip_configuration.unlink()
    shutil.rmtree(into / "context")


def _context(source: Source, into: Path) -> Path:
    """Only what the image is made of: the digest and the build see the same files."""
    for file in (source.root / source.dockerfile, *_files(source)):
        target = into / file.relative_to(source.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    return into


def _ensure_base(log: Path) -> None:
    image = python_image()
    marker = _root() / f"base-{image.digest.removeprefix('sha256:')}"
    if marker.exists():
        return
    archive = _root() / "base.tar"
    with archive.open("wb") as target:
        write_archive([image], target)
    run = _buildah(log, "pull", f"oci-archive:{archive}")
    _buildah(log, "tag", run.strip().splitlines()[-1], PYTHON_IMAGE)
    archive.unlink()
    marker.touch()


def _pip_configuration() -> str:
    """How this host reaches its package index, as a pip.conf for the build."""
    run = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60, check=False
    )
    configuration = configparser.RawConfigParser()
    configuration["global"] = {"cert": str(HOST_BUNDLE)} if HOST_BUNDLE.exists() else {}
    for line in run.stdout.splitlines():
        name, _, value = line.partition("=")
        setting = name.rpartition(".")[2]
        if setting in PIP_SETTINGS:
            configuration["global"][setting] = value.strip("'\"")
    lines = [f"{name} = {value}" for name, value in configuration["global"].items()]
    return "\n".join(["[global]", *lines, ""])


def _root() -> Path:
    return cache_dir() / "buildah"


@contextmanager
def _storage() -> Iterator[None]:
    """One builder at a time; afterwards nothing of its storage stays mounted."""
    _root().mkdir(parents=True, exist_ok=True)
    with (_root() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
            for mount in sorted((one for one in mounted if one.startswith(str(_root()))), reverse=True):
                subprocess.run(["umount", mount], capture_output=True, timeout=30, check=False)
            shutil.rmtree(_root() / "run", ignore_errors=True)


def _buildah(log: Path, *arguments: str) -> str:
    command = ["buildah", f"--root={_root() / 'storage'}", f"--runroot={_root() / 'run'}", *arguments]
    with log.open("ab") as output:
        run = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=output, text=True, timeout=BUILD_TIMEOUT_SECONDS, check=False
        )
        output.write(run.stdout.encode())
    if run.returncode:
        if "no space left on device" in log.read_text(errors="replace").lower():
            raise cache.disk_full(_root())
        raise StepFailed(f"`buildah {arguments[0]}` failed", "read the log, mend the Dockerfile, run it again", log)
    return run.stdout
