"""Searches for plain records by the beginnings of words, such that an index answers. Pure."""

import re

from sqlalchemy import ColumnElement, cast, func
from sqlalchemy.dialects.postgresql import REGCONFIG
from sqlalchemy.orm import InstrumentedAttribute

MAXIMUM_WORDS = 5


def names_of(search: str) -> list[str]:
    """What was typed, by the blanks: names may hold dashes and apostrophes."""
    return search.lower().split()[:MAXIMUM_WORDS]


def begins(column: InstrumentedAttribute[object], search: str) -> ColumnElement[bool]:
    """Rows whose kept words (a tsvector) hold, for each word of `search`, one that begins like it."""
    words = re.findall(r"[^\W_]+", search.lower())[:MAXIMUM_WORDS]
    query = " & ".join(f"'{word}':*" for word in words)
    return column.bool_op("@@")(func.to_tsquery(cast("simple", REGCONFIG), query))
