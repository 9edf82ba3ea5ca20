"""Organizations in the database, read by keyset."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.pipeline import Statement
from ip2a.organizations.models import Organization, OrganizationContact

PAGE = Statement(
    b"ip2a_organizations",
    b"""
    WITH page AS (
        SELECT id, name, org_type, city, state, phone, email FROM organizations
        WHERE deleted_at IS NULL AND ($1::integer IS NULL
            OR (name, id) > (SELECT name, id FROM organizations WHERE id = $1::integer))
        ORDER BY name, id LIMIT $2::integer + 1),
    shown AS (SELECT * FROM page ORDER BY name, id LIMIT $2::integer)
    SELECT json_build_object(
        'items', coalesce((SELECT json_agg(shown ORDER BY name, id) FROM shown), '[]'),
        'next', CASE WHEN (SELECT count(*) FROM page) > $2::integer THEN
            (SELECT id FROM shown ORDER BY name DESC, id DESC LIMIT 1) END)::text
    """,
)
"""A page of organizations as OrganizationPage's JSON: id to start behind (or null), page size."""

SHOWN = select(*Organization.__table__.c)
CONTACTS_SHOWN = select(*OrganizationContact.__table__.c)


async def page(
    connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]], *, after: int | None, limit: int
) -> Sequence[RowMapping]:
    """Organizations that meet the conditions, by name, behind the one called `after`."""
    order = (Organization.name, Organization.id)
    last = select(*order).where(Organization.id == after).scalar_subquery()
    behind = [tuple_(*order) > last] if after is not None else []
    statement = SHOWN.where(Organization.deleted_at.is_(None), *conditions, *behind).order_by(*order).limit(limit)
    return (await connection.execute(statement)).mappings().all()
