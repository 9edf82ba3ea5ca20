"""Searches for plain records by the beginnings of words, such that an index answers. Pure."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select, true
from sqlalchemy.orm import InstrumentedAttribute

from ip2a.database.base import Record

MAXIMUM_WORDS = 5
SIMPLE: ColumnElement[str] = literal_column("'simple'::regconfig")


def names_of(search: str) -> list[str]:
    """What was typed, by the blanks: names may hold dashes and apostrophes."""
    return search.lower().split()[:MAXIMUM_WORDS]


def begins(column: InstrumentedAttribute[object], search: str) -> ColumnElement[bool]:
    """Rows whose kept words (a tsvector) hold, for each word of `search`, one that begins like it."""
    words = re.findall(r"[^\W_]+", search.lower())[:MAXIMUM_WORDS]
    query = " & ".join(f"'{word}':*" for word in words)
    return column.bool_op("@@")(func.to_tsquery(SIMPLE, query))


def belonging(
    owner: InstrumentedAttribute[int], to: type[Record], conditions: Sequence[ColumnElement[bool]]
) -> Select[tuple[int]]:
    """Ids of the rows whose `owner` is one of `to` that meets the conditions: a look into the owner's index for each of
    these (the OFFSET keeps PostgreSQL from reading all rows and joining them instead).
    """
    model: Any = owner.class_
    rows = select(model.id).where(owner == to.id).offset(0).lateral()
    return select(rows.c.id).select_from(to).join(rows, true()).where(*conditions)
