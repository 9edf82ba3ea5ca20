"""Debian root file systems: the base of images that are not a single Go binary, and of services on this host.

Made by mmdebstrap from the mirror that the host's own apt uses, and cached by the digest of their recipe, so
that they are made once a machine. This module makes no images (see images) and starts nothing (see services).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devcluster import cache
from devcluster.errors import StepFailed, Unsupported
from devcluster.paths import cache_dir

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
BUILD_TIMEOUT_SECONDS = 1800
CLEANUP_SECONDS = 30

_ALMOST_NOTHING = 1 << 20  # bytes
_FORMAT = "1"  # raise it when the way of building changes and old entries must not be used

_UNREAD = (
    "/usr/share/doc/*",
    "/usr/share/i18n/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
)
_LICENCES = "/usr/share/doc/*/copyright"


@dataclass(frozen=True)
class Recipe:
    """What goes into a root file system. `exclude` and `include` are dpkg's path patterns; the later wins.

    Hooks are shell lines that see the new root as `$1`: `early` before the packages come, `late` after.
    """

    name: str
    packages: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


PYTHON = Recipe("python", ("ca-certificates", "python3", "python3-venv"))

_BOTOCORE = "/usr/lib/python3/dist-packages/botocore/data"

DATABASE = Recipe(
    "database",
    (
        "barman-cli-cloud",
        "ca-certificates",
        "pgbouncer",
        "postgresql-17",
        "prometheus",
        "prometheus-alertmanager",
        "prometheus-node-exporter",
        "prometheus-redis-exporter",
        "python3-boto3",
        "redis-server",
    ),
    exclude=(
        # PostgreSQL does without its just-in-time compiler when the provider is absent; LLVM would be 150 MB.
        "/usr/lib/*/libLLVM*",
        "/usr/lib/*/libz3*",
        "/usr/lib/llvm-*",
        "/usr/lib/postgresql/*/lib/bitcode/*",
        "/usr/lib/postgresql/*/lib/llvmjit*",
        # Backups speak S3; the other four hundred services' descriptions would be 100 MB.
        f"{_BOTOCORE}/*/*",
        "/usr/share/javascript/moment-timezone/data/unpacked/*",
    ),
    include=(f"{_BOTOCORE}/s3/*", f"{_BOTOCORE}/sts/*", f"{_BOTOCORE}/sso*/*"),
    early=(
        'mkdir -p "$1/etc/postgresql-common"',
        'echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"',
    ),
    late=(
        # CloudNativePG runs instances as uid 26 and poolers as 998:996, and both want a name for it.
        'chroot "$1" usermod -u 26 postgres',
        'chroot "$1" groupadd -r -g 996 pgbouncer',
        'chroot "$1" useradd -r -u 998 -g 996 -d /nonexistent -s /usr/sbin/nologin pgbouncer',
        'ln -sf ../sbin/pgbouncer "$1/usr/bin/pgbouncer"',
    ),
)

# What the host was told (proxy, mirror, name server) is the host's business and stays out of images.
_FORGET_HOST = (
    'rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/apt/sources.list"',
    'rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
    'rm -f "$1"/var/log/*.log "$1"/var/log/apt/*',
)


@dataclass(frozen=True)
class RootFileSystem:
    """A cached root file system. Neither part may be written to; services mount it read-only."""

    tar: Path
    """Uncompressed, numeric owners: an image layer as it is."""
    directory: Path
    """The same, unpacked, without device nodes."""


def python() -> RootFileSystem:
    """Debian's Python 3.13 with venv: the base of our own images. Raises DevclusterError."""
    return build(PYTHON)


def database() -> RootFileSystem:
    """PostgreSQL 17, PgBouncer, Redis, Prometheus and its exporters, barman-cloud. Raises DevclusterError."""
    return build(DATABASE)


def build(recipe: Recipe) -> RootFileSystem:
    """The root file system of a recipe, made now if the cache has none (one to two minutes).

    Raises Unsupported without root or mmdebstrap, StepFailed with the end of mmdebstrap's log.
    """
    key = f"{recipe.name}-{cache.digest(_FORMAT, SUITE, repr(recipe), repr((_UNREAD, _FORGET_HOST)))}"
    place = cache.entry("rootfs", key, partial(_make, recipe))
    return RootFileSystem(place / "rootfs.tar", place / "root")


