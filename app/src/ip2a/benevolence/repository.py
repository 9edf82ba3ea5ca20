"""Applications for help in the database: how one is shown, what was said of it, taking one back."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.benevolence.models import BenevolenceApplication, BenevolenceReview, BenevolenceStatus
from ip2a.benevolence.rules import OPEN_TO_MEMBER, Review
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


async def lock(connection: AsyncConnection, application_id: int) -> RowMapping | None:
    """An application, locked until the transaction ends: what is said of it is said one after the other."""
    columns = (BenevolenceApplication.member_id, BenevolenceApplication.status)
    statement = select(*columns, BenevolenceApplication.amount_requested_cents).with_for_update(key_share=True)
    return (await connection.execute(statement.where(BenevolenceApplication.id == application_id))).mappings().first()


async def reviews(connection: AsyncConnection, application_id: int) -> list[Review]:
    """What was said of an application, first things first."""
    columns = (BenevolenceReview.level, BenevolenceReview.reviewer_id, BenevolenceReview.decision)
    statement = select(*columns).where(BenevolenceReview.application_id == application_id)
    return [Review(*row) for row in await connection.execute(statement.order_by(BenevolenceReview.id))]


async def own_status(connection: AsyncConnection, application_id: int, member_id: int) -> BenevolenceStatus | None:
    """Where a member's own application stands; None where they have no such one."""
    statement = select(BenevolenceApplication.status).where(
        BenevolenceApplication.id == application_id, BenevolenceApplication.member_id == member_id
    )
    return (await connection.execute(statement)).scalar_one_or_none()


async def withdraw(connection: AsyncConnection, application_id: int, member_id: int) -> bool:
    """Whether the member's own application was open to them, and is withdrawn now."""
    statement = (
        update(BenevolenceApplication)
        .where(
            BenevolenceApplication.id == application_id,
            BenevolenceApplication.member_id == member_id,
            BenevolenceApplication.status.in_(OPEN_TO_MEMBER),
        )
        .values(status=BenevolenceStatus.WITHDRAWN, version=BenevolenceApplication.version + 1, updated_at=func.now())
    )
    return (await connection.execute(statement)).rowcount == 1
