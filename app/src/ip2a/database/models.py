"""The table that belongs to no domain: the cache outbox."""

from sqlalchemy import BigInteger, Identity, String, func
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp


class CacheOutbox(Base):
    """A cache subject that a committed change made stale and that may still have to be invalidated."""

    __tablename__ = "cache_outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    subject: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[Timestamp] = mapped_column(server_default=func.clock_timestamp())
