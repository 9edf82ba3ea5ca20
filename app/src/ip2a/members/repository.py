"""Member records in the database."""

from sqlalchemy import RowMapping, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.members.models import Member

CONTACT_FIELDS = ("address", "city", "state", "zip_code", "phone", "email")

_PROFILE_COLUMNS = (
    Member.id,
    Member.member_number,
    Member.first_name,
    Member.last_name,
    Member.address,
    Member.city,
    Member.state,
    Member.zip_code,
    Member.phone,
    Member.email,
    Member.hire_date,
    Member.status,
    Member.classification,
    Member.version,
)


async def find_profile(connection: AsyncConnection, member_id: int) -> RowMapping | None:
    """One member's record."""
    result = await connection.execute(select(*_PROFILE_COLUMNS).where(Member.id == member_id))
    return result.mappings().first()


async def change_contact(
    connection: AsyncConnection, member_id: int, changes: dict[str, str | None]
) -> RowMapping | None:
    """Write the given contact fields and return the record as it is afterwards."""
    result = await connection.execute(
        update(Member)
        .where(Member.id == member_id)
        .values({**changes, "version": Member.version + 1, "updated_at": text("now()")})
        .returning(*_PROFILE_COLUMNS)
    )
    return result.mappings().first()
