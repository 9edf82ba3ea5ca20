"""Every image of the embedded cluster: under which names, made from what, and how it gets into containerd.

Three kinds: one Go binary on nothing; Debian root file systems; our own Dockerfiles, built by buildah.
Names of other people's images are theirs, so that the same manifests work on any cluster.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from devcluster import rootfs
from devcluster.errors import StepFailed
from devcluster.gotools import tool
from devcluster.node import CONTAINERD_SOCKET, PAUSE_IMAGE, ctr
from devcluster.oci import Image, Layer, layer_of_program, layer_of_tar, write_archive

S3_IMAGE, MAIL_IMAGE = "docker.io/versity/versitygw:v1.8.0", "docker.io/axllent/mailpit:v1.33.1"
"""What the quickstart's documents and mails go to."""
PYTHON_IMAGE = "docker.io/library/python:3.13-slim"
IMPORT_TIMEOUT_SECONDS = 600
DATABASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/17/bin"

DATABASE_FAMILY: dict[str, dict[str, object]] = {
    "ghcr.io/cloudnative-pg/postgresql:17-standard-trixie": {"User": "26"},
    "ghcr.io/cloudnative-pg/postgresql:17-system-trixie": {"User": "26"},
    "ghcr.io/cloudnative-pg/pgbouncer:1.24.1": {"User": "998:996"},
    "docker.io/library/redis:8.0": {"User": "999", "Cmd": ["redis-server"]},
    "docker.io/oliver006/redis_exporter:v1.67.0": {"User": "59000", "Entrypoint": ["prometheus-redis-exporter"]},
    "docker.io/prom/prometheus:v2.53.3": {"User": "65534", "Entrypoint": ["prometheus"]},
    "docker.io/prom/alertmanager:v0.28.1": {"User": "65534", "Entrypoint": ["prometheus-alertmanager"]},
    "docker.io/prom/node-exporter:v1.9.0": {"User": "65534", "Entrypoint": ["prometheus-node-exporter"]},
}
"""One root file system under eight names; each differs in its user and what it starts."""

_PROGRAMS: dict[str, tuple[str, str, tuple[str, ...], dict[str, object]]] = {
    # name: tool, place, links, configuration
    PAUSE_IMAGE: ("pause", "pause", (), {"Entrypoint": ["/pause"], "User": "65535:65535"}),
    "ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0": (
        "cnpg-manager",
        "operator/manager_amd64",  # instances ask for this file by their architecture
        ("manager",),
        {"Entrypoint": ["/manager"], "User": "65532:65532", "WorkingDir": "/"},
    ),
    "registry.k8s.io/coredns/coredns:v1.14.7": ("coredns", "coredns", (), {"Entrypoint": ["/coredns"]}),
    "registry.k8s.io/metrics-server/metrics-server:v0.9.0": (
        "metrics-server",
        "metrics-server",
        (),
        {"Entrypoint": ["/metrics-server"]},
    ),
    "docker.io/rancher/local-path-provisioner:v0.0.30": (
        "local-path-provisioner",
        "usr/bin/local-path-provisioner",
        (),
        {"Cmd": ["local-path-provisioner"], "Env": ["PATH=/usr/bin"]},
    ),
    S3_IMAGE: ("versitygw", "usr/local/bin/versitygw", (), {"Entrypoint": ["/usr/local/bin/versitygw"]}),
    MAIL_IMAGE: ("mailpit", "mailpit", (), {"Entrypoint": ["/mailpit"]}),
    "docker.io/library/traefik:v3.6.7": (
        "traefik",
        "usr/local/bin/traefik",
        (),
        {"Entrypoint": ["/usr/local/bin/traefik"]},
    ),
}


def program_image(name: str) -> Image:
    """The image of one Go tool, which is built if need be."""
    tool_name, place, links, configuration = _PROGRAMS[name]
    return Image((name,), (layer_of_program(tool(tool_name), place=place, links=links),), configuration)


def program_names() -> list[str]:
    """The cluster's images of Go tools."""
    return list(_PROGRAMS)


def python_image() -> Image:
    """Debian's Python under the name that our Dockerfiles start from."""
    configuration: dict[str, object] = {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Cmd": ["python3"]}
    return Image((PYTHON_IMAGE,), (layer_of_tar(rootfs.python().tar),), configuration)


def database_images() -> list[Image]:
    """PostgreSQL, PgBouncer, Redis, Prometheus and the exporters: one layer, several configurations."""
    layer: Layer = layer_of_tar(rootfs.database().tar)
    environment = {"Env": [f"PATH={DATABASE_PATH}", "LANG=C.UTF-8"], "WorkingDir": "/"}
    return [Image((name,), (layer,), {**environment, **special}) for name, special in DATABASE_FAMILY.items()]


def import_images(images: Iterable[Image]) -> int:
    """Gives containerd the images that it does not have yet; how many those were. Raises StepFailed."""
    present = imported()
    missing = [image for image in images if any(present.get(name) != image.digest for name in image.names)]
    if not missing:
        return 0
    command = ["ctr", "-a", str(CONTAINERD_SOCKET), "-n", "k8s.io", "images", "import", "-"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdin is not None  # noqa: S101 - asked for one line above
    try:
        write_archive(missing, process.stdin)
        output, _ = process.communicate(timeout=IMPORT_TIMEOUT_SECONDS)
    except BrokenPipeError:
        output, _ = process.communicate(timeout=IMPORT_TIMEOUT_SECONDS)
    if process.returncode:
        raise StepFailed(f"containerd refused an image: {output.decode(errors='replace')}", "is the disk full?")
    return len(missing)


def import_file(archive: Path, name: str) -> None:
    """Gives containerd an image that a builder wrote, unless it has one of that name (names carry the digest)."""
    if name in imported():
        return
    run = ctr("images", "import", archive, timeout=IMPORT_TIMEOUT_SECONDS)
    if run.returncode:
        raise StepFailed(f"containerd refused {name}: {run.stderr}", "is the disk full?")


def imported() -> dict[str, str]:
    """The images containerd has: name and digest."""
    lines = ctr("images", "ls").stdout.splitlines()[1:]
    fields = [line.split() for line in lines]
    return {parts[0]: parts[2] for parts in fields if len(parts) > 2}
