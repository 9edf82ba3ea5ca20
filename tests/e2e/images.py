"""Images for tests, given to whichever cluster: built from a Dockerfile, or one it has under another name."""

from __future__ import annotations

import subprocess

from devcluster import dockerfiles, images
from devcluster.dockerfiles import Source
from devcluster.node import ctr
from devcluster.quickstart import KIND_NAME
from tests.e2e.kubernetes import Kubernetes


def build(kubernetes: Kubernetes, image: str, source: Source) -> str:
    """Builds it and gives it to the cluster; its name."""
    if kubernetes.embedded:
        built = dockerfiles.build_source(image, source)
        images.import_file(built.archive, built.name)
        return built.name
    name = f"{source.repository}:test"
    _run("docker", "build", "-f", str(source.root / source.dockerfile), "-t", name, str(source.root))
    _run("kind", "load", "docker-image", "--name", KIND_NAME, name)
    return name


def rename(kubernetes: Kubernetes, name: str, new: str) -> None:
    """The same image under a new name as well: to Kubernetes, another image."""
    if kubernetes.embedded:
        tagged = ctr("images", "tag", "--force", name, new)
        assert tagged.returncode == 0, tagged.stderr
        return
    _run("docker", "tag", name, new)
    _run("kind", "load", "docker-image", "--name", KIND_NAME, new)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=900)
