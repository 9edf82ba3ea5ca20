"""Accounts, their roles and their refresh tokens."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Identity, Index, LargeBinary, String, false, func, true
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from ip2a.database.base import Base, Timestamp, Timestamped, text_enum


class RoleName(StrEnum):
    """The seven roles of the local."""

    ADMIN = "admin"
    OFFICER = "officer"
    STAFF = "staff"
    ORGANIZER = "organizer"
    INSTRUCTOR = "instructor"
    MEMBER = "member"
    APPLICANT = "applicant"


class Role(Base):
    """A role's display name and rank."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[RoleName] = mapped_column(text_enum(RoleName, "role_name"), unique=True)
    display_name: Mapped[str] = mapped_column(String(100))
    level: Mapped[int]


class User(Timestamped, Base):
    """An account; `token_epoch` grows when every token issued so far must stop working."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("failed_login_attempts BETWEEN 0 AND 5", name="failed_login_attempts"),
        CheckConstraint("failed_login_attempts < 5 OR locked_until IS NOT NULL", name="locked"),
        Index("ix_users_email_prefix", "email", postgresql_ops={"email": "varchar_pattern_ops"}),
        Index("ix_users_last_name_prefix", "last_name_key", postgresql_ops={"last_name_key": "varchar_pattern_ops"}),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    last_name_key: Mapped[str | None] = mapped_column(String(100), Computed("lower(last_name)", persisted=True))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id", ondelete="SET NULL"), unique=True)
    is_active: Mapped[bool] = mapped_column(server_default=true())
    ended_with_member: Mapped[bool] = mapped_column(server_default=false())
    is_verified: Mapped[bool] = mapped_column(server_default=false())
    must_change_password: Mapped[bool] = mapped_column(server_default=false())
    failed_login_attempts: Mapped[int] = mapped_column(server_default="0")
    locked_until: Mapped[Timestamp | None]
    last_login_at: Mapped[Timestamp | None]
    token_epoch: Mapped[int] = mapped_column(server_default="1")


class UserRole(Base):
    """A role held by an account, for ever or until `expires_at`."""

    __tablename__ = "user_roles"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id"), primary_key=True)
    assigned_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    expires_at: Mapped[Timestamp | None]


class RefreshToken(Base):
    """One use of a session: tokens of a session form a chain, of which only the newest is unused."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        Index(None, "user_id"),
        Index(None, "session_id"),
        Index(None, "expires_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    session_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    issued_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    expires_at: Mapped[Timestamp]
    used_at: Mapped[Timestamp | None]
    revoked_at: Mapped[Timestamp | None]
    device: Mapped[str | None] = mapped_column(String(500))
    address: Mapped[str | None] = mapped_column(String(45))


class TokenPurpose(StrEnum):
    """What a token sent by mail is good for."""

    RESET = "reset"
    INVITE = "invite"
    VERIFY = "verify"


class EmailToken(Base):
    """A token sent to `email`: its hash, used once, before it expires."""

    __tablename__ = "email_tokens"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[TokenPurpose] = mapped_column(text_enum(TokenPurpose, "purpose"))
    email: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    expires_at: Mapped[Timestamp]
    used_at: Mapped[Timestamp | None]
