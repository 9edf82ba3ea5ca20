"""Organizing activities in the database: how one is shown."""

from sqlalchemy import select

from ip2a.members.models import Member
from ip2a.organizations.models import Organization
from ip2a.organizing.models import SaltingActivity

SHOWN = (
    select(
        *SaltingActivity.__table__.c, Member.first_name, Member.last_name, Organization.name.label("organization_name")
    )
    .join_from(SaltingActivity, Member, Member.id == SaltingActivity.member_id)
    .join(Organization, Organization.id == SaltingActivity.organization_id)
)
