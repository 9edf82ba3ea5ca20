"""Who sets replica counts and pool sizes: the builders by the spec, or the autoscaler by demand.

While an actuator is in mode Auto its fields belong to field manager `ip2a-autoscaler` and the operator's own
apply leaves them out. Two writes would be too many for a crash to fall between, so the fact stands on the object
itself, in an annotation that is applied together with the fields:

    auto size=8           ours; the spec alone would have said 8
    held size=8           given back in mode Recommend: what runs stays until the spec says something else

A field is never without an owner: the autoscaler applies the live value before the operator leaves it out, and the
operator applies the live value before the autoscaler lets go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ip2a_operator.api.v1alpha1 import IP2ASpec
from ip2a_operator.domain.observed import Live, Ref, ref_of
from ip2a_operator.domain.tree import Manifest, Tree, branch, text
from ip2a_operator.names import AUTOSCALER_MANAGER, FIELD_MANAGER, GROUP

ANNOTATION: Final = f"{GROUP}/autoscaled"
POOL_BEFORE_ANNOTATION: Final = f"{GROUP}/pool-before"
"""On a Pooler: `SIZE TIME`, the pool size before the latest change and when that was made. PgBouncer gives connections
up lazily; until that is seen the ledger counts the larger size, also after a restart of the operator."""

Path = tuple[str, ...]
Mode = Literal["Off", "Recommend", "Auto"]
_POOL: Final = ("spec", "pgbouncer", "parameters")
REPLICAS: Final[Path] = ("spec", "replicas")
INSTANCES: Final[Path] = ("spec", "instances")
POOL_SIZE: Final[Path] = (*_POOL, "default_pool_size")
POOL_LIMIT: Final[Path] = (*_POOL, "max_db_connections")


@dataclass(frozen=True, slots=True)
class Record:
    """The annotation, read. `stated` is what the spec alone said when it was written."""

    auto: bool
    stated: str

    def __str__(self) -> str:
        return f"{'auto' if self.auto else 'held'} {self.stated}"


def fields_of(kind: str, name: str, resource: str) -> tuple[Path, ...]:
    """The fields of an object that an actuator sets; none of an object that is not scaled."""
    if kind == "Deployment":
        return (REPLICAS,) if name == f"{resource}-app" else ()
    if kind == "Pooler":
        return (INSTANCES, POOL_SIZE, POOL_LIMIT)
    return (INSTANCES,) if kind == "Cluster" else ()


def mode_of(spec: IP2ASpec, kind: str) -> Mode:
    """How far the autoscaler may go with objects of a kind."""
    scaling = spec.autoscaling
    bounds = {"Deployment": scaling.app, "Pooler": scaling.pool, "Cluster": scaling.database}[kind]
    if bounds.mode is None or scaling.mode == "Off":
        return scaling.mode
    return "Recommend" if scaling.mode == "Recommend" and bounds.mode == "Auto" else bounds.mode


def record_of(live: Tree) -> Record | None:
    """What the annotation says; None without a readable one."""
    kind, _, stated = text(live, "metadata", "annotations", ANNOTATION).partition(" ")
    return Record(kind == "auto", stated) if kind in {"auto", "held"} and stated else None


def stated(manifest: Manifest, paths: tuple[Path, ...]) -> str:
    """What a manifest says about these fields: `replicas=2` or `instances=1,default_pool_size=8,…`."""
    return ",".join(f"{path[-1]}={value_at(manifest, path)}" for path in paths)


def adjusted(manifest: Manifest, live: Live | None, spec: IP2ASpec, resource: str) -> Manifest:
    """The manifest as the operator applies it: fields that are the autoscaler's left out, or with the live value."""
    ref = ref_of(manifest)
    paths = fields_of(ref.kind, ref.name, resource)
    if not paths or live is None:
        return manifest
    mode, record = mode_of(spec, ref.kind), record_of(live.tree)
    if mode == "Auto":
        if record is not None and record.auto:
            return _without(manifest, paths)
        return _with_live(manifest, live.tree, paths)
    held = mode == "Recommend" and record is not None and record.stated == stated(manifest, paths)
    return _with_live(manifest, live.tree, paths) if held else manifest


def owns(tree: Tree, manager: str, paths: tuple[Path, ...]) -> bool:
    """Whether a field manager owns all these fields by server-side apply; needs an object with managedFields."""
    entries = tree.get("metadata")
    managed = entries.get("managedFields") if isinstance(entries, Mapping) else None
    for entry in managed if isinstance(managed, list) else ():
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields = branch(entry, "fieldsV1")
            return all(f"f:{path[-1]}" in branch(fields, *(f"f:{key}" for key in path[:-1])) for path in paths)
    return False


def may_release(tree: Tree, paths: tuple[Path, ...]) -> bool:
    """Whether the fields stay when the autoscaler lets go: the operator owns them too."""
    return owns(tree, FIELD_MANAGER, paths)


def is_scalers(tree: Tree, paths: tuple[Path, ...]) -> bool:
    """Whether the autoscaler owns the fields."""
    return owns(tree, AUTOSCALER_MANAGER, paths)


def value_at(tree: Tree, path: Path) -> object:
    """The value at a path, or None."""
    return branch(tree, *path[:-1]).get(path[-1])


def claim(live: Live, values: Mapping[Path, object], annotations: Mapping[str, str]) -> Manifest:
    """What the autoscaler applies: these fields and annotations, on exactly the version that was seen."""
    ref: Ref = live.ref
    metadata: dict[str, object] = {
        "name": ref.name,
        "namespace": text(live.tree, "metadata", "namespace"),
        "uid": live.uid,
        "resourceVersion": text(live.tree, "metadata", "resourceVersion"),
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    manifest: dict[str, object] = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}
    for path, value in values.items():
        _put(manifest, path, value)
    return manifest


def _without(manifest: Manifest, paths: tuple[Path, ...]) -> Manifest:
    thinned = manifest
    for path in paths:
        thinned = _changed(thinned, path, None)
    return thinned


def _with_live(manifest: Manifest, live: Tree, paths: tuple[Path, ...]) -> Manifest:
    filled = manifest
    for path in paths:
        value = value_at(live, path)
        if value is not None:
            filled = _changed(filled, path, value)
    return filled


def _changed(tree: Manifest, path: Path, value: object) -> Manifest:
    """A copy with another value at a path; None takes the key away."""
    head, *rest = path
    copy = dict(tree)
    if rest:
        copy[head] = _changed(branch(tree, head), tuple(rest), value)
    elif value is None:
        copy.pop(head, None)
    else:
        copy[head] = value
    return copy


def _put(tree: dict[str, object], path: Path, value: object) -> None:
    node = tree
    for key in path[:-1]:
        inner = node.setdefault(key, {})
        assert isinstance(inner, dict)  # noqa: S101 - we made it a line ago
        node = inner
    node[path[-1]] = value
