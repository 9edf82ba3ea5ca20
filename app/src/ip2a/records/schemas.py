"""Field types of plain records."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from ip2a.web.times import Day

MAXIMUM_CENTS = 1_000_000_000
TEXT = r"^[^\x00]*$"
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)

RecordDay = Annotated[Day, Field(ge=EARLIEST, le=LATEST)]
Version = Annotated[int, Field(strict=True, ge=1, le=2**31 - 2, description="The version that is changed.")]


def strict(example: dict[str, JsonValue]) -> ConfigDict:
    """Unknown fields are refused, blanks around text removed."""
    return ConfigDict(extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [example]})
