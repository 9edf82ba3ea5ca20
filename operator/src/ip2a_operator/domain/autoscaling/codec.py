"""Frozen dataclasses to plain JSON values and back, exactly: what `replay` needs to be bit for bit.

Names are camelCase outside, snake_case inside. Fields that hold their default are left out. Must not be
used for anything that comes from a stranger unvalidated; wrong shapes raise `TypeError` or `ValueError`.
"""

from collections.abc import Hashable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, TypeVar, Union, cast, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
T = TypeVar("T")


def camel(name: str) -> str:
    """`max_lag` → `maxLag`."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def encode(value: object) -> Json:
    """Turn dataclasses, enums, tuples and mappings of them into JSON values."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {str(encode(key)): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if is_dataclass(value):
        return {
            camel(item.name): encode(getattr(value, item.name))
            for item in fields(value)
            if not _is_default(item, getattr(value, item.name))
        }
    raise TypeError(f"cannot encode {type(value).__name__}")


def _is_default(item: "Field[object]", value: object) -> bool:
    if item.default is not MISSING:
        return value == item.default and type(value) is type(item.default)
    if item.default_factory is not MISSING:
        return bool(value == item.default_factory())
    return False


@cache
def _hints(kind: Hashable) -> dict[str, tuple[str, object]]:
    hints = get_type_hints(kind)
    known = {item.name for item in fields(cast("type[DataclassInstance]", kind))}
    return {camel(name): (name, hint) for name, hint in hints.items() if name in known}


def decode(kind: type[T], document: object, path: str = "") -> T:
    """Read a dataclass from JSON values.

    Raises:
        ValueError: an unknown field, a missing one or a value of the wrong type; the message names the field.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"{path or kind.__name__}: expected a mapping, found {type(document).__name__}")
    hints = _hints(cast("Hashable", kind))
    arguments: dict[str, object] = {}
    for key, item in document.items():
        if key not in hints:
            raise ValueError(f"{path}{key}: unknown field; known are {', '.join(sorted(hints))}")
        name, hint = hints[key]
        arguments[name] = _value(hint, item, f"{path}{key}")
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ValueError(f"{path or kind.__name__}: {error}") from error


def _value(hint: object, item: object, path: str) -> object:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _optional(get_args(hint), item, path)
    if origin is tuple:
        return _tuple(get_args(hint), item, path)
    if origin is not None:
        _, inner = get_args(hint)
        return {key: _value(inner, each, f"{path}.{key}") for key, each in _mapping(item, path).items()}
    if isinstance(hint, type):
        return _scalar(hint, item, path)
    raise ValueError(f"{path}: cannot read a {hint}")


def _optional(choices: tuple[object, ...], item: object, path: str) -> object:
    if item is None and NoneType in choices:
        return None
    (inner,) = [choice for choice in choices if choice is not NoneType]
    return _value(inner, item, path)


def _tuple(inner: tuple[object, ...], item: object, path: str) -> tuple[object, ...]:
    if not isinstance(item, list | tuple):
        raise ValueError(f"{path}: expected a list, found {type(item).__name__}")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_value(inner[0], each, f"{path}[{index}]") for index, each in enumerate(item))
    if len(inner) != len(item):
        raise ValueError(f"{path}: expected {len(inner)} items, found {len(item)}")
    return tuple(_value(kind, each, path) for kind, each in zip(inner, item, strict=True))


def _mapping(item: object, path: str) -> Mapping[str, object]:
    if not isinstance(item, Mapping):
        raise ValueError(f"{path}: expected a mapping, found {type(item).__name__}")
    return cast("Mapping[str, object]", item)


def _scalar(hint: type, item: object, path: str) -> object:
    if is_dataclass(hint):
        return decode(hint, item, f"{path}.")
    if issubclass(hint, Enum):
        return hint(item)
    if hint is float and isinstance(item, int) and not isinstance(item, bool):
        return float(item)
    if not isinstance(item, hint) or (hint is int and isinstance(item, bool)):
        raise ValueError(f"{path}: expected {hint.__name__}, found {item!r}")
    return item
