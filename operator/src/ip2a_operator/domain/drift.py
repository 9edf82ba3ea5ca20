"""Whether a live object still is what was applied.

Compared are only the fields that the manifest sets: what the API server defaults, what other managers add
(a sidecar, an annotation, a label) is not ours. Lists of objects are matched by the key that server-side
apply merges them by, so that an injected container beside ours is no difference.
"""

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from ip2a_operator.domain.builders.metadata import digest
from ip2a_operator.domain.tree import SCALARS, Manifest, Tree, is_tree, text
from ip2a_operator.names import APPLIED_ANNOTATION

_MERGE_KEYS = ("name", "mountPath", "uid", "containerPort", "port", "topologyKey", "type")


def stamp(manifest: Manifest) -> Manifest:
    """The manifest with a digest of itself as annotation."""
    metadata = dict(_mapping(manifest.get("metadata")))
    annotations = {**_mapping(metadata.get("annotations")), APPLIED_ANNOTATION: digest(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def needs_apply(stamped: Manifest, live: Tree, accepted: str | None) -> bool:
    """Whether to apply: the intent changed, or somebody changed our fields since.

    `accepted` is `fingerprint` of what the API server answered to the last apply of exactly this intent.
    """
    if text(stamped, "metadata", "annotations", APPLIED_ANNOTATION) != text(
        live, "metadata", "annotations", APPLIED_ANNOTATION
    ):
        return True
    if covers(stamped, live):
        return False
    return accepted is None or fingerprint(stamped, live) != accepted


def covers(wanted: object, live: object) -> bool:
    """Whether everything that is wanted is there. Most parts are just equal, which is found out much faster."""
    if wanted == live:
        return True
    if is_tree(wanted):
        if not is_tree(live):
            return not wanted
        return all(_same(value, live.get(key)) for key, value in wanted.items())
    if _is_list(wanted):
        return _is_list(live) and _list_covers(wanted, live)
    return False


def fingerprint(wanted: Manifest, live: Tree) -> str:
    """Digest of the live values at the places that the manifest sets."""
    return digest(project(wanted, live))


def project(wanted: object, live: object) -> object:
    """The part of `live` that has the shape of `wanted`."""
    if is_tree(wanted) and is_tree(live):
        return {key: project(value, live.get(key)) for key, value in wanted.items()}
    if _is_list(wanted) and _is_list(live):
        key = _merge_key(wanted)
        if key is None:
            return list(live)
        index = {item.get(key): item for item in live if is_tree(item)}
        return [project(item, index.get(item[key])) for item in wanted if is_tree(item)]
    return live


def _same(wanted: object, live: object) -> bool:
    """The API server leaves out empty strings, lists and objects, and zeros."""
    if live is None and wanted is not False and not wanted:
        return True
    return covers(wanted, live)


def _list_covers(wanted: Sequence[object], live: Sequence[object]) -> bool:
    key = _merge_key(wanted)
    if key is None:
        return len(wanted) == len(live) and all(map(_same, wanted, live))
    index = {item.get(key): item for item in live if is_tree(item)}
    return all(is_tree(item) and covers(item, index.get(item[key])) for item in wanted)


def _merge_key(items: Sequence[object]) -> str | None:
    """The key that tells these objects apart, if there is one."""
    for key in _MERGE_KEYS:
        values = [item.get(key) for item in items if is_tree(item)]
        if items and len(values) == len(items) and None not in values and len(set(values)) == len(values):
            return key
    return None


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return type(value) is list or (type(value) not in SCALARS and isinstance(value, Sequence))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
