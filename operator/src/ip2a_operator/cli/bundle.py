"""`ip2a bundle`: an archive for support. Secrets are in it as digests only; the spec's literal variables not at all."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from ip2a_operator.cli.gather import View
from ip2a_operator.domain.tree import Tree

REDACTED = "(redacted)"
_SENSITIVE = ("password", "secret", "token", "key", "credential", "dsn", "url")


def write(file: Path, view: View, events: Sequence[Tree]) -> list[str]:
    """Write the archive; the names in it."""
    documents = {
        "resource.yaml": view.raw or {},
        "events.yaml": list(events),
        **{f"objects/{ref.kind}-{ref.name}.yaml": live.tree for ref, live in view.observed.objects.items()},
    }
    with tarfile.open(file, "w:gz") as archive:
        for name, document in sorted(documents.items()):
            content = yaml.safe_dump(redacted(document), sort_keys=True).encode()
            info = tarfile.TarInfo(f"{view.key.name}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return sorted(documents)


def redacted(node: object) -> object:
    """The same without literal values of variables whose names sound secret, wherever they stand."""
    if isinstance(node, list | tuple):
        return [redacted(item) for item in node]
    if not isinstance(node, dict):
        return node
    tree = {key: redacted(value) for key, value in node.items() if key != "managedFields"}
    annotations = tree.get("annotations")
    if isinstance(annotations, dict):
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    if {"name", "value"} <= tree.keys() and _sounds_secret(str(tree["name"])) and "$(" not in str(tree["value"]):
        tree["value"] = REDACTED
    return tree


def _sounds_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SENSITIVE)
