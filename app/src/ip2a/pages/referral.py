"""The referral for people: a member's own places, jobs and bids, and the morning dispatch of the office."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query
from starlette.responses import RedirectResponse, Response

from ip2a.audit.service import record_read
from ip2a.bids import service as bids
from ip2a.dispatches import service as dispatches
from ip2a.dispatches.models import DispatchStatus, ReRegistration
from ip2a.dispatches.schemas import DispatchOfMember, RejectionOrder
from ip2a.labor_requests import service as labor_requests
from ip2a.labor_requests.models import StatedReason
from ip2a.labor_requests.schemas import NoCheckMarkOrder
from ip2a.pages.records.areas import REFERRAL
from ip2a.pages.rendering import render
from ip2a.pages.session import Visit, VisitDependency
from ip2a.referrals import rules
from ip2a.referrals import service as referrals
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller, RuntimeDependency, own_member
from ip2a.web.keyset import MAXIMUM_LIMIT, Cursor, Identifier, PathId, encode
from ip2a.web.problems import Problem

router = APIRouter(include_in_schema=False)
SAID_OF_NOBODY = {
    "nobody-eligible": "Nobody who could be sent waits for this request.",
    "bidding-open": f"Bids are still taken; they are processed by day, from {rules.BIDDING_CLOSES:%H:%M} on.",
    "asked-by-name": "The employer asked for a member by name: send them by name, on the request's page.",
}
"""Why nobody was sent, by the kind of the refusal; the clerk goes on with the next request."""

SHOWN = 50
OWN = "/my/referrals"
MORNING = "/office/dispatch"

Dispatching = Callable[[Runtime, Caller, int], Awaitable[list[DispatchOfMember]]]


@router.get(OWN)
async def my_referrals(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Places on books, open jobs, bids and dispatches of a member."""
    caller = visit.caller
    member_id = await own_member(caller)
    sent = await dispatches.own_dispatches(runtime, caller, member_id, before=None, limit=SHOWN)
    values = {
        "registrations": await referrals.own_registrations(runtime, caller, member_id, before=None, limit=SHOWN),
        "jobs": await labor_requests.open_jobs(runtime, caller, member_id, before=None, limit=SHOWN),
        "bids": await bids.own_bids(runtime, caller, member_id, before=None, limit=SHOWN),
        "dispatches": sent,
        "to_re_register": [item for item in sent.items if item.re_registration is ReRegistration.AWAITED],
        "books": await referrals.books(runtime, caller),
        "bidding_open": rules.bidding_is_open(runtime.now()),
    }
    return _page(runtime, visit, "referrals.html", {**values, "active": "referrals"})


@router.post(f"{OWN}/registrations")
async def register(
    runtime: RuntimeDependency, visit: VisitDependency, book_id: Annotated[Identifier, Form()]
) -> Response:
    """Take a place on a book."""
    await referrals.register(runtime, visit.caller, member_id=await own_member(visit.caller), book_id=book_id)
    return RedirectResponse(OWN, 303)


