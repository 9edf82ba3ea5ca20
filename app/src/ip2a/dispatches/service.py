"""Dispatching: one transaction a decision. The request is locked first, then its dispatches, then places."""

from collections.abc import Awaitable, Callable

from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.bids import repository as bids
from ip2a.dispatches import repository, withdrawal
from ip2a.dispatches.models import LIVE, DispatchMethod, DispatchStatus, ReRegistration, TermReason
from ip2a.dispatches.schemas import ByNameOrder, DispatchItem, DispatchOfMember, RejectionOrder, TerminationOrder
from ip2a.labor_requests import repository as labor_requests
from ip2a.labor_requests.models import WANTING
from ip2a.labor_requests.service import no_such_request
from ip2a.referrals import repository as registrations
from ip2a.referrals import rules
from ip2a.referrals.models import RegistrationAction, RollOffReason
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before
from ip2a.web.lists import read_list
from ip2a.web.problems import Problem

ATTEMPTS = 5
"""Another run may dispatch a chosen member by another book between our look and our insert; then we look again."""

Choose = Callable[[AsyncConnection, RowMapping], Awaitable[list[RowMapping]]]


async def dispatch_next(runtime: Runtime, caller: Caller, request_id: int) -> list[DispatchOfMember]:
    """Send the next eligible member of the request's book.

    Raises Problem 404, 409 (the request wants nobody any more or asks for somebody by name, or nobody is eligible).
    """
    today = rules.local(runtime.now()).date()

    async def choose(connection: AsyncConnection, request: RowMapping) -> list[RowMapping]:
        _refuse_by_name(request)
        return await repository.next_in_queue(connection, request, today)

    return await _dispatch(runtime, caller, request_id, DispatchMethod.MORNING_REFERRAL, choose)


async def process_bids(runtime: Runtime, caller: Caller, request_id: int) -> list[DispatchOfMember]:
    """Send the bidders who have waited longest, as many as are wanted; the others' bids are rejected once the
    request is filled.

    Raises Problem 404, 409 (bids are still taken, the request wants nobody any more or asks for somebody by name, or no
    bid can be taken).
    """
    now = runtime.now()
    if rules.bidding_is_open(now):
        closes = rules.BIDDING_CLOSES
        raise Problem(409, "bidding-open", f"Bids are still taken; process them by day, from {closes:%H:%M} on.")

    async def choose(connection: AsyncConnection, request: RowMapping) -> list[RowMapping]:
        _refuse_by_name(request)
        chosen = await repository.best_bids(connection, request, rules.local(now).date())
        await bids.settle(
            connection,
            request["id"],
            [row["bid_id"] for row in chosen],
            now=now,
            reject_others=len(chosen) == request["wanted"],
        )
        return chosen

    return await _dispatch(runtime, caller, request_id, DispatchMethod.INTERNET_BID, choose)


async def dispatch_by_name(
    runtime: Runtime, caller: Caller, request_id: int, order: ByNameOrder
) -> list[DispatchOfMember]:
    """Send the foreperson the employer asked for by name.

    Raises Problem 404, 409 (not asked for by name, not registered, restricted towards the employer).
    """
    today = rules.local(runtime.now()).date()

    async def choose(connection: AsyncConnection, request: RowMapping) -> list[RowMapping]:
        if request["foreperson_member_id"] != order.member_id:
            raise Problem(409, "not-by-name", "The employer did not ask for this member by name.")
        return await repository.next_in_queue(connection, request, today, order.member_id)

    return await _dispatch(runtime, caller, request_id, DispatchMethod.BY_NAME, choose)


def _refuse_by_name(request: RowMapping) -> None:
    """Nobody else may take a request by name. Raises Problem 409."""
    if request["foreperson_member_id"] is not None:
        raise Problem(
            409,
            "asked-by-name",
            f"The employer asked for member {request['foreperson_member_id']} by name: dispatch them by name"
            f" (`POST /api/v1/referrals/requests/{request['id']}/dispatch-by-name`), or cancel the request.",
        )


