"""The rows of reports, and the pieces of their files."""

from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum

KEPT = timedelta(days=7)
"""How long a report can be downloaded."""
CHUNK_BYTES = 256 * 1024
MAXIMUM_BYTES = 64 * 1024 * 1024
"""Of one file: they are kept in the database, so that a report needs no other service."""


class ReportKind(StrEnum):
    """What a report tells."""

    ROSTER = "roster"
    OVERDUE_DUES = "overdue_dues"
    OUT_OF_WORK = "out_of_work"
    DISPATCH_LOG = "dispatch_log"
    TRAINING = "training"
    AUDIT = "audit"


class ReportFormat(StrEnum):
    """What kind of file it is."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


class ReportState(StrEnum):
    """queued → running → done or failed; queued again when a worker could not finish it."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Report(Timestamped, Base):
    """A report somebody asked for. `resources` are those that were open to them: the worker reads with what of these is
    still open. `attempt` is the worker's, so that one whose lease ended writes nothing any more. `position` is the
    primary's WAL position at the request; no row of the report is older.
    """

    __tablename__ = "reports"
    __table_args__ = (
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        CheckConstraint("(state = 'done') = (size_bytes IS NOT NULL)", name="done"),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failed"),
        Index("ix_reports_user_id_id", "user_id", "id"),
        Index("ix_reports_expires_at", "expires_at"),
        Index(
            "uq_reports_unfinished",
            "user_id",
            "kind",
            "format",
            "parameters",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[ReportKind] = mapped_column(text_enum(ReportKind, "kind"))
    format: Mapped[ReportFormat] = mapped_column(text_enum(ReportFormat, "format"))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    resources: Mapped[list[str]] = mapped_column(ARRAY(Text))
    position: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[ReportState] = mapped_column(text_enum(ReportState, "state"), server_default="queued")
    attempt: Mapped[int] = mapped_column(server_default="0")
    progress: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    row_count: Mapped[int | None]
    size_bytes: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(String(300))
    finished_at: Mapped[Timestamp | None]
    expires_at: Mapped[Timestamp] = mapped_column(server_default=text("now() + interval '7 days'"))


class ReportChunk(Base):
    """A piece of a report's file; `number` counts from 0."""

    __tablename__ = "report_chunks"

    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
