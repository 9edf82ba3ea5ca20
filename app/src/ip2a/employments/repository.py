"""Employments in the database, read by keyset: the cost of a page does not grow with its number."""

from datetime import date

from sqlalchemy import RowMapping, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.employments.models import MemberEmployment
from ip2a.organizations.models import Organization


async def page(
    connection: AsyncConnection, member_id: int, *, after: tuple[date, int] | None, limit: int
) -> list[RowMapping]:
    """Up to `limit` employments, newest first, behind the given (start date, id)."""
    query = (
        select(
            MemberEmployment.id,
            MemberEmployment.organization_id,
            Organization.name.label("organization_name"),
            MemberEmployment.start_date,
            MemberEmployment.end_date,
            MemberEmployment.job_title,
            MemberEmployment.hourly_rate_cents,
        )
        .join(Organization, Organization.id == MemberEmployment.organization_id)
        .where(MemberEmployment.member_id == member_id)
        .order_by(MemberEmployment.start_date.desc(), MemberEmployment.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(MemberEmployment.start_date, MemberEmployment.id) < after)
    return list((await connection.execute(query)).mappings())