async def _dispatch(
    runtime: Runtime, caller: Caller, request_id: int, method: DispatchMethod, choose: Choose
) -> list[DispatchOfMember]:
    for _ in range(ATTEMPTS):
        try:
            async with caller.transaction(runtime.databases) as connection:
                return await _dispatch_once(runtime, connection, request_id, method, choose)
        except IntegrityError as error:
            if "uq_dispatches_live_member" not in str(error.orig):
                raise
    raise Problem(
        409, "dispatch-contended", "Other dispatches took the chosen members; repeat.", headers={"Retry-After": "1"}
    )


async def _dispatch_once(
    runtime: Runtime, connection: AsyncConnection, request_id: int, method: DispatchMethod, choose: Choose
) -> list[DispatchOfMember]:
    now = runtime.now()
    request = await labor_requests.lock(connection, request_id)
    if request is None:
        raise no_such_request()
    if request["status"] not in WANTING:
        raise Problem(409, "request-over", f"The request is {request['status']}; it wants nobody.")
    chosen = await choose(connection, request)
    if not chosen:
        raise Problem(409, "nobody-eligible", "Nobody who could be sent waits for this request.")
    ids = await repository.insert(
        connection,
        request,
        chosen,
        method=method,
        now=now,
        check_in_deadline=rules.check_in_deadline(request["start_date"], now),
    )
    await registrations.add_activities(connection, chosen, RegistrationAction.DISPATCH, method.value)
    return [DispatchOfMember.model_validate(dict(row)) for row in await repository.some(connection, ids)]


async def page(
    runtime: Runtime,
    caller: Caller,
    *,
    status: DispatchStatus | None = None,
    re_registration: ReRegistration | None = None,
    before: str | None,
    limit: int,
) -> Page[DispatchOfMember]:
    """Dispatches, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(
            connection, status=status, re_registration=re_registration, before=read_before(before), limit=limit + 1
        )
    return page_of(DispatchOfMember, rows, limit, lambda item: encode("", item.id))


async def own_dispatches(
    runtime: Runtime, caller: Caller, member_id: int, *, before: str | None, limit: int
) -> Page[DispatchItem]:
    """A member's dispatches, newest first."""
    parameters = (b"%d" % member_id, b"%d" % read_before(before), b"%d" % (limit + 1))
    rows = await read_list(runtime, caller, repository.OF_MEMBER, parameters)
    return page_of(DispatchItem, rows, limit, lambda item: encode("", item.id))


async def check_in(runtime: Runtime, caller: Caller, dispatch_id: int) -> DispatchOfMember:
    """The employer says that the member came.

    Raises Problem 404, 409 (not waiting for a check-in).
    """
    async with caller.transaction(runtime.databases) as connection:
        await _locked(connection, dispatch_id, (DispatchStatus.DISPATCHED,))
        await repository.check_in(connection, dispatch_id, runtime.now())
        return await _one(connection, dispatch_id)


async def terminate(runtime: Runtime, caller: Caller, dispatch_id: int, order: TerminationOrder) -> DispatchOfMember:
    """A job ended: a short call gives the place back, a quit or discharge takes every place away, and after some jobs
    the member has to register again.

    Raises Problem 404, 409 (not live), 422 (ended before it began).
    """
    async with caller.transaction(runtime.databases) as connection:
        dispatch = await _locked(connection, dispatch_id, LIVE)
        if order.ended_on < dispatch["start_date"]:
            raise Problem(422, "ended-before-start", f"`ended_on` must be {dispatch['start_date']} or later.")
        result = rules.ending(
            order.reason,
            is_short_call=dispatch["is_short_call"],
            days_worked=order.days_worked,
            restorations=dispatch["short_call_restorations"],
            ended_on=order.ended_on,
        )
        involuntary = order.reason in {TermReason.QUIT, TermReason.FIRED}
        await repository.end(
            connection,
            dispatch_id,
            DispatchStatus.TERMINATED if involuntary else DispatchStatus.COMPLETED,
            ended_on=order.ended_on,
            days_worked=order.days_worked,
            reason=order.reason,
            restricted_until=result.restricted_until,
            re_register_by=rules.re_register_by(
                order.reason,
                is_short_call=dispatch["is_short_call"],
                ended_on=order.ended_on,
                today=rules.local(runtime.now()).date(),
            ),
        )
        if result.roll_off is not None:
            await _roll_off_everywhere(connection, dispatch, result.roll_off)
        if result.restore:
            restored = await repository.restore(
                connection, [dispatch["registration_id"]], counts=result.counts, now=runtime.now()
            )
            await registrations.add_activities(connection, restored, RegistrationAction.RESTORE)
        return await _one(connection, dispatch_id)


