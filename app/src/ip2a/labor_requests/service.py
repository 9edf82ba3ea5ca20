"""Taking labor requests, listing them, and what an unfilled one costs those who wait."""

from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.dispatches.withdrawal import withdraw_of_request
from ip2a.labor_requests import repository
from ip2a.labor_requests.models import WANTING, NoCheckMarkReason, RequestStatus, StatedReason
from ip2a.labor_requests.schemas import (
    BookCheckMarks,
    CheckMarksResult,
    LaborRequestItem,
    LaborRequestOrder,
    NoCheckMarkOrder,
)
from ip2a.referrals import repository as registrations
from ip2a.referrals import rules
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import MAXIMUM_IDENTIFIER, Page, encode, page_of, read_before, read_text_id
from ip2a.web.lists import read_list
from ip2a.web.problems import Problem


def no_such_request() -> Problem:
    """There is no such labor request."""
    return Problem(404, "no-such-request", "There is no such labor request.")


async def create(runtime: Runtime, caller: Caller, order: LaborRequestOrder) -> LaborRequestItem:
    """Take a request; it is called on the next business morning, or the one after if it came past 15:00.

    Raises Problem 422 (starts in the past; more than one by name; no such employer, book or member).
    """
    now = runtime.now()
    today = rules.local(now).date()
    if order.foreperson_member_id is not None and order.workers_requested > 1:
        raise Problem(
            422,
            "one-by-name",
            "`workers_requested` must be 1 with `foreperson_member_id`; ask for the others by a request of their own.",
        )
    if order.start_date < today:
        raise Problem(422, "starts-in-the-past", "`start_date` must be today or later.")
    reason = rules.no_check_mark_reason(
        _reason(order.no_check_mark_reason), order.start_time, is_short_call=order.short_call_days is not None
    )
    values = order.model_dump() | {
        "now": now,
        "today": today,
        "referral_day": rules.referral_day(now),
        "agreement_type": order.agreement_type.value,
        "no_check_mark_reason": reason.value if reason else None,
    }
    try:
        async with caller.transaction(runtime.databases) as connection:
            row = await repository.find(connection, await repository.insert(connection, values))
    except IntegrityError as error:
        names = ("employer_id", "book_id", "foreperson_member_id")
        field = next((name for name in names if f"fk_labor_requests_{name}" in str(error.orig)), "a field")
        raise Problem(422, "no-such-reference", f"`{field}` names nothing that exists.") from None
    if row is None:
        raise no_such_request()
    return LaborRequestItem.model_validate(dict(row))


async def find(runtime: Runtime, caller: Caller, request_id: int) -> LaborRequestItem:
    """One request; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.find(connection, request_id)
    if row is None:
        raise no_such_request()
    return LaborRequestItem.model_validate(dict(row))


async def page(
    runtime: Runtime, caller: Caller, status: RequestStatus | None, *, before: str | None, limit: int
) -> Page[LaborRequestItem]:
    """Requests, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(
            connection, status.value if status else None, before=read_before(before), limit=limit + 1
        )
    return page_of(LaborRequestItem, rows, limit, lambda item: encode("", item.id))


async def morning(runtime: Runtime, caller: Caller, *, after: str | None, limit: int) -> Page[LaborRequestItem]:
    """What is to be called today, book after book."""
    position = None if after is None else min(read_text_id(after)[1], MAXIMUM_IDENTIFIER)
    today = rules.local(runtime.now()).date()
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.morning(connection, today, after=position, limit=limit + 1)
    return page_of(LaborRequestItem, rows, limit, lambda item: encode("", item.id))


async def open_jobs(
    runtime: Runtime, caller: Caller, member_id: int, *, before: str | None, limit: int
) -> Page[LaborRequestItem]:
    """Jobs of the books a member waits on, newest first."""
    today = rules.local(runtime.now()).date().isoformat().encode()
    parameters = (b"%d" % member_id, today, b"%d" % read_before(before), b"%d" % (limit + 1))
    rows = await read_list(runtime, caller, repository.OPEN_FOR_MEMBER, parameters)
    return page_of(LaborRequestItem, rows, limit, lambda item: encode("", item.id))


