"""Notes in the database: how one is shown."""

from sqlalchemy import select

from ip2a.notes.models import MemberNote

SHOWN = select(*MemberNote.__table__.c)
