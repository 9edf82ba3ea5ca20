"""What an audit record says, for people: fields with what they were and are. Pure."""

import json
from typing import NamedTuple

from ip2a.audit.schemas import AuditItem

NOTHING = "–"
LONGEST = 300  # characters of a value that are shown


class Field(NamedTuple):
    """A field's values as text; NOTHING where there is none."""

    name: str
    before: str
    after: str


def fields_of(record: AuditItem) -> list[Field]:
    """The fields of a change: those that differ, or all of a record that came or went without those that are empty."""
    before = record.old_values if isinstance(record.old_values, dict) else {}
    after = record.new_values if isinstance(record.new_values, dict) else {}
    shown = (Field(words(name), _text(name, before.get(name)), _text(name, after.get(name))) for name in before | after)
    return [field for field in shown if field.before != field.after]


def words(name: str) -> str:
    """A column's name in words: amount_due_cents → Amount due."""
    kept = name.removesuffix("_cents").removesuffix("_id")
    return kept.replace("_", " ").capitalize()


def _text(name: str, value: object) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_cents") and isinstance(value, int):
        return f"{'−' if value < 0 else ''}${abs(value) // 100:,}.{abs(value) % 100:02}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