def command(recipe: Recipe, target: Path, sources: Iterable[str], apt_options: Iterable[str]) -> list[str]:
    """The mmdebstrap command that makes `target` from apt `sources` (one-line format; none: its default)."""
    return [
        *("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(recipe.packages)}"),
        *(f"--aptopt={option}" for option in apt_options),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in (*_UNREAD, *recipe.exclude)),
        *(f"--dpkgopt=path-include={pattern}" for pattern in (_LICENCES, *recipe.include)),
        *(f"--essential-hook={line}" for line in recipe.early),
        *(f"--customize-hook={line}" for line in (*recipe.late, *_FORGET_HOST)),
        *(SUITE, str(target), *sources),
    ]


def debian_sources(index_targets: str, keyring: Path | None) -> list[str]:
    """Lines of sources.list for SUITE from the host's own mirrors.

    `index_targets` has lines `REPO_URI CODENAME COMPONENT ORIGIN` as `apt-get indextargets` prints them.
    A host without Debian's archive (another distribution) gives none.
    """
    signed = f"[signed-by={keyring}] " if keyring else ""
    suites: dict[str, str] = {}
    for line in index_targets.splitlines():
        uri, _, rest = line.partition(" ")
        codename, component, origin = [*rest.split(), "", "", ""][:3]
        if component != "main" or origin != "Debian":
            continue
        found = re.fullmatch(r"[a-z]+(-updates|-security)?", codename)
        if found:
            suites.setdefault(SUITE + (found[1] or ""), uri.rstrip("/"))
    if SUITE not in suites:
        return []
    return [f"deb {signed}{uri} {suite} main" for suite, uri in sorted(suites.items())]


def apt_options(configuration: str) -> list[str]:
    """The host's apt options that decide how it reaches its mirror, from what `apt-config dump` prints."""
    wanted = re.compile(r'Acquire::(http|https|Check-|Force|Retries|Max-)[^ ]* "[^"]+";')
    return [line.removesuffix(";") for line in configuration.splitlines() if wanted.fullmatch(line)]


def _make(recipe: Recipe, into: Path) -> None:
    _require_host()
    target = into / "rootfs.tar"
    index = _read(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)"])
    sources = debian_sources(index, KEYRING if KEYRING.exists() else None)
    arguments = command(recipe, target, sources, apt_options(_read(["apt-config", "dump"])))
    log = cache_dir() / "log" / f"rootfs-{recipe.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    _run(["nice", "-n", "10", *arguments], log, f"making Debian {SUITE}'s root file system {recipe.name!r}")
    root = into / "root"
    root.mkdir(mode=0o755)
    unpack = [
        "tar",
        "--extract",
        "--file",
        target,
        "--directory",
        root,
        "--numeric-owner",
        "--same-permissions",
    ]
    _run([*map(str, unpack), "--exclude=./dev/*"], log, f"unpacking root file system {recipe.name!r}")


def _require_host() -> None:
    if os.geteuid() != 0:
        raise Unsupported("making a Debian root file system needs root", "run the command as root, e.g. with sudo")
    if shutil.which("mmdebstrap") is None:
        raise Unsupported("mmdebstrap is not installed", "apt-get install mmdebstrap")


def _read(arguments: list[str]) -> str:
    """What apt says about itself; nothing on a host without apt (mmdebstrap then uses its own default)."""
    if shutil.which(arguments[0]) is None:
        return ""
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60).stdout


def _run(arguments: list[str], log: Path, what: str) -> None:
    try:
        code = _logged(arguments, log)
    except subprocess.TimeoutExpired as error:
        raise StepFailed(f"{what} took over {BUILD_TIMEOUT_SECONDS} s", "is apt's mirror reachable?", log) from error
    if code == 0:
        return
    if _is_full(log.parent):  # asked first: a log on a full file system lacks its last words
        raise cache.disk_full(log.parent)
    if "No space left on device" in log.read_text(errors="replace"):
        raise StepFailed(
            f"the disk is full: no space left below {tempfile.gettempdir()}",
            "free some space, or point TMPDIR at a larger file system",
            log,
        )
    raise StepFailed(
        f"{what} failed (exit code {code})",
        "`apt-get update` shows whether apt's mirror is reachable; then run the same command again",
        log,
    )


def _logged(arguments: list[str], log: Path) -> int:
    """Runs a program, appending what it prints to `log`; its exit code. An interrupted run ends it too."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            # SIGTERM when we are killed: mmdebstrap then cleans up, instead of building on behind our back.
            ["setpriv", "--pdeathsig", "TERM", "--", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            start_new_session=True,  # mmdebstrap ends its helpers with SIGHUP to its whole process group
        )
    try:
        return process.wait(BUILD_TIMEOUT_SECONDS)
    except BaseException:
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C would have done
        try:
            process.wait(CLEANUP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise


def _is_full(directory: Path) -> bool:
    return shutil.disk_usage(directory).free < _ALMOST_NOTHING
