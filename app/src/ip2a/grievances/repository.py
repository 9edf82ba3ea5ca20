"""Grievances in the database: how one is shown."""

from sqlalchemy import func, select

from ip2a.grievances.models import Grievance, GrievanceStep
from ip2a.members.models import Member
from ip2a.organizations.models import Organization

SHOWN = (
    select(*Grievance.__table__.c, Member.first_name, Member.last_name, Organization.name.label("employer_name"))
    .join_from(Grievance, Member, Member.id == Grievance.member_id)
    .join(Organization, Organization.id == Grievance.employer_id)
)
STEPS_SHOWN = select(*GrievanceStep.__table__.c)
NEXT_NUMBER = select(func.nextval("grievance_numbers"))
