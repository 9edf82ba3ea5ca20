"""`ip2a bundle`: an archive for support.

Left out of it: values of Secrets (only their digests are there), literal values of variables whose names sound secret,
logins in URLs and passwords in connection strings wherever they stand. Other literals of a spec are in it as they are.
"""

import io
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from ip2a_operator.cli.gather import View
from ip2a_operator.domain.tree import Tree

REDACTED = "(redacted)"
_LOGIN = re.compile(r"(?<=://)[^\s'\"]*@")
"""Up to the last `@`, since a password may hold one: rather too much than a part of it left."""
_PASSWORD = re.compile(r"\b(password|passwd|pwd)=[^\s&'\"]+", re.IGNORECASE)
_REFERENCES = re.compile(r"(\$\([A-Za-z_][A-Za-z0-9_]*\))+")
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
    """The same without what the archive leaves out, wherever it stands."""
    if isinstance(node, str):
        return _PASSWORD.sub(rf"\1={REDACTED}", _LOGIN.sub(f"{REDACTED}@", node))
    if isinstance(node, list | tuple):
        return [redacted(item) for item in node]
    if not isinstance(node, dict):
        return node
    tree = {key: redacted(value) for key, value in node.items() if key != "managedFields"}
    annotations = tree.get("annotations")
    if isinstance(annotations, dict):
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    if {"name", "value"} <= tree.keys() and _sounds_secret(str(tree["name"])) and not _refers(str(tree["value"])):
        tree["value"] = REDACTED
    return tree


def _refers(value: str) -> bool:
    """Whether it is references to other variables and nothing else."""
    return _REFERENCES.fullmatch(value) is not None


def _sounds_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SENSITIVE)
