"""Tables that belong to no domain: the audit log and the cache outbox."""

from typing import Any

from sqlalchemy import BigInteger, Identity, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp


class AuditLog(Base):
    """Who changed what; append-only, partitioned by time."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index("ix_audit_logs_record", "table_name", "record_id", text("changed_at DESC")),
        Index("ix_audit_logs_changed_by", "changed_by_id", text("changed_at DESC")),
        {"postgresql_partition_by": "RANGE (changed_at)"},
    )

    changed_at: Mapped[Timestamp] = mapped_column(primary_key=True, server_default=func.now())
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    table_name: Mapped[str] = mapped_column(String(100))
    record_id: Mapped[str] = mapped_column(String(50))
    action: Mapped[str] = mapped_column(String(10))
    old_values: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    new_values: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    changed_by_id: Mapped[int | None]


class CacheOutbox(Base):
    """A cache subject that a committed change made stale and that may still have to be invalidated."""

    __tablename__ = "cache_outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    subject: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[Timestamp] = mapped_column(server_default=func.clock_timestamp())
