"""Registering on books, keeping the place and losing it: one transaction a use case."""

from datetime import date
from decimal import Decimal, InvalidOperation

from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.referrals import enforcement, repository, rules
from ip2a.referrals.models import RegistrationAction
from ip2a.referrals.schemas import (
    ActivityItem,
    BookItem,
    EnforcementPreview,
    ExemptionRequest,
    OwnRegistration,
    QueueItem,
    RegistrationItem,
    RollOffRequest,
)
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, invalid_cursor, page_of, read_before, read_text_id
from ip2a.web.lists import read_list
from ip2a.web.problems import Problem


def no_such_registration() -> Problem:
    """Not there, or not the caller's: the answer is the same."""
    return Problem(404, "no-such-registration", "There is no such registration.")


def not_waiting() -> Problem:
    """The registration is over, or exempt."""
    return Problem(409, "registration-not-active", "This registration does not wait on the book (any more).")


async def books(runtime: Runtime, caller: Caller) -> list[BookItem]:
    """Every book, in the order of the morning."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.books(connection)
    return [BookItem.model_validate(dict(row)) for row in rows]


async def book(runtime: Runtime, caller: Caller, book_id: int) -> BookItem:
    """One book. Raises Problem 404."""
    found = next((book for book in await books(runtime, caller) if book.id == book_id), None)
    if found is None:
        raise Problem(404, "no-such-book", "There is no such book.")
    return found


async def place(runtime: Runtime, caller: Caller, registration_id: int) -> QueueItem:
    """A place with who holds it, whether it waits or not. Raises Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.find(connection, registration_id)
        holder = None if row is None else await repository.holder(connection, row["member_id"])
    if row is None or holder is None:
        raise no_such_registration()
    return QueueItem.model_validate({**row, **holder})


async def register(runtime: Runtime, caller: Caller, *, member_id: int, book_id: int) -> RegistrationItem:
    """A new place at the end of a book.

    Raises Problem 404 (no such open book, no such member), 409 (the member is not active, or has a place on it).
    """
    try:
        async with caller.transaction(runtime.databases) as connection:
            placed = await repository.register(connection, member_id=member_id, book_id=book_id, now=runtime.now())
            if placed["may_wait"] is None:
                raise Problem(404, "no-such-member", "There is no such member.")
            if not placed["may_wait"]:
                raise Problem(
                    409,
                    "not-active",
                    "Only active members wait on books; the office has to change the member's `status` first.",
                )
            if placed["id"] is None:
                raise Problem(404, "no-such-book", "There is no such book, or it is closed.")
            return await _changed(connection, placed["id"], RegistrationAction.REGISTER)
    except IntegrityError:
        raise Problem(409, "already-registered", "The member has a place on this book already.") from None


async def own_registrations(
    runtime: Runtime, caller: Caller, member_id: int, *, before: str | None, limit: int
) -> Page[OwnRegistration]:
    """The member's registrations, newest first, with position and estimated wait."""
    since = (runtime.now() - rules.RECENT).isoformat().encode()
    parameters = (b"%d" % member_id, since, b"%d" % read_before(before), b"%d" % (limit + 1))
    rows = await read_list(runtime, caller, repository.OF_MEMBER, parameters)
    return page_of(OwnRegistration, [_with_wait(row) for row in rows], limit, lambda item: encode("", item.id))


def _with_wait(row: dict[str, object]) -> dict[str, object]:
    position, recent = row["position"], row["recent_dispatches"]
    if not isinstance(position, int) or not isinstance(recent, int):
        return {**row, "weeks_to_wait": None, "confidence": None}
    estimate = rules.wait_estimate(position, recent)
    return {**row, "weeks_to_wait": estimate.weeks, "confidence": estimate.confidence}


async def queue(runtime: Runtime, caller: Caller, book_id: int, *, after: str | None, limit: int) -> Page[QueueItem]:
    """Who waits on a book, longest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.queue(connection, book_id, after=_read_apn(after), limit=limit + 1)
    return page_of(QueueItem, rows, limit, lambda item: encode(item.apn, item.id))


def _read_apn(cursor: str | None) -> Decimal:
    try:
        number = Decimal(0 if cursor is None else read_text_id(cursor)[0])
    except InvalidOperation:
        raise invalid_cursor() from None
    if not number.is_finite():
        raise invalid_cursor()
    return number


async def history(
    runtime: Runtime, caller: Caller, registration_id: int, *, before: str | None, limit: int
) -> Page[ActivityItem]:
    """What happened to a registration, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        if await repository.find(connection, registration_id) is None:
            raise no_such_registration()
        rows = await repository.history(connection, registration_id, before=read_before(before), limit=limit + 1)
    return page_of(ActivityItem, rows, limit, lambda item: encode("", item.id))


