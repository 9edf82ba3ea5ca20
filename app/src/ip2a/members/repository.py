"""Member records in the database."""

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.pipeline import Statement
from ip2a.members.models import Member

PROFILE = Statement(
    b"ip2a_profile",
    b"""
    SELECT json_build_object('id', id, 'member_number', member_number, 'first_name', first_name,
        'last_name', last_name, 'address', address, 'city', city, 'state', state, 'zip_code', zip_code,
        'phone', phone, 'email', email, 'hire_date', hire_date, 'status', status,
        'classification', classification, 'version', version)::text
    FROM members WHERE id = $1::integer
    """,
)
"""A member's record as ProfileResponse's JSON."""


async def change_contact(connection: AsyncConnection, member_id: int, changes: dict[str, str | None]) -> bool:
    """Write the given contact fields; False when there is no such member to be seen."""
    result = await connection.execute(
        update(Member)
        .where(Member.id == member_id)
        .values({**changes, "version": Member.version + 1, "updated_at": text("now()")})
    )
    return result.rowcount == 1