async def find(runtime: Runtime, caller: Caller, dispatch_id: int) -> DispatchOfMember:
    """A dispatch with who was sent. Raises Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.some(connection, [dispatch_id])
    if not rows:
        raise _no_such_dispatch()
    return DispatchOfMember.model_validate(dict(rows[0]))


async def withdraw(runtime: Runtime, caller: Caller, dispatch_id: int) -> DispatchOfMember:
    """The employer does not want the member after all: the place is given back at no cost, the slot is free again.

    Raises Problem 404, 409 (the member checked in, or it is over).
    """
    async with caller.transaction(runtime.databases) as connection:
        await _locked(connection, dispatch_id, (DispatchStatus.DISPATCHED,))
        await withdrawal.withdraw(connection, [dispatch_id], runtime.now())
        return await _one(connection, dispatch_id)


async def turn_down(
    runtime: Runtime, caller: Caller, member_id: int, dispatch_id: int, order: RejectionOrder
) -> DispatchItem:
    """A member turns a job down after it was given: a quit. A second time within a year suspends from bidding.

    Raises Problem 404, 409 (begun, or over).
    """
    now = runtime.now()
    async with caller.transaction(runtime.databases) as connection:
        dispatch = await _locked(connection, dispatch_id, (DispatchStatus.DISPATCHED,), member_id)
        until = rules.local(now).date() + rules.EMPLOYER_RESTRICTION
        await repository.end(connection, dispatch_id, DispatchStatus.REJECTED, restricted_until=until)
        if dispatch["bid_id"] is not None:
            await bids.turn_down(connection, dispatch["bid_id"], order.reason, now)
        await _roll_off_everywhere(connection, dispatch, RollOffReason.BID_REJECT_QUIT)
        row = await repository.own(connection, dispatch_id, member_id)
    return DispatchItem.model_validate(dict(row or {}))


async def _roll_off_everywhere(connection: AsyncConnection, dispatch: RowMapping, reason: RollOffReason) -> None:
    rolled = await registrations.roll_off_everywhere(
        connection, dispatch["member_id"], reason, dispatched=dispatch["registration_id"]
    )
    await registrations.add_activities(connection, rolled, RegistrationAction.ROLL_OFF, reason.value)


async def _locked(
    connection: AsyncConnection,
    dispatch_id: int,
    wanted: tuple[DispatchStatus, ...],
    member_id: int | None = None,
) -> RowMapping:
    dispatch = await repository.lock(connection, dispatch_id, member_id)
    if dispatch is None:
        raise _no_such_dispatch()
    if dispatch["status"] not in wanted:
        raise Problem(409, "dispatch-over", f"The dispatch is {dispatch['status']}.")
    return dispatch


def _no_such_dispatch() -> Problem:
    return Problem(404, "no-such-dispatch", "There is no such dispatch.")


async def _one(connection: AsyncConnection, dispatch_id: int) -> DispatchOfMember:
    (row,) = await repository.some(connection, [dispatch_id])
    return DispatchOfMember.model_validate(dict(row))
