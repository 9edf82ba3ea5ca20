"""Times of day as the local's clock shows them: without an offset, which JSON Schema's `time` would demand."""

from datetime import time
from typing import Annotated

from pydantic import WithJsonSchema

LocalTime = Annotated[
    time,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$",
            "description": "Pacific time, HH:MM[:SS].",
        }
    ),
]
