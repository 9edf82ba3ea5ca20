"""Applications for help in the database: how one is shown."""

from sqlalchemy import select

from ip2a.benevolence.models import BenevolenceApplication, BenevolenceReview
from ip2a.members.models import Member

SHOWN = select(*BenevolenceApplication.__table__.c, Member.first_name, Member.last_name).join_from(
    BenevolenceApplication, Member, Member.id == BenevolenceApplication.member_id
)
REVIEWS_SHOWN = select(*BenevolenceReview.__table__.c)
