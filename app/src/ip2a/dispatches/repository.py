"""Dispatches in the database.

Rows are locked in one order: the request, its dispatches, places. A place somebody else holds is waited for, so that
nobody is passed over because of what happens to their place at that moment; behind the lock it is looked at again. The
partial unique index on live dispatches is the second guard, for members who are called from two books at once.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.listing import listing
from ip2a.dispatches.models import DispatchMethod, DispatchStatus, ReRegistration, TermReason

_COLUMNS = """d.id, d.labor_request_id, q.request_number, d.member_id, d.registration_id, d.bid_id, d.employer_id,
    o.name AS employer_name, d.method, d.status, d.is_short_call, d.dispatched_at, d.start_date, d.check_in_deadline,
    d.checked_in_at, d.ended_on, d.days_worked, d.term_reason, d.restricted_until, d.re_register_by,
    d.re_registration"""
_FROM = """dispatches d JOIN labor_requests q ON q.id = d.labor_request_id
    JOIN organizations o ON o.id = d.employer_id"""
_ELIGIBLE = """r.book_id = :book_id AND r.status = 'registered' AND m.status = 'active' AND m.deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM dispatches live WHERE live.member_id = r.member_id
                    AND live.status IN ('dispatched', 'checked_in', 'working'))
    AND NOT EXISTS (SELECT FROM dispatches past WHERE past.member_id = r.member_id
                    AND past.employer_id = :employer_id AND past.restricted_until >= :today)"""

_FROM_QUEUE = text(
    f"""
    SELECT r.id, r.member_id, cast(NULL AS integer) AS bid_id
    FROM book_registrations r JOIN members m ON m.id = r.member_id
    WHERE {_ELIGIBLE} AND (cast(:member_id AS integer) IS NULL OR r.member_id = :member_id)
    ORDER BY r.apn LIMIT 1 FOR NO KEY UPDATE OF r
    """  # noqa: S608 (constant conditions)
)
# Everybody who bid is locked, in one order, and then the first of them are taken.
_FROM_BIDS = text(
    f"""
    WITH bidders AS MATERIALIZED (
        SELECT r.id, r.member_id, b.id AS bid_id, r.apn
        FROM job_bids b JOIN book_registrations r ON r.id = b.registration_id JOIN members m ON m.id = r.member_id
        WHERE {_ELIGIBLE} AND b.labor_request_id = :request_id AND b.status = 'pending'
        ORDER BY r.id FOR NO KEY UPDATE OF r, b)
    SELECT id, member_id, bid_id FROM bidders ORDER BY apn LIMIT :wanted
    """  # noqa: S608 (constant conditions)
)
_INSERT = text(
    """
    INSERT INTO dispatches (labor_request_id, member_id, registration_id, bid_id, employer_id, method, is_short_call,
        dispatched_at, dispatched_by_id, start_date, check_in_deadline)
    SELECT :request_id, member_id, registration_id, bid_id, :employer_id, :method, :is_short_call, :now,
        ip2a_user_id(), :start_date, :check_in_deadline
    FROM unnest(cast(:members AS integer[]), cast(:registrations AS integer[]), cast(:bids AS integer[]))
        AS chosen (member_id, registration_id, bid_id)
    ORDER BY member_id
    RETURNING id
    """
)
_REGISTRATIONS_DISPATCHED = text(
    "UPDATE book_registrations SET status = 'dispatched', updated_at = now() WHERE id = ANY(:ids)"
)
_RESTORE = text(
    """
    UPDATE book_registrations r SET status = 'registered', updated_at = now(),
        re_sign_deadline = :now + make_interval(days => k.re_sign_days),
        short_call_restorations = short_call_restorations + :counts
    FROM referral_books k
    WHERE k.id = r.book_id AND r.id = ANY(:ids) AND r.status = 'dispatched' AND ip2a_may_wait(r.member_id)
        AND NOT EXISTS (SELECT FROM book_registrations other WHERE other.member_id = r.member_id
                        AND other.book_id = r.book_id AND other.status IN ('registered', 'exempt'))
    RETURNING r.id, r.member_id
    """
)
_SOME = text(
    f"SELECT {_COLUMNS}, m.member_number, m.first_name, m.last_name FROM {_FROM} JOIN members m ON m.id = d.member_id"  # noqa: S608 (constant columns)
    " WHERE d.id = ANY(:ids) ORDER BY d.id"
)
_OWN = text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE d.id = :id AND d.member_id = :member_id")  # noqa: S608 (constant columns)
OF_MEMBER = listing(
    "ip2a_own_dispatches",
    f"""
    SELECT {_COLUMNS} FROM {_FROM} WHERE d.member_id = $1::integer AND d.id < $2::integer
    ORDER BY d.id DESC LIMIT $3::integer
    """,  # noqa: S608 (constant columns)
)
"""A member's dispatches, newest first: member, before which id, how many."""
_PAGE = text(
    f"""
    SELECT {_COLUMNS}, m.member_number, m.first_name, m.last_name FROM {_FROM} JOIN members m ON m.id = d.member_id
    WHERE (cast(:status AS text) IS NULL OR d.status = :status)
        AND (cast(:re_registration AS text) IS NULL OR d.re_registration = :re_registration)
        AND d.id < :before ORDER BY d.id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_LOCK = text(
    """
    WITH request AS MATERIALIZED (
        SELECT q.id FROM labor_requests q WHERE q.id = (
            SELECT labor_request_id FROM dispatches
            WHERE id = :id AND (cast(:member_id AS integer) IS NULL OR member_id = :member_id))
        FOR NO KEY UPDATE)
    SELECT d.id, d.member_id, d.registration_id, d.bid_id, d.status, d.is_short_call, d.start_date,
        r.short_call_restorations
    FROM request q JOIN dispatches d ON d.labor_request_id = q.id JOIN book_registrations r ON r.id = d.registration_id
    WHERE d.id = :id FOR NO KEY UPDATE OF d
    """
)
_CHECK_IN = text("UPDATE dispatches SET status = 'checked_in', checked_in_at = :now, updated_at = now() WHERE id = :id")
_END = text(
    """
    UPDATE dispatches SET status = :status, ended_on = :ended_on, days_worked = :days_worked,
        term_reason = :reason, restricted_until = :restricted_until, re_register_by = :re_register_by,
        re_registration = CASE WHEN cast(:re_register_by AS date) IS NOT NULL THEN 'awaited' END, updated_at = now()
    WHERE id = :id
    """
)
_MISS_RE_REGISTRATION = text(
    """
    UPDATE dispatches SET re_registration = 'missed', updated_at = now()
    WHERE re_registration = 'awaited' AND re_register_by < :today RETURNING member_id
    """
)
_WITHDRAW = text(
    """
    UPDATE dispatches SET status = 'withdrawn', updated_at = now() WHERE id = ANY(:ids) AND status = 'dispatched'
    RETURNING member_id, registration_id, bid_id
    """
)
_AWAITED_OF_REQUEST = text("SELECT id FROM dispatches WHERE labor_request_id = :id AND status = 'dispatched'")
# Requests that the night marks dispatches of are locked before those, as by whoever cancels one.
_LOCK_LATE = text(
    """
    SELECT d.id FROM (
        SELECT q.id FROM labor_requests q
        WHERE q.status <> 'cancelled' AND q.id IN (
            SELECT labor_request_id FROM dispatches WHERE status = 'dispatched' AND check_in_deadline < :now)
        ORDER BY q.id LIMIT :limit FOR NO KEY UPDATE) q
    JOIN dispatches d ON d.labor_request_id = q.id AND d.status = 'dispatched' AND d.check_in_deadline < :now
    """
)
# A quit on the day that they did not come.
_NO_SHOWS = text(
    """
    UPDATE dispatches SET status = 'no_show', updated_at = now(),
        restricted_until = (check_in_deadline AT TIME ZONE 'America/Los_Angeles')::date + cast(:days AS integer)
    WHERE id = ANY(:ids) AND status = 'dispatched'
    RETURNING id, member_id, registration_id
    """
)
_AWAITED_OF_CANCELLED = text(
    """
    SELECT d.id FROM dispatches d JOIN labor_requests q ON q.id = d.labor_request_id
    WHERE d.status = 'dispatched' AND q.status = 'cancelled' ORDER BY q.id FOR NO KEY UPDATE OF q
    """
)


async def next_in_queue(
    connection: AsyncConnection, request: RowMapping, today: date, member_id: int | None = None
) -> list[RowMapping]:
    """Who is called next for the request (or the given member, if eligible), locked: none or one."""
    parameters = {
        "book_id": request["book_id"],
        "employer_id": request["employer_id"],
        "today": today,
        "member_id": member_id,
    }
    return list((await connection.execute(_FROM_QUEUE, parameters)).mappings())


async def best_bids(connection: AsyncConnection, request: RowMapping, today: date) -> list[RowMapping]:
    """As many bidders as the request wants, longest waiting first by their place of now, locked."""
    parameters = {
        "book_id": request["book_id"],
        "employer_id": request["employer_id"],
        "request_id": request["id"],
        "wanted": request["wanted"],
        "today": today,
    }
    return list((await connection.execute(_FROM_BIDS, parameters)).mappings())


async def insert(
    connection: AsyncConnection,
    request: RowMapping,
    chosen: Sequence[RowMapping],
    *,
    method: DispatchMethod,
    now: datetime,
    check_in_deadline: datetime,
) -> list[int]:
    """Dispatch the chosen registrations and take them off the queue.

    Raises IntegrityError when one of the members has a live dispatch, or more than were requested would go.
    """
    registrations = [row["id"] for row in chosen]
    inserted = await connection.execute(
        _INSERT,
        {
            "request_id": request["id"],
            "employer_id": request["employer_id"],
            "method": method.value,
            "is_short_call": request["is_short_call"],
            "start_date": request["start_date"],
            "now": now,
            "check_in_deadline": check_in_deadline,
            "members": [row["member_id"] for row in chosen],
            "registrations": registrations,
            "bids": [row["bid_id"] for row in chosen],
        },
    )
    await connection.execute(_REGISTRATIONS_DISPATCHED, {"ids": registrations})
    return list(inserted.scalars())


async def restore(
    connection: AsyncConnection, registrations: Sequence[int], *, counts: bool, now: datetime
) -> list[RowMapping]:
    """Give places back under their old numbers, with all the time to sign again; none to who registered anew meanwhile
    or is not active any more.
    """
    parameters = {"ids": list(registrations), "counts": int(counts), "now": now}
    return list((await connection.execute(_RESTORE, parameters)).mappings())


async def some(connection: AsyncConnection, ids: Sequence[int]) -> list[RowMapping]:
    """The dispatches with these ids."""
    return list((await connection.execute(_SOME, {"ids": list(ids)})).mappings())


async def own(connection: AsyncConnection, dispatch_id: int, member_id: int) -> RowMapping | None:
    """A member's own dispatch."""
    return (await connection.execute(_OWN, {"id": dispatch_id, "member_id": member_id})).mappings().first()


async def page(
    connection: AsyncConnection,
    *,
    status: DispatchStatus | None,
    re_registration: ReRegistration | None,
    before: int,
    limit: int,
) -> list[RowMapping]:
    """Dispatches, newest first."""
    parameters = {"status": status, "re_registration": re_registration, "before": before, "limit": limit}
    return list((await connection.execute(_PAGE, parameters)).mappings())


async def lock(connection: AsyncConnection, dispatch_id: int, member_id: int | None = None) -> RowMapping | None:
    """A dispatch and its registration's standing; its request and itself are locked until the transaction ends."""
    return (await connection.execute(_LOCK, {"id": dispatch_id, "member_id": member_id})).mappings().first()


async def check_in(connection: AsyncConnection, dispatch_id: int, now: datetime) -> None:
    """The member came."""
    await connection.execute(_CHECK_IN, {"id": dispatch_id, "now": now})


async def end(
    connection: AsyncConnection,
    dispatch_id: int,
    status: DispatchStatus,
    *,
    ended_on: date | None = None,
    days_worked: int | None = None,
    reason: TermReason | None = None,
    restricted_until: date | None = None,
    re_register_by: date | None = None,
) -> None:
    """The job is over for the member, or never began."""
    await connection.execute(
        _END,
        {
            "id": dispatch_id,
            "status": status.value,
            "ended_on": ended_on,
            "days_worked": days_worked,
            "reason": reason.value if reason else None,
            "restricted_until": restricted_until,
            "re_register_by": re_register_by,
        },
    )


async def awaited_of_request(connection: AsyncConnection, request_id: int) -> list[int]:
    """The request's dispatches whose member did not check in yet."""
    return list((await connection.execute(_AWAITED_OF_REQUEST, {"id": request_id})).scalars())


async def awaited_of_cancelled(connection: AsyncConnection) -> list[int]:
    """Dispatches whose request was cancelled, and nobody took them back."""
    return list((await connection.execute(_AWAITED_OF_CANCELLED)).scalars())


async def withdraw(connection: AsyncConnection, ids: Sequence[int]) -> list[RowMapping]:
    """Take back those of the dispatches whose member did not check in; their slots are free again."""
    return list((await connection.execute(_WITHDRAW, {"ids": list(ids)})).mappings())


async def mark_no_shows(
    connection: AsyncConnection, *, now: datetime, restriction: timedelta, limit: int
) -> list[RowMapping]:
    """Who did not check in by the deadline, for `limit` requests at most; their slots are free again. Nobody, where the
    request was cancelled.
    """
    late = (await connection.execute(_LOCK_LATE, {"now": now, "limit": limit})).scalars()
    parameters = {"ids": list(late), "days": restriction.days}
    return list((await connection.execute(_NO_SHOWS, parameters)).mappings())


async def miss_re_registration(connection: AsyncConnection, today: date) -> list[int]:
    """The member of each job after which they had to register again before `today` and did not; each is told once."""
    return list((await connection.execute(_MISS_RE_REGISTRATION, {"today": today})).scalars())
