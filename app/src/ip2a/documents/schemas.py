"""Documents as they come and go."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from ip2a.documents.models import DocumentCategory, DocumentStatus
from ip2a.web.keyset import Identifier


class DocumentOrder(BaseModel):
    """A document somebody wants to upload."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$", examples=["OSHA card"])
    category: DocumentCategory = DocumentCategory.GENERAL


class MemberDocumentOrder(DocumentOrder):
    """The same, by staff for a member."""

    member_id: Identifier


class DocumentItem(BaseModel):
    """A document."""

    id: int
    uploaded_by_id: int
    member_id: int | None
    application_id: int | None
    title: str
    category: DocumentCategory
    status: DocumentStatus
    media_type: str | None
    size_bytes: int | None
    created_at: datetime


class UploadStarted(BaseModel):
    """A document's row, and the form that takes its file: POST `fields` and then `file` as multipart/form-data to
    `url`; afterwards confirm.
    """

    document: DocumentItem
    url: str
    fields: dict[str, str]
    maximum_bytes: int


class DownloadLink(BaseModel):
    """An address that gives the file, for `seconds`."""

    url: str
    seconds: int
