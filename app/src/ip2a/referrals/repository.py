"""Books and registrations in the database: numbers are given under the book's row lock, every change is one
statement, and the history of a registration grows in the same transaction.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.listing import listing
from ip2a.referrals.models import ExemptReason, RegistrationAction, RollOffReason
from ip2a.referrals.rules import EXEMPTION, GRACE_AFTER_EXEMPTION

_COLUMNS = """r.id, r.member_id, r.book_id, b.code AS book_code, b.name AS book_name, r.apn, r.status, r.registered_at,
    r.re_sign_deadline, r.check_marks, b.max_check_marks, b.region, r.short_call_restorations, r.exempt_reason,
    r.exempt_until, r.roll_off_reason"""

_BOOKS = text(
    """
    SELECT id, code, name, classification, book_number, region, referral_start_time, re_sign_days, grace_days,
        max_check_marks, internet_bidding_enabled, is_active,
        ip2a_waiting_before(id, last_apn + 1) AS registered
    FROM referral_books ORDER BY referral_start_time, code
    """
)

# The member's row is locked first, then the book's: numbers follow each other, and a registration that fails gives its
# number back.
_REGISTER = text(
    """
    WITH member AS MATERIALIZED (SELECT ip2a_may_wait(:member_id) AS may_wait),
    numbered AS (
        UPDATE referral_books SET last_apn = floor(last_apn) + 1 FROM member
        WHERE id = :book_id AND is_active AND may_wait RETURNING id, last_apn, re_sign_days),
    placed AS (
        INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline)
        SELECT :member_id, id, last_apn, :now, :now + make_interval(days => re_sign_days) FROM numbered
        RETURNING id)
    SELECT may_wait, (SELECT id FROM placed) AS id FROM member
    """
)

_HOLDER = text("SELECT member_number, first_name, last_name FROM members WHERE id = :id")
_ONE = text(f"SELECT {_COLUMNS} FROM book_registrations r JOIN referral_books b ON b.id = r.book_id WHERE r.id = :id")  # noqa: S608 (constant columns)

OF_MEMBER = listing(
    "ip2a_own_registrations",
    f"""
    SELECT {_COLUMNS},
        CASE WHEN r.status = 'registered' THEN ip2a_waiting_before(r.book_id, r.apn) + 1 END AS position,
        CASE WHEN r.status = 'registered' THEN ip2a_dispatches_since(r.book_id, $2::timestamptz) END
            AS recent_dispatches
    FROM book_registrations r JOIN referral_books b ON b.id = r.book_id
    WHERE r.member_id = $1::integer AND r.id < $3::integer
    ORDER BY r.id DESC LIMIT $4::integer
    """,  # noqa: S608 (constant columns)
)
"""A member's registrations, newest first, with the position of those that wait: member, since when dispatches count,
before which id, how many."""

_QUEUE = text(
    f"""
    SELECT {_COLUMNS}, m.member_number, m.first_name, m.last_name
    FROM book_registrations r JOIN referral_books b ON b.id = r.book_id JOIN members m ON m.id = r.member_id
    WHERE r.book_id = :book_id AND r.status = 'registered' AND r.apn > :after ORDER BY r.apn LIMIT :limit
    """  # noqa: S608 (constant columns)
)

_RE_SIGN = text(
    """
    UPDATE book_registrations r SET re_sign_deadline = :now + make_interval(days => b.re_sign_days), updated_at = now()
    FROM referral_books b
    WHERE b.id = r.book_id AND r.id = :id AND r.status = 'registered'
        AND (cast(:member_id AS integer) IS NULL OR r.member_id = :member_id)
    RETURNING r.id, r.member_id
    """
)

# An address of an account that may log in comes before the one that the office noted.
_MARK_REMINDED = text(
    """
    WITH due AS MATERIALIZED (
        SELECT id FROM book_registrations WHERE id = ANY(:ids) AND status = 'registered'
            AND re_sign_reminded_for IS DISTINCT FROM re_sign_deadline
        ORDER BY id FOR NO KEY UPDATE),
    marked AS (
        UPDATE book_registrations r SET re_sign_reminded_for = re_sign_deadline, updated_at = now()
        FROM due WHERE due.id = r.id RETURNING r.member_id, r.book_id, r.re_sign_deadline)
    SELECT r.re_sign_deadline AS deadline, b.name AS book_name, b.grace_days, m.first_name,
        coalesce(u.email, m.email) AS email
    FROM marked r JOIN referral_books b ON b.id = r.book_id JOIN members m ON m.id = r.member_id
    LEFT JOIN users u ON u.member_id = m.id AND u.is_active
    """
)

_RESIGN = text(
    """
    UPDATE book_registrations SET status = 'resigned', exempt_reason = NULL, exempt_until = NULL, updated_at = now()
    WHERE id = :id AND status IN ('registered', 'exempt')
        AND (cast(:member_id AS integer) IS NULL OR member_id = :member_id)
    RETURNING id, member_id
    """
)

_ROLL_OFF = text(
    """
    UPDATE book_registrations
    SET status = 'rolled_off', roll_off_reason = :reason, exempt_reason = NULL, exempt_until = NULL, updated_at = now()
    WHERE id = ANY(:ids) AND status IN ('registered', 'exempt') RETURNING id, member_id
    """
)

_ROLL_OFF_EVERYWHERE = text(
    """
    UPDATE book_registrations
    SET status = 'rolled_off', roll_off_reason = :reason, exempt_reason = NULL, exempt_until = NULL, updated_at = now()
    WHERE member_id = :member_id AND (status IN ('registered', 'exempt') OR id = :dispatched)
        AND status <> 'rolled_off'
    RETURNING id, member_id
    """
)

_ROLL_OFF_MEMBERS = text(
    """
    UPDATE book_registrations SET status = 'rolled_off', roll_off_reason = :reason, updated_at = now()
    WHERE member_id = ANY(:members) AND status = 'registered' RETURNING id, member_id
    """
)

_EXEMPT = text(
    """
    UPDATE book_registrations SET status = 'exempt', exempt_reason = :reason, exempt_until = :until, updated_at = now()
    WHERE id = :id AND status = 'registered' RETURNING id, member_id
    """
)

_END_EXEMPTION = text(
    """
    UPDATE book_registrations SET status = 'registered', exempt_reason = NULL, exempt_until = NULL,
        re_sign_deadline = greatest(re_sign_deadline, :deadline), updated_at = now()
    WHERE id = ANY(:ids) AND status = 'exempt' AND (NOT :only_over OR exempt_until < :today)
    RETURNING id, member_id
    """
)

# Whoever marks a book does so alone, and books are locked in one order.
_LOCK_BOOK = text("SELECT id FROM referral_books WHERE id = :id FOR NO KEY UPDATE")
_LOCK_UNFILLED_BOOKS = text(
    """
    SELECT b.id, b.code, b.name, b.region FROM referral_books b
    WHERE b.referral_start_time <= :clock AND EXISTS (
        SELECT FROM labor_requests q
        WHERE q.book_id = b.id AND q.status IN ('open', 'partially_filled') AND q.referral_day <= :day
            AND q.no_check_mark_reason IS NULL AND q.foreperson_member_id IS NULL)
    ORDER BY b.id FOR NO KEY UPDATE OF b
    """
)

# One check mark a book and day at most, whoever asks how often; the third rolls off. A book is of one region, and so
# are its marks. When the whole book is marked, those who came after the morning's call are not.
_CHECK_MARKS = text(
    """
    UPDATE book_registrations r SET check_marks = r.check_marks + 1, last_check_mark_on = :today, updated_at = now(),
        status = CASE WHEN r.check_marks + 1 > b.max_check_marks THEN 'rolled_off' ELSE r.status END,
        roll_off_reason = CASE WHEN r.check_marks + 1 > b.max_check_marks THEN 'check_marks' END
    FROM referral_books b
    WHERE b.id = r.book_id AND r.book_id = ANY(:books) AND r.status = 'registered'
        AND CASE WHEN cast(:id AS integer) IS NULL
            THEN r.registered_at < (cast(:today AS date) + b.referral_start_time) AT TIME ZONE 'America/Los_Angeles'
            ELSE r.id = :id END
        AND (r.last_check_mark_on IS NULL OR r.last_check_mark_on < :today)
        AND NOT EXISTS (SELECT FROM dispatches d WHERE d.member_id = r.member_id
                        AND d.status IN ('dispatched', 'checked_in', 'working'))
    RETURNING r.id, r.member_id, r.book_id, r.status
    """
)

_ACTIVITIES = text(
    """
    INSERT INTO registration_activities (registration_id, member_id, action, reason, performed_by_id)
    SELECT id, member_id, :action, :reason, ip2a_user_id()
    FROM unnest(cast(:ids AS integer[]), cast(:members AS integer[])) AS changed (id, member_id)
    """
)

_HISTORY = text(
    """
    SELECT id, action, reason, performed_by_id, occurred_at FROM registration_activities
    WHERE registration_id = :id AND id < :before ORDER BY id DESC LIMIT :limit
    """
)


async def books(connection: AsyncConnection) -> list[RowMapping]:
    """Every book with how many wait on it, in the order of the morning."""
    return list((await connection.execute(_BOOKS)).mappings())


async def register(connection: AsyncConnection, *, member_id: int, book_id: int, now: datetime) -> RowMapping:
    """A new place at the end of the book: its `id`, None when there is no such open book or the member `may_wait` on
    none (None: there is no such member).

    Raises IntegrityError when the member has a place on it.
    """
    parameters = {"member_id": member_id, "book_id": book_id, "now": now}
    return (await connection.execute(_REGISTER, parameters)).mappings().one()


async def holder(connection: AsyncConnection, member_id: int) -> RowMapping | None:
    """Number and name of a member."""
    return (await connection.execute(_HOLDER, {"id": member_id})).mappings().first()


async def find(connection: AsyncConnection, registration_id: int) -> RowMapping | None:
    """One registration."""
    return (await connection.execute(_ONE, {"id": registration_id})).mappings().first()


async def queue(connection: AsyncConnection, book_id: int, *, after: Decimal, limit: int) -> list[RowMapping]:
    """Who waits on a book behind the number `after`, longest first."""
    parameters = {"book_id": book_id, "after": after, "limit": limit}
    return list((await connection.execute(_QUEUE, parameters)).mappings())


async def re_sign(
    connection: AsyncConnection, registration_id: int, member_id: int | None, now: datetime
) -> RowMapping | None:
    """Move the deadline; None when the registration does not wait (or is another member's)."""
    parameters = {"id": registration_id, "member_id": member_id, "now": now}
    return (await connection.execute(_RE_SIGN, parameters)).mappings().first()


async def resign(connection: AsyncConnection, registration_id: int, member_id: int | None) -> RowMapping | None:
    """Give up the place; None when there is none."""
    return (await connection.execute(_RESIGN, {"id": registration_id, "member_id": member_id})).mappings().first()


async def roll_off(connection: AsyncConnection, ids: Sequence[int], reason: RollOffReason) -> list[RowMapping]:
    """Take the places away; returns those that still were there."""
    return list((await connection.execute(_ROLL_OFF, {"ids": list(ids), "reason": reason.value})).mappings())


async def roll_off_everywhere(
    connection: AsyncConnection, member_id: int, reason: RollOffReason, *, dispatched: int
) -> list[RowMapping]:
    """Take every place of the member away, and the registration `dispatched` was sent by."""
    parameters = {"member_id": member_id, "reason": reason.value, "dispatched": dispatched}
    return list((await connection.execute(_ROLL_OFF_EVERYWHERE, parameters)).mappings())


async def roll_off_members(
    connection: AsyncConnection, members: Sequence[int], reason: RollOffReason
) -> list[RowMapping]:
    """Take every place away on which the members wait; exempt ones stay: they need not sign."""
    return list(
        (await connection.execute(_ROLL_OFF_MEMBERS, {"members": list(members), "reason": reason.value})).mappings()
    )


async def mark_reminded(connection: AsyncConnection, ids: Sequence[int]) -> list[RowMapping]:
    """Note that the members of these places are reminded of their deadlines; returns those that still wait and were not
    yet: the member's first name and address (None where they have none), the book's name, the deadline.
    """
    return list((await connection.execute(_MARK_REMINDED, {"ids": list(ids)})).mappings())


async def exempt(
    connection: AsyncConnection, registration_id: int, reason: ExemptReason, today: date, until: date | None
) -> RowMapping | None:
    """Keep the place without re-signing until a day (180 days from today unless told)."""
    parameters = {"id": registration_id, "reason": reason.value, "until": until or today + EXEMPTION}
    return (await connection.execute(_EXEMPT, parameters)).mappings().first()


async def end_exemptions(
    connection: AsyncConnection, ids: Sequence[int], *, now: datetime, today: date, only_over: bool
) -> list[RowMapping]:
    """Back to waiting, with seven days at least to re-sign."""
    parameters = {"ids": list(ids), "deadline": now + GRACE_AFTER_EXEMPTION, "today": today, "only_over": only_over}
    return list((await connection.execute(_END_EXEMPTION, parameters)).mappings())


async def lock_book(connection: AsyncConnection, book_id: int) -> None:
    """Mark the book alone until the transaction ends."""
    await connection.execute(_LOCK_BOOK, {"id": book_id})


async def lock_unfilled_books(connection: AsyncConnection, *, day: date, clock: time) -> list[RowMapping]:
    """Books that were called by this time of the day and still have a request that costs a check mark, locked."""
    return list((await connection.execute(_LOCK_UNFILLED_BOOKS, {"day": day, "clock": clock})).mappings())


async def check_marks(
    connection: AsyncConnection, books: Sequence[int], *, today: date, registration_id: int | None = None
) -> list[RowMapping]:
    """A check mark for everyone who waited on the books when they were called (or for one), once a day; returns whom
    it hit, with `book_id` and `status` behind it.
    """
    parameters = {"books": list(books), "today": today, "id": registration_id}
    return list((await connection.execute(_CHECK_MARKS, parameters)).mappings())


async def add_check_marks(connection: AsyncConnection, marked: Sequence[RowMapping]) -> None:
    """Note the check marks, and whom they rolled off."""
    await add_activities(connection, marked, RegistrationAction.CHECK_MARK)
    rolled = [row for row in marked if row["status"] == "rolled_off"]
    await add_activities(connection, rolled, RegistrationAction.ROLL_OFF, RollOffReason.CHECK_MARKS.value)


async def add_activities(
    connection: AsyncConnection, changed: Sequence[RowMapping], action: RegistrationAction, reason: str | None = None
) -> None:
    """Note what happened to each of the registrations (rows with `id` and `member_id`)."""
    if changed:
        await connection.execute(
            _ACTIVITIES,
            {
                "ids": [row["id"] for row in changed],
                "members": [row["member_id"] for row in changed],
                "action": action.value,
                "reason": reason,
            },
        )


async def history(connection: AsyncConnection, registration_id: int, *, before: int, limit: int) -> list[RowMapping]:
    """What happened to a registration, newest first."""
    parameters = {"id": registration_id, "before": before, "limit": limit}
    return list((await connection.execute(_HISTORY, parameters)).mappings())
