"""Placing and withdrawing bids: from 17:30 to 07:00, one live bid a member and job."""

from sqlalchemy.exc import IntegrityError

from ip2a.bids import repository
from ip2a.bids.schemas import BidItem, BidOfRequest
from ip2a.labor_requests import repository as labor_requests
from ip2a.labor_requests.service import no_such_request
from ip2a.referrals import rules
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before, read_text_id
from ip2a.web.problems import Problem


async def place(runtime: Runtime, caller: Caller, member_id: int, request_id: int) -> BidItem:
    """Bid for a job.

    Raises Problem 404 (no such job), 409 (bidding closed, member suspended, a live bid exists, or the job or the
    member's registration does not allow it).
    """
    now = runtime.now()
    if not rules.bidding_is_open(now):
        opens = rules.bidding_opens_next(now)
        raise Problem(409, "bidding-closed", f"Bids are taken from 17:30 to 07:00; bidding opens at {opens:%H:%M}.")
    try:
        async with caller.transaction(runtime.databases) as connection:
            turned_down = await repository.rejections(connection, member_id, repository.suspension_horizon(now))
            until = rules.bidding_suspended_until(turned_down, now)
            if until is not None:
                raise Problem(
                    409,
                    "bidding-suspended",
                    "Two jobs were turned down within a year;"
                    f" bidding is possible again on {rules.local(until):%Y-%m-%d}.",
                )
            bid_id = await repository.place(
                connection, request_id=request_id, member_id=member_id, now=now, today=rules.local(now).date()
            )
            if bid_id is None:
                if await labor_requests.find(connection, request_id) is None:
                    raise no_such_request()
                raise Problem(
                    409,
                    "not-biddable",
                    "This job takes no bids now, or you do not wait on its book, or you have a job.",
                )
            row = await repository.find(connection, bid_id)
    except IntegrityError:
        raise Problem(409, "already-bid", "You have a live bid for this job already.") from None
    return BidItem.model_validate(dict(row or {}))


async def own_bids(
    runtime: Runtime, caller: Caller, member_id: int, *, before: str | None, limit: int
) -> Page[BidItem]:
    """A member's bids, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.of_member(connection, member_id, before=read_before(before), limit=limit + 1)
    return page_of(BidItem, rows, limit, lambda item: encode("", item.id))


async def withdraw(runtime: Runtime, caller: Caller, member_id: int, bid_id: int) -> BidItem:
    """Take a bid back while it is pending.

    Raises Problem 404, 409 (it is not pending any more).
    """
    async with caller.transaction(runtime.databases) as connection:
        withdrawn = await repository.withdraw(connection, bid_id, member_id, runtime.now())
        row = await repository.find(connection, bid_id)
    if row is None or row["member_id"] != member_id:
        raise Problem(404, "no-such-bid", "There is no such bid.")
    if not withdrawn:
        raise Problem(409, "bid-not-pending", f"The bid is {row['status']}.")
    return BidItem.model_validate(dict(row))


async def of_request(
    runtime: Runtime, caller: Caller, request_id: int, *, after: str | None, limit: int
) -> Page[BidOfRequest]:
    """The bids for a job, first come first."""
    position = 0 if after is None else read_text_id(after)[1]
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.of_request(connection, request_id, after=position, limit=limit + 1)
    return page_of(BidOfRequest, rows, limit, lambda item: encode("", item.id))
