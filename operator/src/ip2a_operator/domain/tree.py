"""Typed reading of Kubernetes objects, trees of JSON: a missing or mistyped branch reads as empty."""

from collections.abc import Mapping, Sequence
from typing import TypeGuard, cast

Tree = Mapping[str, object]
Manifest = Mapping[str, object]

SCALARS = frozenset({str, int, bool, float, type(None)})
"""Types of JSON without parts. To ask for them first is many times faster than to ask whether a value is a Mapping."""
_EMPTY: Tree = {}


def is_tree(node: object) -> TypeGuard[Tree]:
    """Whether it is an object of JSON; nearly always a dict."""
    return type(node) is dict or (type(node) not in SCALARS and isinstance(node, Mapping))


def branch(tree: Tree, *path: str) -> Tree:
    """The object at a path, or an empty one."""
    node: object = tree
    for key in path:
        if not is_tree(node):
            return _EMPTY
        node = node.get(key)
    return node if is_tree(node) else _EMPTY


def text(tree: Tree, *path: str) -> str:
    """The string at a path, or an empty one."""
    value = branch(tree, *path[:-1]).get(path[-1])
    return value if isinstance(value, str) else ""


def number(tree: Tree, *path: str) -> int:
    """The integer at a path, or 0."""
    value = branch(tree, *path[:-1]).get(path[-1])
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def flag(tree: Tree, *path: str) -> bool:
    """Whether the value at a path is `true`."""
    return branch(tree, *path[:-1]).get(path[-1]) is True


def branches(tree: Tree, *path: str) -> tuple[Tree, ...]:
    """The objects of the list at a path."""
    value = branch(tree, *path[:-1]).get(path[-1])
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(cast("Tree", item) for item in value if isinstance(item, Mapping))


def strings(tree: Tree, *path: str) -> dict[str, str]:
    """The object at a path as a map of strings."""
    return {key: value for key, value in branch(tree, *path).items() if isinstance(value, str)}


def names(tree: Tree, *path: str) -> tuple[str, ...]:
    """The strings of the list at a path."""
    value = branch(tree, *path[:-1]).get(path[-1])
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(item for item in value if isinstance(item, str))
