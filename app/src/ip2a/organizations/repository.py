"""Organizations in the database, read by keyset."""

from sqlalchemy import select

from ip2a.database.pipeline import Statement
from ip2a.organizations.models import Organization, OrganizationContact

PAGE = Statement(
    b"ip2a_organizations",
    b"""
    WITH page AS (
        SELECT id, name, org_type, city, state, phone, email FROM organizations
        WHERE $1::integer IS NULL
            OR (name, id) > (SELECT name, id FROM organizations WHERE id = $1::integer)
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
