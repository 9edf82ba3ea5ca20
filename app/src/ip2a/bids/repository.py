"""Bids in the database; a live bid a member and request, by a partial unique index."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = """b.id, b.labor_request_id, q.request_number, o.name AS employer_name, b.member_id, b.registration_id,
    b.status, b.submitted_at, b.processed_at, b.rejected_by_member_at, b.rejection_reason"""
_FROM = """job_bids b JOIN labor_requests q ON q.id = b.labor_request_id
    JOIN organizations o ON o.id = q.employer_id"""

# Only for a job that still wants workers, by the place the member has on its book.
_PLACE = text(
    """
    INSERT INTO job_bids (labor_request_id, member_id, registration_id, submitted_at)
    SELECT q.id, r.member_id, r.id, :now
    FROM labor_requests q
    JOIN referral_books k ON k.id = q.book_id AND k.internet_bidding_enabled
    JOIN book_registrations r ON r.book_id = q.book_id AND r.member_id = :member_id AND r.status = 'registered'
    WHERE q.id = :request_id AND q.status IN ('open', 'partially_filled') AND q.allows_online_bidding
        AND q.foreperson_member_id IS NULL AND q.start_date >= :today
        AND NOT EXISTS (SELECT FROM dispatches d WHERE d.member_id = :member_id
                        AND d.status IN ('dispatched', 'checked_in', 'working'))
    RETURNING id
    """
)
_ONE = text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE b.id = :id")  # noqa: S608 (constant columns)
_OF_MEMBER = text(
    f"SELECT {_COLUMNS} FROM {_FROM} WHERE b.member_id = :member_id AND b.id < :before ORDER BY b.id DESC LIMIT :limit"  # noqa: S608 (constant columns)
)
_OF_REQUEST = text(
    f"""
    SELECT {_COLUMNS}, m.member_number, m.first_name, m.last_name, r.apn FROM {_FROM}
    JOIN members m ON m.id = b.member_id JOIN book_registrations r ON r.id = b.registration_id
    WHERE b.labor_request_id = :request_id AND b.id > :after ORDER BY b.id LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_WITHDRAW = text(
    """
    UPDATE job_bids SET status = 'withdrawn', processed_at = :now, updated_at = now()
    WHERE id = :id AND member_id = :member_id AND status = 'pending' RETURNING id
    """
)
_REJECTIONS = text(
    "SELECT rejected_by_member_at FROM job_bids WHERE member_id = :member_id AND rejected_by_member_at >= :since"
)
_SETTLE = text(
    """
    UPDATE job_bids SET status = CASE WHEN id = ANY(:winners) THEN 'accepted' ELSE 'rejected' END,
        processed_at = :now, processed_by_id = ip2a_user_id(), updated_at = now()
    WHERE labor_request_id = :request_id AND status = 'pending' AND (id = ANY(:winners) OR :reject_others)
    """
)
_TURN_DOWN = text(
    """
    UPDATE job_bids SET rejected_by_member_at = :now, rejection_reason = :reason, status = 'rejected',
        updated_at = now()
    WHERE id = :id AND status = 'accepted'
    """
)
_RELEASE = text(
    "UPDATE job_bids SET status = 'withdrawn', updated_at = now() WHERE id = ANY(:ids) AND status = 'accepted'"
)
_EXPIRE = text(
    """
    UPDATE job_bids b SET status = 'expired', processed_at = :now, updated_at = now()
    FROM labor_requests q
    WHERE q.id = b.labor_request_id AND b.status = 'pending' AND q.status NOT IN ('open', 'partially_filled')
    """
)


async def place(
    connection: AsyncConnection, *, request_id: int, member_id: int, now: datetime, today: date
) -> int | None:
    """A new bid; None when the member has no place on the job's book, works, or the job takes no bids.

    Raises IntegrityError when the member has a live bid for it.
    """
    parameters = {"request_id": request_id, "member_id": member_id, "now": now, "today": today}
    identifier: int | None = (await connection.execute(_PLACE, parameters)).scalar_one_or_none()
    return identifier


async def find(connection: AsyncConnection, bid_id: int) -> RowMapping | None:
    """One bid."""
    return (await connection.execute(_ONE, {"id": bid_id})).mappings().first()


async def of_member(connection: AsyncConnection, member_id: int, *, before: int, limit: int) -> list[RowMapping]:
    """A member's bids, newest first."""
    parameters = {"member_id": member_id, "before": before, "limit": limit}
    return list((await connection.execute(_OF_MEMBER, parameters)).mappings())


async def of_request(connection: AsyncConnection, request_id: int, *, after: int, limit: int) -> list[RowMapping]:
    """The bids for a job, first come first."""
    parameters = {"request_id": request_id, "after": after, "limit": limit}
    return list((await connection.execute(_OF_REQUEST, parameters)).mappings())


async def withdraw(connection: AsyncConnection, bid_id: int, member_id: int, now: datetime) -> bool:
    """Whether the member's bid was pending and is withdrawn now."""
    parameters = {"id": bid_id, "member_id": member_id, "now": now}
    return (await connection.execute(_WITHDRAW, parameters)).first() is not None


async def rejections(connection: AsyncConnection, member_id: int, since: datetime) -> list[datetime]:
    """When the member turned down jobs won by bid."""
    return list((await connection.execute(_REJECTIONS, {"member_id": member_id, "since": since})).scalars())


async def settle(
    connection: AsyncConnection, request_id: int, winners: Sequence[int], *, now: datetime, reject_others: bool
) -> None:
    """Accept the winners; with `reject_others` nobody else waits any longer."""
    await connection.execute(
        _SETTLE,
        {"request_id": request_id, "winners": list(winners), "now": now, "reject_others": reject_others},
    )


async def turn_down(connection: AsyncConnection, bid_id: int, reason: str | None, now: datetime) -> None:
    """The member turned down the job this bid had won."""
    await connection.execute(_TURN_DOWN, {"id": bid_id, "reason": reason, "now": now})


async def release(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """The jobs these bids had won were taken back; their members may bid for them again."""
    await connection.execute(_RELEASE, {"ids": list(ids)})


async def expire(connection: AsyncConnection, now: datetime) -> int:
    """Bids for jobs that want nobody any more; returns how many."""
    return (await connection.execute(_EXPIRE, {"now": now})).rowcount


def suspension_horizon(now: datetime) -> datetime:
    """Rejections before this cannot matter any more: a pair within a year, and a year of suspension."""
    return now - timedelta(days=2 * 366)
