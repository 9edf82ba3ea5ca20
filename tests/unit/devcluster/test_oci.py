"""Image archives follow the OCI image layout and depend on their input only."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

from devcluster.oci import Image, layer_of_program, layer_of_tar, write_archive


def _archive(images: list[Image]) -> dict[str, bytes]:
    buffer = io.BytesIO()
    write_archive(images, buffer)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as tar:
        return {entry.name: (tar.extractfile(entry) or io.BytesIO()).read() for entry in tar.getmembers()}


def test_every_blob_is_named_by_its_digest_and_every_reference_resolves(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!program")
    image = Image(("example.com/a:1", "example.com/b:1"), (layer_of_program(program, place="usr/bin/p", links=("p",)),))
    files = _archive([image])
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert hashlib.sha256(content).hexdigest() == name.rpartition("/")[2]
    index = json.loads(files["index.json"])
    assert [one["annotations"]["io.containerd.image.name"] for one in index["manifests"]] == list(image.names)
    manifest = json.loads(files[f"blobs/sha256/{index['manifests'][0]['digest'][7:]}"])
    assert index["manifests"][0]["digest"] == image.digest
    layer = files[f"blobs/sha256/{manifest['layers'][0]['digest'][7:]}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert tar.getnames() == ["usr", "usr/bin", "usr/bin/p", "p"]
        assert tar.getmember("usr/bin/p").mode == 0o755


def test_a_shared_layer_is_written_once(tmp_path: Path) -> None:
    tar = tmp_path / "rootfs.tar"
    with tarfile.open(tar, "w"):
        pass
    layer = layer_of_tar(tar)
    images = [Image((f"example.com/{user}:1",), (layer,), {"User": user}) for user in ("26", "998")]
    buffer = io.BytesIO()
    write_archive(images, buffer)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        names = archive.getnames()
    assert names.count(f"blobs/sha256/{layer.sha256}") == 1
    assert len(names) == len(set(names))


def test_the_same_input_gives_the_same_digest(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"x")
    first = Image(("a:1",), (layer_of_program(program, place="p"),), {"User": "1"})
    program.touch()
    second = Image(("b:1",), (layer_of_program(program, place="p"),), {"User": "1"})
    assert first.digest == second.digest
