"""Notes of the office about members."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Removable, deleted_ones, text_enum


class NoteVisibility(StrEnum):
    """Who reads a note beside its author."""

    STAFF_ONLY = "staff_only"
    OFFICERS = "officers"
    ALL_AUTHORIZED = "all_authorized"


class NoteCategory(StrEnum):
    """What a note is about."""

    GENERAL = "general"
    CONTACT = "contact"
    DUES = "dues"
    REFERRAL = "referral"
    TRAINING = "training"
    OTHER = "other"


class MemberNote(Removable):
    """Note about a member"""

    __tablename__ = "member_notes"
    __table_args__ = (
        deleted_ones("member_notes"),
        Index(None, "member_id", "id"),
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(String(4000))
    visibility: Mapped[NoteVisibility] = mapped_column(
        text_enum(NoteVisibility, "visibility"), server_default="staff_only"
    )
    category: Mapped[NoteCategory] = mapped_column(text_enum(NoteCategory, "category"), server_default="general")
