"""The rows of documents."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum


class DocumentStatus(StrEnum):
    """uploading → ready, or rejected for what the file is."""

    UPLOADING = "uploading"
    READY = "ready"
    REJECTED = "rejected"


class DocumentCategory(StrEnum):
    """What a document is about."""

    GENERAL = "general"
    DUES = "dues"
    EMPLOYMENT = "employment"
    CERTIFICATION = "certification"
    APPLICATION = "application"
    GRIEVANCE = "grievance"
    BENEVOLENCE = "benevolence"
    CORRESPONDENCE = "correspondence"


class Document(Timestamped, Base):
    """A file: of a member, of an application, or just its uploader's. A deleted one keeps its row, not its bytes."""

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint("(status = 'ready') <= (media_type IS NOT NULL AND size_bytes IS NOT NULL)", name="ready"),
        Index("ix_documents_uploaded_by_id_id", "uploaded_by_id", "id"),
        Index("ix_documents_member_id_id", "member_id", "id"),
        Index("ix_documents_application_id", "application_id"),
        Index("ix_documents_uploading", "created_at", postgresql_where=text("status = 'uploading'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    uploaded_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"))
    application_id: Mapped[int | None] = mapped_column(ForeignKey("applications.id"))
    title: Mapped[str] = mapped_column(String(200))
    category: Mapped[DocumentCategory] = mapped_column(text_enum(DocumentCategory, "category"))
    status: Mapped[DocumentStatus] = mapped_column(text_enum(DocumentStatus, "status"), server_default="uploading")
    object_key: Mapped[str] = mapped_column(String(100), unique=True)
    media_type: Mapped[str | None] = mapped_column(String(100))
    size_bytes: Mapped[int | None]
    deleted_at: Mapped[Timestamp | None]