async def cancel(runtime: Runtime, caller: Caller, request_id: int) -> LaborRequestItem:
    """Want nobody any more: who was sent and did not check in yet gets the place back at no cost; who is at work stays.

    Raises Problem 404, 409 (it is over, or everybody sent is at work).
    """
    async with caller.transaction(runtime.databases) as connection:
        cancelled = await repository.cancel(connection, request_id)
        if cancelled:
            await withdraw_of_request(connection, request_id, runtime.now())
        row = await repository.find(connection, request_id)
    if row is None:
        raise no_such_request()
    if not cancelled:
        raise Problem(409, "request-over", f"The request is {row['status']}.")
    return LaborRequestItem.model_validate(dict(row))


async def set_no_check_mark(
    runtime: Runtime, caller: Caller, request_id: int, order: NoCheckMarkOrder
) -> LaborRequestItem:
    """Say why not taking the job costs no check mark, or that it does; a short call or an early start never does.

    Raises Problem 404, 409 (the request is over).
    """
    async with caller.transaction(runtime.databases) as connection:
        request = await _wanting(connection, request_id)
        reason = rules.no_check_mark_reason(
            _reason(order.reason), request["start_time"], is_short_call=request["is_short_call"]
        )
        await repository.set_no_check_mark(connection, request_id, reason)
        row = await repository.find(connection, request_id)
    return LaborRequestItem.model_validate(dict(row or {}))


def _reason(stated: StatedReason | None) -> NoCheckMarkReason | None:
    return None if stated is None else NoCheckMarkReason(stated.value)


async def give_check_marks(runtime: Runtime, caller: Caller, request_id: int) -> CheckMarksResult:
    """After a call that did not fill the request: a check mark for everyone who waits on its book.

    Raises Problem 404, 409 (the request is over, or costs no check mark).
    """
    async with caller.transaction(runtime.databases) as connection:
        request = await _wanting(connection, request_id)
        if request["no_check_mark_reason"] is not None:
            raise Problem(409, "no-check-mark", f"This request costs no check mark: {request['no_check_mark_reason']}.")
        if request["foreperson_member_id"] is not None:
            raise Problem(409, "no-check-mark", "The employer asked for somebody by name: nobody else could take it.")
        await registrations.lock_book(connection, request["book_id"])
        marked = await _mark(connection, [request["book_id"]], runtime)
    return CheckMarksResult(marked=len(marked), rolled_off=sum(row["status"] == "rolled_off" for row in marked))


async def give_morning_check_marks(runtime: Runtime, caller: Caller) -> list[BookCheckMarks]:
    """A check mark for everyone on each book that was called today and has a request that was not filled and costs
    one; repeated on the same day it marks nobody again.
    """
    now = rules.local(runtime.now())
    async with caller.transaction(runtime.databases) as connection:
        books = await registrations.lock_unfilled_books(connection, day=now.date(), clock=now.time())
        marked = await _mark(connection, [book["id"] for book in books], runtime)
    return [
        BookCheckMarks(
            book_id=book["id"],
            book_code=book["code"],
            book_name=book["name"],
            region=book["region"],
            marked=sum(row["book_id"] == book["id"] for row in marked),
            rolled_off=sum(row["book_id"] == book["id"] and row["status"] == "rolled_off" for row in marked),
        )
        for book in books
    ]


async def _wanting(connection: AsyncConnection, request_id: int) -> RowMapping:
    """The request, locked. Raises Problem 404, 409 (the request is over)."""
    request = await repository.lock(connection, request_id)
    if request is None:
        raise no_such_request()
    if request["status"] not in WANTING:
        raise Problem(409, "request-over", f"The request is {request['status']}.")
    return request


async def _mark(connection: AsyncConnection, books: list[int], runtime: Runtime) -> list[RowMapping]:
    """Whom the check marks of these books hit, with `book_id` and `status` behind them; their histories say so."""
    marked = await registrations.check_marks(connection, books, today=rules.local(runtime.now()).date())
    await registrations.add_check_marks(connection, marked)
    return marked
