"""The queue's table."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp, text_enum

LIVE = text("finished_at IS NULL")


class JobState(StrEnum):
    """waiting → running → done; back to waiting after a failure; dead when nothing is left to try."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class QueuedJob(Base):
    """One piece of work. Until it is finished, `run_after` says when a worker may take it: while one works on it, that
    is when its lease ends. `attempts` counts the takes and tells a worker whose lease ended from its successor.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("(state IN ('done', 'dead')) = (finished_at IS NOT NULL)", name="finished"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        Index("ix_jobs_due", "priority", "run_after", "id", postgresql_where=LIVE),
        Index("uq_jobs_live_unique_key", "unique_key", unique=True, postgresql_where=LIVE),
        Index("ix_jobs_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="100")
    unique_key: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[JobState] = mapped_column(text_enum(JobState, "state"), server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    run_after: Mapped[Timestamp] = mapped_column(server_default=func.now())
    progress: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    worker: Mapped[str | None] = mapped_column(String(100))
    failure: Mapped[str | None] = mapped_column(String(500))
    user_id: Mapped[int | None]
    correlation_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    started_at: Mapped[Timestamp | None]
    finished_at: Mapped[Timestamp | None]
