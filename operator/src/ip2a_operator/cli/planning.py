"""`ip2a plan FILE`: what applying a file would change, by the same pure code that the operator runs."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
import yaml

from ip2a_operator.cli.gather import View
from ip2a_operator.domain.builders.secrets import secrets
from ip2a_operator.domain.desired import desired
from ip2a_operator.domain.drift import needs_apply, project, stamp
from ip2a_operator.domain.observed import Ref, ref_of
from ip2a_operator.domain.plan import as_applied, make_stack, not_followed
from ip2a_operator.domain.prune import prune
from ip2a_operator.domain.resource import parse
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Manifest, Tree, branch
from ip2a_operator.errors import InvalidSpecError
from ip2a_operator.names import APPLIED_ANNOTATION, KIND

Verb = Literal["create", "change", "delete"]


@dataclass(frozen=True, slots=True)
class Change:
    """One object that would change."""

    verb: Verb
    ref: Ref
    diff: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """All changes, and why they would be refused (empty when they would not)."""

    changes: tuple[Change, ...]
    refusal: str


def load(file: Path) -> Tree:
    """The IP2A in a file. Raises click's error (exit status 2) for anything else."""
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.UsageError(f"{file}: {error}") from error
    found = [item for item in documents if isinstance(item, dict) and item.get("kind") == KIND]
    if len(found) != 1:
        raise click.UsageError(f"{file}: exactly one {KIND} is expected, there are {len(found)}")
    return found[0]


def outlook(wanted: Tree, view: View) -> Outlook:
    """What the wanted resource would change. Raises click's error when the spec cannot be understood."""
    metadata = {**branch(view.raw or {}, "metadata"), **branch(wanted, "metadata")}
    try:
        resource = parse({**wanted, "metadata": {**metadata, "namespace": view.key.namespace}})
    except InvalidSpecError as error:
        raise click.UsageError(str(error)) from error
    own = view.observed.belonging_to(resource.uid)
    stack = make_stack(resource, own, view.surroundings)
    refusal = "" if stack.ledger.fits else stack.ledger.arithmetic
    return Outlook(tuple(_changes(stack, view)), refusal)


def _changes(stack: Stack, view: View) -> Iterator[Change]:
    manifests, generated = [item.manifest for item in desired(stack)], secrets(stack)
    others = not_followed(stack, generated)
    for secret in generated:
        if ref_of(secret.manifest) not in view.observed.objects:
            yield Change("create", ref_of(secret.manifest), f"+ keys: {', '.join(secret.generated)}\n")
    for stated in manifests:
        live = view.observed.objects.get(ref_of(stated))
        manifest = as_applied(stack, view.observed, stated, live, others)
        if live is None:
            yield Change("create", ref_of(manifest), _diff({}, manifest))
        elif manifest["kind"] != "Job" and needs_apply(stamp(manifest), live.tree, None):
            yield Change("change", live.ref, _diff(_ours(manifest, live.tree), manifest))
    keep = {ref_of(manifest) for manifest in manifests} | {ref_of(item.manifest) for item in generated}
    for deletion in prune(stack, view.observed, keep):
        yield Change("delete", deletion.ref, "")


def _ours(manifest: Manifest, live: Tree) -> Mapping[str, object]:
    projected = project(manifest, live)
    return projected if isinstance(projected, Mapping) else {}


def _diff(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """A unified diff of the two as YAML, without the lines that are in every file of changes."""
    old, new = (_lines(tree) for tree in (before, after))
    lines = list(difflib.unified_diff(old, new, n=1, lineterm="\n"))[2:]
    return "".join(line for line in lines if APPLIED_ANNOTATION not in line)


def _lines(tree: Mapping[str, object]) -> list[str]:
    if not tree:
        return []
    dumped: str = yaml.safe_dump(_plain(tree), sort_keys=True, width=120)
    return dumped.splitlines(keepends=True)


def _plain(node: object) -> object:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list | tuple) else node


def label(change: Change) -> str:
    """`+ Deployment x`."""
    sign = {"create": "+", "change": "~", "delete": "-"}[change.verb]
    return f"{sign} {change.ref}"