async def enforcement_preview(runtime: Runtime, caller: Caller) -> EnforcementPreview:
    """What the night would do if it were now."""
    async with caller.transaction(runtime.databases) as connection:
        return EnforcementPreview.model_validate(await enforcement.preview(connection, runtime.now()))


async def re_sign(
    runtime: Runtime, caller: Caller, registration_id: int, member_id: int | None = None
) -> RegistrationItem:
    """Sign again for another 30 days; with `member_id` only for that member's own registration."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.re_sign(connection, registration_id, member_id, runtime.now())
        return await _outcome(connection, registration_id, member_id, row, RegistrationAction.RE_SIGN)


async def resign(
    runtime: Runtime, caller: Caller, registration_id: int, member_id: int | None = None
) -> RegistrationItem:
    """Give up the place."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.resign(connection, registration_id, member_id)
        return await _outcome(connection, registration_id, member_id, row, RegistrationAction.RESIGN)


async def roll_off(runtime: Runtime, caller: Caller, registration_id: int, order: RollOffRequest) -> RegistrationItem:
    """Take the place away."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.roll_off(connection, [registration_id], order.reason)
        row = rows[0] if rows else None
        return await _outcome(
            connection, registration_id, None, row, RegistrationAction.ROLL_OFF, reason=order.reason.value
        )


async def exempt(runtime: Runtime, caller: Caller, registration_id: int, order: ExemptionRequest) -> RegistrationItem:
    """Keep the place without re-signing for a while.

    Raises Problem 422 for a day that has passed.
    """
    today = _today(runtime)
    if order.until is not None and order.until < today:
        raise Problem(422, "exemption-in-the-past", "`until` must be today or later.")
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.exempt(connection, registration_id, order.reason, today, order.until)
        return await _outcome(
            connection, registration_id, None, row, RegistrationAction.EXEMPT_START, reason=order.reason.value
        )


async def end_exemption(runtime: Runtime, caller: Caller, registration_id: int) -> RegistrationItem:
    """Back to waiting, with seven days at least to re-sign."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.end_exemptions(
            connection, [registration_id], now=runtime.now(), today=_today(runtime), only_over=False
        )
        return await _outcome(
            connection, registration_id, None, rows[0] if rows else None, RegistrationAction.EXEMPT_END
        )


async def check_mark(runtime: Runtime, caller: Caller, registration_id: int) -> RegistrationItem:
    """A check mark for one registration, once a day; the third rolls off.

    Raises Problem 404, 409 (it does not wait, or was marked today).
    """
    async with caller.transaction(runtime.databases) as connection:
        registration = await repository.find(connection, registration_id)
        if registration is None:
            raise no_such_registration()
        marked = await repository.check_marks(
            connection, [registration["book_id"]], today=_today(runtime), registration_id=registration_id
        )
        if not marked:
            raise not_waiting()
        await repository.add_check_marks(connection, marked)
        row = await repository.find(connection, registration_id)
    return RegistrationItem.model_validate(dict(row or {}))


def _today(runtime: Runtime) -> date:
    return rules.local(runtime.now()).date()


async def _outcome(
    connection: AsyncConnection,
    registration_id: int,
    member_id: int | None,
    row: RowMapping | None,
    action: RegistrationAction,
    *,
    reason: str | None = None,
) -> RegistrationItem:
    if row is not None:
        return await _changed(connection, registration_id, action, reason)
    registration = await repository.find(connection, registration_id)
    if registration is None or (member_id is not None and registration["member_id"] != member_id):
        raise no_such_registration()
    raise not_waiting()


async def _changed(
    connection: AsyncConnection, registration_id: int, action: RegistrationAction, reason: str | None = None
) -> RegistrationItem:
    row = await repository.find(connection, registration_id)
    if row is None:
        raise no_such_registration()
    await repository.add_activities(connection, [row], action, reason)
    return RegistrationItem.model_validate(dict(row))
