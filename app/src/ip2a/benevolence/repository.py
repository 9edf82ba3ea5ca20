"""Applications for help in the database: how one is shown."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from ip2a.benevolence.models import BenevolenceApplication, BenevolenceReview
from ip2a.members.models import Member
from ip2a.members.repository import matches
from ip2a.records.search import belonging

SHOWN = select(*BenevolenceApplication.__table__.c, Member.first_name, Member.last_name).join_from(
    BenevolenceApplication, Member, Member.id == BenevolenceApplication.member_id
)
REVIEWS_SHOWN = select(*BenevolenceReview.__table__.c)


def of_members(names: Sequence[str]) -> ColumnElement[bool]:
    """Applications of members who are called so."""
    return BenevolenceApplication.id.in_(belonging(BenevolenceApplication.member_id, Member, matches(names)))
