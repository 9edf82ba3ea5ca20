"""The member record."""

from datetime import date
from enum import StrEnum

from sqlalchemy import Computed, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Removable, deleted_ones, text_enum


class MemberStatus(StrEnum):
    """Standing of a member."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    RETIRED = "retired"
    DECEASED = "deceased"


class MemberClassification(StrEnum):
    """What a member works as; it decides the dues rate."""

    APPRENTICE_1 = "apprentice_1"
    APPRENTICE_2 = "apprentice_2"
    APPRENTICE_3 = "apprentice_3"
    APPRENTICE_4 = "apprentice_4"
    APPRENTICE_5 = "apprentice_5"
    JOURNEYMAN = "journeyman"
    FOREMAN = "foreman"
    RETIREE = "retiree"
    HONORARY = "honorary"


class Member(Removable):
    """A member. The `…_key` columns are what a search compares, byte by byte."""

    __tablename__ = "members"
    __table_args__ = (
        deleted_ones("members"),
        Index(None, "last_name", "first_name", "id"),
        Index(None, "status", "classification"),
        Index(None, "classification", "last_name", "first_name", "id"),
        Index(None, "last_name_key"),
        Index(None, "first_name_key"),
        Index(None, "member_number_key"),
    )

    member_number: Mapped[str] = mapped_column(String(50), unique=True)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    address: Mapped[str | None] = mapped_column(String(255))
    city: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str | None] = mapped_column(String(2))
    zip_code: Mapped[str | None] = mapped_column(String(20))
    phone: Mapped[str | None] = mapped_column(String(50))
    email: Mapped[str | None] = mapped_column(String(255))
    date_of_birth: Mapped[date | None]
    hire_date: Mapped[date | None]
    status: Mapped[MemberStatus] = mapped_column(text_enum(MemberStatus, "member_status"))
    classification: Mapped[MemberClassification] = mapped_column(
        text_enum(MemberClassification, "member_classification")
    )
    last_name_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("lower(last_name)", persisted=True))
    first_name_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("lower(first_name)", persisted=True))
    member_number_key: Mapped[str] = mapped_column(
        Text(collation="C"), Computed("lower(member_number)", persisted=True)
    )
