"""Days and times of day in requests: ISO text and nothing else. Pydantic would take 86400 for January 2, 1970.

Times of day are as the local's clock shows them: without an offset, which JSON Schema's `time` would demand.
"""

from datetime import date, time
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema


def _as_text(value: object) -> object:
    """Text with more in it than digits, or a value that is made already; ValueError for anything else."""
    if isinstance(value, date | time | None) or (isinstance(value, str) and not value.isdigit()):
        return value
    raise ValueError("Input should be text in ISO 8601")


Day = Annotated[date, BeforeValidator(_as_text)]
LocalTime = Annotated[
    time,
    BeforeValidator(_as_text),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$",
            "description": "Pacific time, HH:MM[:SS].",
            "examples": ["08:30"],
        }
    ),
]
