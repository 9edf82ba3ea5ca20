"""The organization record."""

from enum import StrEnum

from sqlalchemy import Identity, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Timestamped, text_enum


class OrganizationType(StrEnum):
    """What an organization is to the local."""

    EMPLOYER = "employer"
    UNION = "union"
    TRAINING_PARTNER = "training_partner"
    JATC = "jatc"


class Organization(Timestamped, Base):
    """An employer, union or partner."""

    __tablename__ = "organizations"
    __table_args__ = (Index(None, "name", "id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    org_type: Mapped[OrganizationType] = mapped_column(text_enum(OrganizationType, "organization_type"))
    city: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str | None] = mapped_column(String(2))
    phone: Mapped[str | None] = mapped_column(String(50))
    email: Mapped[str | None] = mapped_column(String(255))
