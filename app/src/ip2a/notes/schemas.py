"""Notes as taken and as shown."""

from datetime import datetime

from pydantic import BaseModel, Field

from ip2a.notes.models import NoteCategory, NoteVisibility
from ip2a.records.schemas import TEXT, Version, strict


class NoteOrder(BaseModel):
    """What is given for a new note about a member."""

    model_config = strict({"body": "Called about the re-sign.", "visibility": "all_authorized"})

    body: str = Field(min_length=1, max_length=4000, pattern=TEXT)
    visibility: NoteVisibility = NoteVisibility.STAFF_ONLY
    category: NoteCategory = NoteCategory.GENERAL


class NoteChange(BaseModel):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"body": "Called about the re-sign.", "version": 1})

    version: Version
    body: str | None = Field(default=None, min_length=1, max_length=4000, pattern=TEXT)
    visibility: NoteVisibility | None = None
    category: NoteCategory | None = None


class NoteItem(BaseModel):
    """Note about a member"""

    id: int
    version: int
    member_id: int
    author_id: int
    body: str
    visibility: NoteVisibility
    category: NoteCategory
    created_at: datetime
