"""The audit trail. Rows of changes are written by database triggers in the transaction of the change
(migration 0010), rows of reads by `ip2a.audit.reads`; nothing ever changes or deletes one.
"""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Identity, Index, String, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from ip2a.database.base import Base, Timestamp, text_enum


class AuditAction(StrEnum):
    """What happened to a record."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    READ = "read"
    BULK_READ = "bulk_read"
    LOGIN_ATTEMPT = "login_attempt"
    LOGIN = "login"
    SESSION_END = "session_end"


class AuditRecord(Base):
    """One change or read. `member_id` is the member whose data it is about, `user_id` who acted (none: the
    platform itself). Partitioned by month of `changed_at`.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index(None, "table_name", "record_id", "changed_at"),
        Index(None, "user_id", "changed_at"),
        Index(None, "member_id", "changed_at"),
        {"postgresql_partition_by": "RANGE (changed_at)"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    changed_at: Mapped[Timestamp] = mapped_column(server_default=func.now(), primary_key=True)
    table_name: Mapped[str] = mapped_column(String(100))
    record_id: Mapped[str] = mapped_column(String(50))
    action: Mapped[AuditAction] = mapped_column(text_enum(AuditAction, "audit_action"))
    member_id: Mapped[int | None]
    user_id: Mapped[int | None]
    old_values: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    new_values: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    changed_fields: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    address: Mapped[str | None] = mapped_column(String(45))
    correlation_id: Mapped[str | None] = mapped_column(String(64))


class AuditExport(Base):
    """A month of the trail that left the database after seven years: where its file is, and what it must hash to."""

    __tablename__ = "audit_exports"
    __table_args__ = (UniqueConstraint("object_key"), Index(None, "month"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    month: Mapped[date]
    row_count: Mapped[int] = mapped_column(BigInteger)
    object_key: Mapped[str] = mapped_column(String(200))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    verified_at: Mapped[Timestamp]
    dropped_at: Mapped[Timestamp | None]
