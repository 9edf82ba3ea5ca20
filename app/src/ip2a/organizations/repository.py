"""Organizations in the database, read by keyset."""

from sqlalchemy import RowMapping, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.organizations.models import Organization


async def page(connection: AsyncConnection, *, after: int | None, limit: int) -> list[RowMapping]:
    """Up to `limit` organizations by name, behind the one with id `after`."""
    query = (
        select(
            Organization.id,
            Organization.name,
            Organization.org_type,
            Organization.city,
            Organization.state,
            Organization.phone,
            Organization.email,
        )
        .order_by(Organization.name, Organization.id)
        .limit(limit)
    )
    if after is not None:
        position = select(Organization.name, Organization.id).where(Organization.id == after)
        query = query.where(tuple_(Organization.name, Organization.id) > position.scalar_subquery())
    return list((await connection.execute(query)).mappings())
