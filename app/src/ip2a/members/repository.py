"""Member records in the database."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, and_, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.pipeline import Statement
from ip2a.members.models import Member, MemberClassification, MemberStatus

_AS_JSON = b"""json_build_object('id', id, 'member_number', member_number, 'first_name', first_name,
        'last_name', last_name, 'address', address, 'city', city, 'state', state, 'zip_code', zip_code,
        'phone', phone, 'email', email, 'hire_date', hire_date, 'status', status,
        'classification', classification, 'version', version)::text"""
PROFILE = Statement(b"ip2a_profile", b"SELECT %b FROM members WHERE id = $1::integer AND deleted_at IS NULL" % _AS_JSON)
"""A member's record as ProfileResponse's JSON."""


CHANGE_CONTACT = Statement(
    b"ip2a_change_contact",
    b"""
    WITH changed AS (
        UPDATE members SET
            address = CASE WHEN $2::jsonb ? 'address' THEN $2::jsonb ->> 'address' ELSE address END,
            city = CASE WHEN $2::jsonb ? 'city' THEN $2::jsonb ->> 'city' ELSE city END,
            state = CASE WHEN $2::jsonb ? 'state' THEN $2::jsonb ->> 'state' ELSE state END,
            zip_code = CASE WHEN $2::jsonb ? 'zip_code' THEN $2::jsonb ->> 'zip_code' ELSE zip_code END,
            phone = CASE WHEN $2::jsonb ? 'phone' THEN $2::jsonb ->> 'phone' ELSE phone END,
            email = CASE WHEN $2::jsonb ? 'email' THEN $2::jsonb ->> 'email' ELSE email END,
            version = version + 1, updated_at = now()
        WHERE id = $1::integer AND deleted_at IS NULL RETURNING *),
    stale AS (INSERT INTO cache_outbox (subject) SELECT 'profile:' || id FROM changed RETURNING id)
    SELECT %b, (SELECT id FROM stale) FROM changed
    """
    % _AS_JSON,
)
"""Writes the contact fields that the JSON object has; answers (what PROFILE reads, outbox row), or nothing when there
is no such member to be seen."""


SHOWN = select(*Member.__table__.c)
_BUSY = text(
    """
    SELECT EXISTS (SELECT FROM book_registrations WHERE member_id = :id AND status IN ('registered', 'exempt'))
        OR EXISTS (SELECT FROM dispatches WHERE member_id = :id AND status IN ('dispatched', 'checked_in', 'working'))
    """
)
_ACCOUNT = text("SELECT ip2a_account_of_member(:id)")
_LAST = chr(0x10FFFF)  # sorts behind everything
_KEYS = (Member.last_name_key, Member.first_name_key, Member.member_number_key)


def matches(words: Sequence[str]) -> list[ColumnElement[bool]]:
    """Members of whom each word begins a name or the number.

    Compared as ranges, not by LIKE: under row-level security only what cannot leak reaches an index, and LIKE may.
    """
    return [or_(*(and_(key >= word, key < word + _LAST) for key in _KEYS)) for word in words]


async def page(
    connection: AsyncConnection,
    words: Sequence[str],
    status: MemberStatus | None,
    classification: MemberClassification | None,
    *,
    after: tuple[str, str, int] | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Members by name."""
    conditions = [Member.deleted_at.is_(None), *matches(words)]
    if status is not None:
        conditions.append(Member.status == status)
    if classification is not None:
        conditions.append(Member.classification == classification)
    order = (Member.last_name, Member.first_name, Member.id)
    if after is not None:
        conditions.append(tuple_(*order) > tuple_(*after))
    statement = SHOWN.where(*conditions).order_by(*order).limit(limit)
    return (await connection.execute(statement)).mappings().all()


async def lock_status(connection: AsyncConnection, member_id: int) -> MemberStatus | None:
    """The standing of a member, who does not change until the transaction ends."""
    return await connection.scalar(select(Member.status).where(Member.id == member_id).with_for_update())


async def busy(connection: AsyncConnection, member_id: int) -> bool:
    """Whether a member waits on a book or works on a dispatch; nothing of that begins until the transaction ends."""
    await lock_status(connection, member_id)
    return bool((await connection.execute(_BUSY, {"id": member_id})).scalar_one())


async def account(connection: AsyncConnection, member_id: int) -> int | None:
    """The account of a member, if there is one; also for those who may not see accounts."""
    found: int | None = await connection.scalar(_ACCOUNT, {"id": member_id})
    return found
