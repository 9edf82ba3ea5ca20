"""The key's record; of the key itself only a hash and its last characters are kept."""

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, String, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamp


class ApiKey(Base):
    """A key that acts for `user_id`, at most with `scopes` of that account's permissions, until it expires."""

    __tablename__ = "api_keys"
    __table_args__ = (CheckConstraint("cardinality(scopes) BETWEEN 1 AND 50", name="scopes"), Index(None, "user_id"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    hint: Mapped[str] = mapped_column(String(20))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    expires_at: Mapped[Timestamp]
    last_used_at: Mapped[Timestamp | None]
    revoked_at: Mapped[Timestamp | None]
