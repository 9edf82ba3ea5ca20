"""Grievances in the database: how one is shown."""

from sqlalchemy import ColumnElement, func, select, union_all

from ip2a.grievances.models import Grievance, GrievanceStep
from ip2a.members.models import Member
from ip2a.members.repository import matches
from ip2a.organizations.models import Organization
from ip2a.records.search import begins, belonging, names_of

SHOWN = (
    select(*Grievance.__table__.c, Member.first_name, Member.last_name, Organization.name.label("employer_name"))
    .join_from(Grievance, Member, Member.id == Grievance.member_id)
    .join(Organization, Organization.id == Grievance.employer_id)
)
STEPS_SHOWN = select(*GrievanceStep.__table__.c)
NEXT_NUMBER = select(func.nextval("grievance_numbers"))


def found(search: str) -> ColumnElement[bool]:
    """Grievances with this number, or whose member or employer is named so; three indexes, not one scan."""
    return Grievance.id.in_(
        union_all(
            select(Grievance.id).where(Grievance.grievance_number == search.strip().upper()),
            belonging(Grievance.member_id, Member, matches(names_of(search))),
            belonging(Grievance.employer_id, Organization, [begins(Organization.words, search)]),
        )
    )
