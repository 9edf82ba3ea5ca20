"""The organization record."""

from enum import StrEnum

from sqlalchemy import Computed, ForeignKey, Index, String, false, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Removable, deleted_ones, text_enum


class OrganizationType(StrEnum):
    """What an organization is to the local."""

    EMPLOYER = "employer"
    UNION = "union"
    TRAINING_PARTNER = "training_partner"
    JATC = "jatc"


class SaltingScore(StrEnum):
    """How an employer takes to organizing, from worst to best."""

    HOSTILE = "hostile"
    RESISTANT = "resistant"
    NEUTRAL = "neutral"
    RECEPTIVE = "receptive"
    SUPPORTIVE = "supportive"


class Organization(Removable):
    """An employer, union or partner; `words` is what a search compares."""

    __tablename__ = "organizations"
    __table_args__ = (
        deleted_ones("organizations"),
        Index(None, "name", "id"),
        Index(None, "org_type", "name", "id"),
        Index(None, "words", postgresql_using="gin"),
    )

    name: Mapped[str] = mapped_column(String(255))
    org_type: Mapped[OrganizationType] = mapped_column(text_enum(OrganizationType, "organization_type"))
    city: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str | None] = mapped_column(String(2))
    phone: Mapped[str | None] = mapped_column(String(50))
    email: Mapped[str | None] = mapped_column(String(255))
    address: Mapped[str | None] = mapped_column(String(255))
    zip_code: Mapped[str | None] = mapped_column(String(20))
    website: Mapped[str | None] = mapped_column(String(255))
    salting_score: Mapped[SaltingScore | None] = mapped_column(text_enum(SaltingScore, "salting_score"))
    words: Mapped[object] = mapped_column(
        TSVECTOR,
        Computed(
            "to_tsvector('simple'::regconfig, translate(name || ' ' || COALESCE(city, ''), '-/._', '    '))",
            persisted=True,
        ),
        nullable=False,
    )


class OrganizationContact(Removable):
    """A person to talk to at an organization; one of them at most is the first to ask."""

    __tablename__ = "organization_contacts"
    __table_args__ = (
        deleted_ones("organization_contacts"),
        Index(None, "organization_id", "id"),
        Index(
            "uq_organization_contacts_primary",
            "organization_id",
            unique=True,
            postgresql_where=text("is_primary AND deleted_at IS NULL"),
        ),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    title: Mapped[str | None] = mapped_column(String(100))
    phone: Mapped[str | None] = mapped_column(String(50))
    email: Mapped[str | None] = mapped_column(String(255))
    is_primary: Mapped[bool] = mapped_column(server_default=false())
