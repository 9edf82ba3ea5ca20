"""docs/api.md, made from the CRD: every field with its type, default, bounds and meaning."""

from typing import cast

from pydantic import JsonValue

from ip2a_operator.api.schema import Schema, spec_schema, status_schema

_INTRODUCTION = """# API reference: IP2A, ip2a.dev/v1alpha1

Generated from the models by `python -m ip2a_operator.api.generate`; `kubectl explain ip2a.spec` says the
same.
A field without a default is either required or derived from `users` (docs/capacity.md).
"""


def reference() -> str:
    """The page, in Markdown."""
    parts = [_INTRODUCTION]
    for title, schema in (("spec", spec_schema()), ("status", status_schema())):
        parts.append(f"\n## {title}\n\n| field | type | default | meaning |\n|---|---|---|---|\n")
        parts.extend(_rows(title, schema))
        parts.extend(_rules(title, schema))
    return "".join(parts)


def _rows(path: str, schema: Schema) -> list[str]:
    rows = []
    for name, child, child_path in _children(path, schema):
        required = name in cast("list[str]", schema.get("required", []))
        default = "**required**" if required else _default(child)
        rows.append(f"| `{child_path}` | {_type(child)} | {default} | {child.get('description', '')} |\n")
        rows.extend(_rows(child_path, child))
        if isinstance(items := child.get("items"), dict):
            rows.extend(_rows(f"{child_path}[]", items))
    return rows


def _children(path: str, schema: Schema) -> list[tuple[str, Schema, str]]:
    properties = cast("dict[str, Schema]", schema.get("properties", {}))
    return [(name, child, f"{path}.{name}") for name, child in properties.items()]


def _default(schema: Schema) -> str:
    if "default" not in schema or schema["default"] == {}:
        return ""
    return f"`{_text(schema['default'])}`"


def _text(value: JsonValue) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(f"`{_text(value)}`" for value in cast("list[JsonValue]", schema["enum"]))
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    if schema.get("type") == "array":
        return f"list of {_type(cast('Schema', schema['items']))}"
    if "additionalProperties" in schema:
        return "map of strings"
    kind = str(schema.get("type", "object"))
    if "minimum" in schema and "maximum" in schema:
        return f"{kind}, {schema['minimum']}–{schema['maximum']}"
    return kind


def _rules(path: str, schema: Schema) -> list[str]:
    rows = [f"- {message} (`{path}`)\n" for message in _messages(path, schema)]
    return ["\nRules across fields:\n\n", *rows] if rows else []


def _messages(path: str, schema: Schema) -> list[str]:
    rules = cast("list[dict[str, str]]", schema.get("x-kubernetes-validations", []))
    found = [rule["message"] for rule in rules]
    for _, child, child_path in _children(path, schema):
        found.extend(_messages(child_path, child))
        if isinstance(items := child.get("items"), dict):
            found.extend(_messages(f"{child_path}[]", items))
    return found
