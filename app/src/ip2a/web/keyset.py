"""Pages by keyset: one shape of answer, bounded limits, and cursors that are positions, not page numbers.

The cost of a page does not depend on how far down it is, and rows that come or go do not shift the others.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import RowMapping

from ip2a.web.problems import Problem

MAXIMUM_IDENTIFIER = 2**31 - 1
MAXIMUM_LIMIT = 200

Identifier = Annotated[int, Field(ge=1, le=MAXIMUM_IDENTIFIER)]
PathId = Annotated[int, Path(ge=1, le=MAXIMUM_IDENTIFIER)]
Limit = Annotated[int, Query(ge=1, le=MAXIMUM_LIMIT, description="How many items at most.")]
Search = Annotated[
    str, Query(max_length=100, pattern=r"^[^\x00]*$", description="Beginnings of words, separated by blanks.")
]
Cursor = Annotated[
    str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="The `next` of the page before.")
]


Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """Some items of a list; `next` leads to the page behind, and is null on the last one."""

    items: list[Item]
    next: str | None


def page_of(
    model: type[Item], rows: Sequence[RowMapping | Mapping[str, object]], limit: int, cursor: Callable[[Item], str]
) -> Page[Item]:
    """The page of rows that were read with one more than `limit`."""
    items = [model.model_validate(dict(row)) for row in rows[:limit]]
    return Page(items=items, next=cursor(items[-1]) if len(rows) > limit else None)


def encode(key: object, identifier: int) -> str:
    """A cursor behind the row with this sort key and id."""
    return f"{key}~{identifier}"


def read_text_id(cursor: str) -> tuple[str, int]:
    """(text, id) of a cursor; Problem 422 when it is none of ours."""
    key, separator, number = cursor.rpartition("~")
    if not separator or not (number.isascii() and number.isdigit()) or len(number) > len(str(2**63)):
        raise invalid_cursor()
    return key, min(int(number), 2**63 - 1)


def read_time_id(cursor: str) -> tuple[datetime, int]:
    """(time, id) of a cursor."""
    key, identifier = read_text_id(cursor)
    try:
        moment = datetime.fromisoformat(key)
    except ValueError:
        raise invalid_cursor() from None
    if moment.tzinfo is None:
        raise invalid_cursor()
    return moment, identifier


def read_day_id(cursor: str) -> tuple[date, int]:
    """(day, id) of a cursor."""
    key, identifier = read_text_id(cursor)
    try:
        return date.fromisoformat(key), identifier
    except ValueError:
        raise invalid_cursor() from None


def read_before(cursor: str | None) -> int:
    """The id of a cursor of a list ordered by id alone, newest first; without one, behind all."""
    return MAXIMUM_IDENTIFIER if cursor is None else min(read_text_id(cursor)[1], MAXIMUM_IDENTIFIER)


def invalid_cursor() -> Problem:
    """The cursor was not made here."""
    return Problem(422, "invalid-cursor", "The cursor must be the `next` of an earlier page.")
