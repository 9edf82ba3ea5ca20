"""Keeping applications for help: plain records, no workflow; decisions need the permission to approve."""

from ip2a.benevolence import repository
from ip2a.benevolence.models import BenevolenceApplication, BenevolenceReview, BenevolenceStatus
from ip2a.benevolence.schemas import BenevolenceChange, BenevolenceItem, BenevolenceOrder, ReviewItem, ReviewOrder
from ip2a.records import service as records
from ip2a.records.search import names_of
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page
from ip2a.web.problems import Problem

DECISIONS = frozenset({BenevolenceStatus.APPROVED, BenevolenceStatus.DENIED, BenevolenceStatus.PAID})
APPLICATIONS = Kind(
    name="benevolence-application",
    model=BenevolenceApplication,
    item=BenevolenceItem,
    shown=repository.SHOWN,
    refused={
        "ck_benevolence_applications_requested": "`amount_requested_cents` must be more than 0.",
        "ck_benevolence_applications_approved": "`approved_cents` must be between 0 and what was requested.",
        "ck_benevolence_applications_paid": "`paid_on` goes with the status paid, and only with it.",
        "ck_benevolence_applications_decided": "`approved_cents` is needed for what is approved or paid.",
    },
)
REVIEWS = Kind(name="benevolence-review", model=BenevolenceReview, item=ReviewItem, shown=repository.REVIEWS_SHOWN)


async def applications(
    runtime: Runtime,
    caller: Caller,
    *,
    status: BenevolenceStatus | None,
    member_id: int | None,
    search: str = "",
    before: str | None,
    limit: int,
) -> Page[BenevolenceItem]:
    """Applications, newest first; each word of `search` begins a name or the number of the member."""
    names = names_of(search)
    conditions = [
        *([repository.of_members(names)] if names else []),
        *([BenevolenceApplication.status == status] if status is not None else []),
        *([BenevolenceApplication.member_id == member_id] if member_id is not None else []),
    ]
    return await records.page(runtime, caller, APPLICATIONS, conditions, before=before, limit=limit)


async def application(runtime: Runtime, caller: Caller, identifier: int) -> BenevolenceItem:
    """One application; Problem 404."""
    return await records.one(runtime, caller, APPLICATIONS, identifier)


async def apply(runtime: Runtime, caller: Caller, order: BenevolenceOrder) -> BenevolenceItem:
    """Take an application.

    Raises Problem 403, 422.
    """
    _check_decision(caller, order.status, order.approved_cents)
    return await records.add(runtime, caller, APPLICATIONS, order.model_dump())


async def change(runtime: Runtime, caller: Caller, identifier: int, change: BenevolenceChange) -> BenevolenceItem:
    """Change an application.

    Raises Problem 403 (deciding without the permission), 404, 409 (changed meanwhile), 422.
    """
    _check_decision(caller, change.status, change.approved_cents)
    return await records.change(runtime, caller, APPLICATIONS, identifier, change.model_dump(exclude_unset=True))


async def reviews(
    runtime: Runtime, caller: Caller, application_id: int, *, before: str | None, limit: int
) -> Page[ReviewItem]:
    """The reviews of an application, newest first; Problem 404."""
    of = (BenevolenceApplication, application_id)
    conditions = [BenevolenceReview.application_id == application_id]
    return await records.page(runtime, caller, REVIEWS, conditions, before=before, limit=limit, of=of)


async def add_review(runtime: Runtime, caller: Caller, application_id: int, order: ReviewOrder) -> ReviewItem:
    """Say what the caller thinks of an application; nobody reviews the own one.

    Raises Problem 403, 404, 422.
    """
    of = await records.read(runtime, caller, APPLICATIONS, application_id)
    if of.member_id == caller.principal.member_id:
        raise Problem(403, "own-application", "Nobody reviews an application of their own.")
    about = {"application_id": application_id, "member_id": of.member_id, "reviewer_id": caller.principal.user_id}
    return await records.add(runtime, caller, REVIEWS, order.model_dump() | about)


def _check_decision(caller: Caller, status: BenevolenceStatus | None, cents: int | None) -> None:
    if (status in DECISIONS or cents is not None) and not caller.may("benevolence:approve"):
        raise Problem(403, "not-permitted", "Deciding on help needs the permission benevolence:approve.")
