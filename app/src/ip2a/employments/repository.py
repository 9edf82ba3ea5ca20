"""Employments in the database, read by keyset: the cost of a page does not grow with its number."""

from sqlalchemy import select

from ip2a.database.pipeline import Statement
from ip2a.employments.models import MemberEmployment
from ip2a.members.models import Member
from ip2a.organizations.models import Organization

PAGE = Statement(
    b"ip2a_employments",
    b"""
    WITH page AS (
        SELECT e.id, e.organization_id, o.name AS organization_name, e.start_date, e.end_date, e.job_title,
            e.hourly_rate_cents
        FROM member_employments e JOIN organizations o ON o.id = e.organization_id
        WHERE e.member_id = $1::integer
            AND ($2::date IS NULL OR (e.start_date, e.id) < ($2::date, $3::integer))
        ORDER BY e.start_date DESC, e.id DESC LIMIT $4::integer + 1),
    shown AS (SELECT * FROM page ORDER BY start_date DESC, id DESC LIMIT $4::integer)
    SELECT json_build_object(
        'items', coalesce((SELECT json_agg(shown ORDER BY start_date DESC, id DESC) FROM shown), '[]'),
        'next', CASE WHEN (SELECT count(*) FROM page) > $4::integer THEN
            (SELECT start_date || '_' || id FROM shown ORDER BY start_date, id LIMIT 1) END)::text
    """,
)
"""A page of a member's jobs as EmploymentPage's JSON: member, last start date and id (or null), page size."""

OF_ORGANIZATION = select(
    *MemberEmployment.__table__.c, Member.first_name, Member.last_name, Member.member_number
).join_from(MemberEmployment, Member, Member.id == MemberEmployment.member_id)

SHOWN = select(*MemberEmployment.__table__.c, Organization.name.label("organization_name")).join_from(
    MemberEmployment, Organization, Organization.id == MemberEmployment.organization_id
)
