"""The declarative base all domain models share, and the column types that recur.

Amounts are integer cents; timestamps carry a time zone and are UTC.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from sqlalchemy import DateTime, Enum, Identity, Index, MetaData, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

Timestamp = Annotated[datetime, mapped_column(DateTime(timezone=True))]


class Base(DeclarativeBase):
    """Parent of every model; its metadata is what the migrations must produce."""

    metadata = MetaData(naming_convention=NAMING)


class Timestamped:
    """When a row was made and last changed, by the database's clock."""

    created_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now(), onupdate=func.now())


class Record(Timestamped, Base):
    """A plain record; its `version` grows with each change and guards against lost updates."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")


class Removable(Record):
    """A record that may be deleted: out of every list then, and restored by an administrator if need be."""

    __abstract__ = True

    deleted_at: Mapped[Timestamp | None]


def deleted_ones(table: str) -> Index:
    """The index that leads to what is deleted of a table."""
    return Index(f"ix_{table}_deleted", "id", postgresql_where=text("deleted_at IS NOT NULL"))


def text_enum(values: type[StrEnum], name: str) -> Enum:
    """Lower-case text guarded by a CHECK: a new value is an ordinary expand step, unlike a PostgreSQL
    enum's.
    """
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=40,
        values_callable=lambda members: [member.value for member in members],
    )
