"""Writes OCI image archives (image layout in a tar) from files that are at hand; no builder, no compression.

Layers stay uncompressed: they travel no further than this machine. Output depends on input only, so the same
image has the same digest on every machine. See the OCI image layout specification.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

CREATED = "2026-01-01T00:00:00Z"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Layer:
    """An uncompressed tar: a file, or bytes when small."""

    content: Path | bytes
    sha256: str
    size: int


@dataclass(frozen=True)
class Image:
    """One image under all its names. `config` is the OCI image configuration's `config` object."""

    names: tuple[str, ...]
    layers: tuple[Layer, ...]
    config: dict[str, object] = field(default_factory=dict)

    def configuration(self) -> bytes:
        """The image configuration as stored."""
        return _json(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": CREATED,
                "config": self.config,
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.sha256}" for layer in self.layers]},
                "history": [{"created": CREATED, "created_by": "devcluster"} for _ in self.layers],
            }
        )

    def manifest(self) -> bytes:
        """The image manifest as stored."""
        configuration = self.configuration()
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": f"sha256:{_sha256(configuration)}",
                    "size": len(configuration),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.oci.image.layer.v1.tar",
                        "digest": f"sha256:{layer.sha256}",
                        "size": layer.size,
                    }
                    for layer in self.layers
                ],
            }
        )

    @property
    def digest(self) -> str:
        """What a container runtime shows as the image's digest."""
        return f"sha256:{_sha256(self.manifest())}"


def layer_of_tar(tar: Path) -> Layer:
    """A layer of an uncompressed tar file."""
    return Layer(tar, file_sha256(tar), tar.stat().st_size)


def layer_of_program(program: Path, *, place: str, links: Sequence[str] = ()) -> Layer:
    """A layer with one executable at `place` (relative to /), and symbolic links to it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _directories(tar, place)
        entry = tarfile.TarInfo(place)
        entry.mode, entry.size = 0o755, program.stat().st_size
        with program.open("rb") as content:
            tar.addfile(entry, content)
        for link in links:
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, place, 0o777
            tar.addfile(entry)
    content_bytes = buffer.getvalue()
    return Layer(content_bytes, _sha256(content_bytes), len(content_bytes))


def write_archive(images: Sequence[Image], target: IO[bytes]) -> None:
    """Streams one archive with all the images; a layer that several share is written once."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", _index(images))
        written: set[str] = set()
        for image in images:
            for blob in (image.configuration(), image.manifest()):
                _add(tar, f"blobs/sha256/{_sha256(blob)}", blob)
            for layer in image.layers:
                if layer.sha256 not in written:
                    written.add(layer.sha256)
                    _add_layer(tar, layer)


def file_sha256(file: Path) -> str:
    """Of a file's bytes, in hexadecimal; remembered beside it, since cache entries do not change."""
    note = file.with_name(file.name + ".sha256")
    if note.exists():
        return note.read_text().strip()
    total = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(CHUNK):
            total.update(chunk)
    note.write_text(total.hexdigest())
    return total.hexdigest()


def _index(images: Sequence[Image]) -> bytes:
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "digest": image.digest,
                    "size": len(image.manifest()),
                    "platform": {"architecture": "amd64", "os": "linux"},
                    "annotations": {
                        "io.containerd.image.name": name,
                        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
                    },
                }
                for image in images
                for name in image.names
            ],
        }
    )


def _directories(tar: tarfile.TarFile, place: str) -> None:
    for parent in reversed(Path(place).parents):
        if str(parent) != ".":
            entry = tarfile.TarInfo(str(parent))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _add_layer(tar: tarfile.TarFile, layer: Layer) -> None:
    name = f"blobs/sha256/{layer.sha256}"
    if isinstance(layer.content, bytes):
        _add(tar, name, layer.content)
        return
    entry = tarfile.TarInfo(name)
    entry.size = layer.size
    with layer.content.open("rb") as content:
        tar.addfile(entry, content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
