"""Forms made from the schemas of the API: what is asked, what was typed as values of the schema, what is wrong with it.

Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from enum import Enum, StrEnum
from typing import Any

from pydantic import BaseModel

from ip2a.pages.rendering import label as in_words
from ip2a.web.problems import Problem

LONG_TEXT = 300  # characters from which a text gets several lines
CENTS = "_cents"
AMOUNT = re.compile(r"\$?\s*(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{2}))?")
WHOLE = re.compile(r"[+-]?\d{1,12}")
NAMED = re.compile(r"`(\w+)`")
NEEDED = "This is needed."


class Control(StrEnum):
    """How something is asked for."""

    TEXT = "text"
    EMAIL = "email"
    TEL = "tel"
    URL = "url"
    LONG = "long"
    DAY = "date"
    TIME = "time"
    MONEY = "money"
    NUMBER = "number"
    DECIMAL = "decimal"
    CHOICE = "choice"
    TICK = "tick"
    REFERENCE = "reference"


class Refers(StrEnum):
    """Whom or what a reference leads to."""

    MEMBER = "member"
    ORGANIZATION = "organization"
    STUDENT = "student"
    COURSE = "course"
    INSTRUCTOR = "instructor"
    COHORT = "cohort"
    LOCATION = "location"
    BOOK = "book"


@dataclass(frozen=True, slots=True)
class Input:
    """A field of a form. What the schema says of it need not be said again.

    `needs` is the permission without which it is not shown, or, where there are `reserved` choices, those are not.
    `shown` names what a record shows in place of a reference's id.
    """

    name: str
    label: str
    hint: str = ""
    control: Control | None = None
    refers: Refers | None = None
    shown: str = ""
    needs: str = ""
    reserved: frozenset[StrEnum] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that a field may have."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """An input with what the schema says of it."""

    name: str
    label: str
    hint: str
    control: Control
    required: bool
    maximum: int  # characters
    choices: tuple[Choice, ...]
    default: str
    refers: Refers | None
    shown: str
    needs: str
    reserved: frozenset[str]


def fields_of(schema: type[BaseModel], inputs: Sequence[Input], required_by: type[BaseModel]) -> tuple[Field, ...]:
    """The inputs that the schema has, in their order; `required_by` says which may not be empty: where it is another
    schema, that of new records, those too that get a value by themselves.
    """
    described, needed = schema.model_json_schema(), required_by.model_json_schema()
    required = set(needed.get("required", ()))
    if schema is not required_by:
        required |= {name for name, kind in needed["properties"].items() if kind.get("default") is not None}
    properties: Mapping[str, Any] = described["properties"]
    return tuple(
        _field(given, properties[given.name], described.get("$defs", {}), is_required=given.name in required)
        for given in inputs
        if given.name in properties
    )


def _field(given: Input, described: Mapping[str, Any], known: Mapping[str, Any], *, is_required: bool) -> Field:
    kinds = [kind for kind in described.get("anyOf", [described]) if kind.get("type") != "null"]
    reference = kinds[0].get("$ref") or next((part["$ref"] for part in described.get("allOf", ())), "")
    kind = known[reference.rpartition("/")[2]] if reference else kinds[0]
    default = described.get("default")
    return Field(
        name=given.name,
        label=given.label,
        hint=given.hint,
        control=given.control or _control(given, kind),
        required=is_required,
        maximum=kind.get("maxLength", 255),
        choices=tuple(Choice(value, in_words(value)) for value in kind.get("enum", ())),
        default="" if default is None else str(default),
        refers=given.refers,
        shown=given.shown,
        needs=given.needs,
        reserved=frozenset(choice.value for choice in given.reserved),
    )


def _control(given: Input, kind: Mapping[str, Any]) -> Control:
    if given.refers is not None:
        return Control.REFERENCE
    if "enum" in kind:
        return Control.CHOICE
    if given.name.endswith(CENTS):
        return Control.MONEY
    by_format = {"date": Control.DAY, "email": Control.EMAIL}
    by_type = {"integer": Control.NUMBER, "number": Control.DECIMAL, "boolean": Control.TICK}
    found = by_format.get(kind.get("format", "")) or by_type.get(kind.get("type", ""))
    return found or (Control.LONG if kind.get("maxLength", 0) >= LONG_TEXT else Control.TEXT)


def permitted(fields: Iterable[Field], granted: frozenset[str], current: Mapping[str, str]) -> tuple[Field, ...]:
    """What somebody with these permissions is asked; a reserved choice stays where it is the `current` one."""
    shown = []
    for field in fields:
        if not field.needs or field.needs in granted:
            shown.append(field)
        elif field.reserved:
            hidden = field.reserved - {current.get(field.name, "")}
            choices = tuple(choice for choice in field.choices if choice.value not in hidden)
            shown.append(replace(field, choices=choices))
    return tuple(shown)


def read_cents(text: str) -> int | None:
    """Dollars as typed, in cents: 1,250.50 → 125050; None for what is no amount."""
    found = AMOUNT.fullmatch(text)
    return int(found[1].replace(",", "")) * 100 + int(found[2] or 0) if found else None


def normal(text: str) -> str:
    """What was typed, with the line ends of every browser alike."""
    return text.replace("\r\n", "\n").strip()


def values_of(fields: Iterable[Field], typed: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """(values as the schema takes them, what is wrong by the field); of references only that they are needed."""
    values: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for field in fields:
        text = normal(typed.get(field.name, ""))
        if field.control is Control.TICK:
            values[field.name] = bool(text)
        elif not text:
            values[field.name] = None
            if field.required:
                wrong[field.name] = NEEDED
        elif field.control is not Control.REFERENCE:
            value, trouble = _value(field.control, text)
            values[field.name] = value
            if trouble:
                wrong[field.name] = trouble
    return values, wrong


def _value(control: Control, text: str) -> tuple[object, str]:
    if control is Control.MONEY:
        cents = read_cents(text)
        return cents, "" if cents is not None else "An amount such as 1250 or 1,250.50."
    if control is Control.NUMBER:
        return (int(text), "") if WHOLE.fullmatch(text) else (None, "A whole number.")
    return text, ""


def typed_of(fields: Iterable[Field], record: BaseModel) -> dict[str, str]:
    """A record as it would be typed into the form."""
    return {field.name: _typed(field, getattr(record, field.shown or field.name)) for field in fields}


def defaults_of(fields: Iterable[Field]) -> dict[str, str]:
    """What an empty form says."""
    return {field.name: field.default for field in fields}


def _typed(field: Field, value: object) -> str:
    if value is None or value is False:
        return ""
    if field.control is Control.MONEY and isinstance(value, int):
        return f"{value // 100}.{value % 100:02}"
    return str(plain(value))


def plain(value: object) -> object:
    """A value of a record as a form's values are: text, numbers, None."""
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date | time) else value


def changed(values: Mapping[str, object], record: BaseModel) -> dict[str, object]:
    """The values that differ from the record's."""
    return {name: value for name, value in values.items() if value != plain(getattr(record, name))}


def placed(problem: Problem, fields: Iterable[Field]) -> tuple[dict[str, str], str]:
    """(what is wrong by the field, what is wrong with all of it): a refusal names fields in backticks."""
    labels = {field.name: field.label for field in fields}
    text = NAMED.sub(lambda found: f"“{labels.get(found[1], found[1].replace('_', ' '))}”", problem.detail)
    named = [name for name in NAMED.findall(problem.detail) if name in labels]
    return ({named[0]: text}, "") if named else ({}, text)
