"""Labor requests in the database, by keyset. Counts and the filled states are kept by a trigger."""

from datetime import date

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.listing import listing
from ip2a.labor_requests.models import NoCheckMarkReason

_COLUMNS = """q.id, q.request_number, q.employer_id, o.name AS employer_name, q.book_id, b.code AS book_code, q.status,
    q.requested_at, q.referral_day, q.workers_requested, q.workers_dispatched, q.start_date, q.start_time,
    q.wage_rate_cents, q.worksite, q.city, q.requirements, q.agreement_type, q.is_short_call, q.short_call_days,
    q.foreperson_member_id, q.no_check_mark_reason, q.allows_online_bidding"""
_FROM = """labor_requests q JOIN organizations o ON o.id = q.employer_id
    JOIN referral_books b ON b.id = q.book_id"""

_INSERT = text(
    """
    INSERT INTO labor_requests (request_number, employer_id, book_id, requested_at, referral_day, workers_requested,
        start_date, start_time, wage_rate_cents, worksite, city, requirements, agreement_type, is_short_call,
        short_call_days, foreperson_member_id, no_check_mark_reason, allows_online_bidding, created_by_id)
    VALUES ('REQ' || to_char(cast(:today AS date), 'YYYYMMDD') || '-'
            || lpad(nextval('labor_request_numbers')::text, 4, '0'), :employer_id, :book_id, :now, :referral_day,
        :workers_requested, :start_date, :start_time, :wage_rate_cents, :worksite, :city, :requirements,
        :agreement_type, cast(:short_call_days AS integer) IS NOT NULL, :short_call_days, :foreperson_member_id,
        :no_check_mark_reason, :allows_online_bidding, ip2a_user_id())
    RETURNING id
    """
)
_ONE = text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE q.id = :id")  # noqa: S608 (constant columns)
_PAGE = text(
    f"""
    SELECT {_COLUMNS} FROM {_FROM}
    WHERE (cast(:status AS text) IS NULL OR q.status = :status) AND q.id < :before ORDER BY q.id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_MORNING = text(
    f"""
    SELECT {_COLUMNS} FROM {_FROM}
    WHERE q.status IN ('open', 'partially_filled') AND q.referral_day <= :day AND (cast(:after AS integer) IS NULL
        OR (b.referral_start_time, b.code, q.requested_at, q.id) > (
            SELECT c.referral_start_time, c.code, p.requested_at, p.id
            FROM labor_requests p JOIN referral_books c ON c.id = p.book_id WHERE p.id = :after))
    ORDER BY b.referral_start_time, b.code, q.requested_at, q.id LIMIT :limit
    """  # noqa: S608 (constant columns)
)
# What a member may bid for: jobs of books they wait on.
OPEN_FOR_MEMBER = listing(
    "ip2a_open_jobs",
    f"""
    SELECT {_COLUMNS} FROM {_FROM}
    JOIN book_registrations r ON r.book_id = q.book_id AND r.member_id = $1::integer AND r.status = 'registered'
    WHERE q.status IN ('open', 'partially_filled') AND q.allows_online_bidding AND b.internet_bidding_enabled
        AND q.foreperson_member_id IS NULL AND q.start_date >= $2::date AND q.id < $3::integer
    ORDER BY q.id DESC LIMIT $4::integer
    """,  # noqa: S608 (constant columns)
)
"""Jobs of the books a member waits on, newest first: member, today, before which id, how many."""
_LOCK = text(
    """
    SELECT q.id, q.employer_id, q.book_id, q.status, q.workers_requested - q.workers_dispatched AS wanted, q.start_date,
        q.start_time, q.is_short_call, q.foreperson_member_id, q.no_check_mark_reason
    FROM labor_requests q WHERE q.id = :id FOR NO KEY UPDATE
    """
)
_SET_NO_CHECK_MARK = text("UPDATE labor_requests SET no_check_mark_reason = :reason, updated_at = now() WHERE id = :id")
# A filled request as long as somebody sent to it did not begin.
_CANCEL = text(
    """
    UPDATE labor_requests SET status = 'cancelled', updated_at = now() WHERE id = :id
        AND (status IN ('open', 'partially_filled') OR (status = 'filled' AND EXISTS (
            SELECT FROM dispatches WHERE labor_request_id = :id AND status = 'dispatched')))
    """
)
_ARE_OPEN = text(
    """
    SELECT EXISTS (SELECT FROM labor_requests
        WHERE employer_id = :employer_id AND status IN ('open', 'partially_filled'))
    """
)
_EXPIRE = text(
    """
    UPDATE labor_requests SET status = 'expired', updated_at = now()
    WHERE status IN ('open', 'partially_filled') AND start_date < :today RETURNING id
    """
)


async def insert(connection: AsyncConnection, values: dict[str, object]) -> int:
    """A new request under the next number; raises IntegrityError for an employer or book that is none."""
    identifier: int = (await connection.execute(_INSERT, values)).scalar_one()
    return identifier


async def find(connection: AsyncConnection, request_id: int) -> RowMapping | None:
    """One request."""
    return (await connection.execute(_ONE, {"id": request_id})).mappings().first()


async def lock(connection: AsyncConnection, request_id: int) -> RowMapping | None:
    """The request, locked until the transaction ends: whoever fills it does so alone."""
    return (await connection.execute(_LOCK, {"id": request_id})).mappings().first()


async def page(connection: AsyncConnection, status: str | None, *, before: int, limit: int) -> list[RowMapping]:
    """Requests, newest first."""
    return list((await connection.execute(_PAGE, {"status": status, "before": before, "limit": limit})).mappings())


async def morning(connection: AsyncConnection, day: date, *, after: int | None, limit: int) -> list[RowMapping]:
    """What is to be called on a morning, in the order of the books, from behind the request `after`."""
    return list((await connection.execute(_MORNING, {"day": day, "after": after, "limit": limit})).mappings())


async def set_no_check_mark(connection: AsyncConnection, request_id: int, reason: NoCheckMarkReason | None) -> None:
    """Why not taking the job costs no check mark, or None when it does."""
    await connection.execute(_SET_NO_CHECK_MARK, {"id": request_id, "reason": reason})


async def cancel(connection: AsyncConnection, request_id: int) -> bool:
    """Whether the request still wanted or awaited workers and does not any more."""
    return (await connection.execute(_CANCEL, {"id": request_id})).rowcount == 1


async def are_open(connection: AsyncConnection, employer_id: int) -> bool:
    """Whether an employer still wants workers."""
    return bool((await connection.execute(_ARE_OPEN, {"employer_id": employer_id})).scalar_one())


async def expire(connection: AsyncConnection, today: date) -> int:
    """Requests whose first day has passed want nobody any more; returns how many."""
    return (await connection.execute(_EXPIRE, {"today": today})).rowcount