@router.post(OWN + "/registrations/{registration_id}/re-sign")
async def re_sign(registration_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Sign again."""
    await referrals.re_sign(runtime, visit.caller, registration_id, await own_member(visit.caller))
    return RedirectResponse(OWN, 303)


@router.post(OWN + "/registrations/{registration_id}/resign")
async def resign(registration_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Give a place up."""
    await referrals.resign(runtime, visit.caller, registration_id, await own_member(visit.caller))
    return RedirectResponse(OWN, 303)


@router.get(OWN + "/dispatches/{dispatch_id}/turn-down")
async def turning_down(dispatch_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """What turning a job down costs, before it is done."""
    caller, member_id = visit.caller, await own_member(visit.caller)
    before = encode("", dispatch_id + 1)  # the list's own position behind this one
    sent = await dispatches.own_dispatches(runtime, caller, member_id, before=before, limit=1)
    job = next((item for item in sent.items if item.id == dispatch_id), None)
    if job is None or job.status is not DispatchStatus.DISPATCHED:
        raise Problem(404, "no-such-dispatch", "There is no job of yours that can be turned down here.")
    return _page(runtime, visit, "turn_down.html", {"job": job, "active": "referrals"})


@router.post(OWN + "/dispatches/{dispatch_id}/turn-down")
async def turn_down(
    dispatch_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Turn a job down that was given."""
    order = RejectionOrder(reason=reason.strip() or None)
    await dispatches.turn_down(runtime, visit.caller, await own_member(visit.caller), dispatch_id, order)
    return RedirectResponse(OWN, 303)


@router.post(OWN + "/jobs/{request_id}/bid")
async def bid(request_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Bid for a job."""
    await bids.place(runtime, visit.caller, await own_member(visit.caller), request_id)
    return RedirectResponse(OWN, 303)


@router.post(OWN + "/bids/{bid_id}/withdraw")
async def withdraw(bid_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Take a bid back."""
    await bids.withdraw(runtime, visit.caller, await own_member(visit.caller), bid_id)
    return RedirectResponse(OWN, 303)


@router.get(MORNING)
async def morning(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    said: Annotated[str, Query(max_length=200)] = "",
    after: Cursor = None,
) -> Response:
    """The requests to be called today, book after book, and who was sent."""
    caller = _dispatcher(visit)
    await record_read(runtime, caller, "dispatches")
    called = await labor_requests.morning(runtime, caller, after=after, limit=MAXIMUM_LIMIT)
    values = {
        "requests": called.items,
        "more": called.next,
        "sent": await dispatches.page(runtime, caller, status=DispatchStatus.DISPATCHED, before=None, limit=SHOWN),
        "to_re_register": await dispatches.page(
            runtime, caller, re_registration=ReRegistration.AWAITED, before=None, limit=SHOWN
        ),
        "reasons": list(StatedReason),
        "tabs": [tab for tab in REFERRAL if caller.may(tab.needs)],
        "may_enter": caller.may("referrals:create"),
        "said": said,
    }
    return _page(runtime, visit, "dispatch.html", {**values, "active": "dispatch"})


@router.post(MORNING + "/{request_id}/next")
async def dispatch_next(request_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Send who is next on the book."""
    return await _dispatch(runtime, visit, request_id, dispatches.dispatch_next)


@router.post(MORNING + "/{request_id}/bids")
async def process_bids(request_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Send the bidders who have waited longest."""
    return await _dispatch(runtime, visit, request_id, dispatches.process_bids)


@router.post(MORNING + "/{request_id}/check-marks")
async def check_marks(request_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The call did not fill the request."""
    result = await labor_requests.give_check_marks(runtime, _dispatcher(visit), request_id)
    return RedirectResponse(f"{MORNING}?said={result.marked}+check+marks,+{result.rolled_off}+rolled+off", 303)


@router.post(MORNING + "/{request_id}/no-check-mark")
async def set_no_check_mark(
    request_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    reason: Annotated[StatedReason | Literal[""], Form()] = "",
) -> Response:
    """Say why not taking the job costs no check mark, or that it does."""
    order = NoCheckMarkOrder(reason=reason or None)
    await labor_requests.set_no_check_mark(runtime, _dispatcher(visit), request_id, order)
    return RedirectResponse(MORNING, 303)


@router.post(MORNING + "/check-marks")
async def morning_check_marks(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The morning is over: marks on every book with a request that was not filled."""
    books = await labor_requests.give_morning_check_marks(runtime, _dispatcher(visit))
    marked, rolled = sum(book.marked for book in books), sum(book.rolled_off for book in books)
    said = f"{marked} check marks on {len(books)} books, {rolled} rolled off"
    return RedirectResponse(f"{MORNING}?{urlencode({'said': said})}", 303)


@router.post(MORNING + "/dispatches/{dispatch_id}/check-in")
async def check_in(dispatch_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The employer says that the member came."""
    await dispatches.check_in(runtime, _dispatcher(visit), dispatch_id)
    return RedirectResponse(MORNING, 303)


async def _dispatch(runtime: Runtime, visit: Visit, request_id: int, how: Dispatching) -> Response:
    caller = _dispatcher(visit)
    try:
        sent = await how(runtime, caller, request_id)
    except Problem as problem:
        if problem.kind not in SAID_OF_NOBODY:
            raise
        return RedirectResponse(f"{MORNING}?{urlencode({'said': SAID_OF_NOBODY[problem.kind]})}", 303)
    return RedirectResponse(f"{MORNING}?said={len(sent)}+dispatched.", 303)


def _dispatcher(visit: Visit) -> Caller:
    if not visit.caller.may("referrals:dispatch"):
        raise Problem(403, "not-permitted", "This needs the permission referrals:dispatch.")
    return visit.caller


def _page(runtime: Runtime, visit: Visit, template: str, values: dict[str, object]) -> Response:
    frame = {"account": visit.caller.principal, "csrf_token": visit.csrf_token}
    return visit.keep(render(template, {**values, **frame}), secure=runtime.settings.in_production)
