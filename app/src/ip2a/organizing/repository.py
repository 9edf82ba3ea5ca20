"""Organizing activities in the database: how one is shown."""

from sqlalchemy import ColumnElement, select, union_all

from ip2a.members.models import Member
from ip2a.members.repository import matches
from ip2a.organizations.models import Organization
from ip2a.organizing.models import SaltingActivity
from ip2a.records.search import begins, belonging, names_of

SHOWN = (
    select(
        *SaltingActivity.__table__.c, Member.first_name, Member.last_name, Organization.name.label("organization_name")
    )
    .join_from(SaltingActivity, Member, Member.id == SaltingActivity.member_id)
    .join(Organization, Organization.id == SaltingActivity.organization_id)
)


def found(search: str) -> ColumnElement[bool]:
    """Activities of a member or at an organization named so; an index answers for each."""
    return SaltingActivity.id.in_(
        union_all(
            belonging(SaltingActivity.member_id, Member, matches(names_of(search))),
            belonging(SaltingActivity.organization_id, Organization, [begins(Organization.words, search)]),
        )
    )
