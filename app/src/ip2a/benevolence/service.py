"""Keeping applications for help: plain records; decisions need the permission to approve, help that is given needs
reviews. Members apply themselves.
"""

from dataclasses import replace

from ip2a.benevolence import repository, rules
from ip2a.benevolence.models import BenevolenceApplication, BenevolenceReview, BenevolenceStatus
from ip2a.benevolence.schemas import (
    BenevolenceChange,
    BenevolenceItem,
    BenevolenceOrder,
    OwnBenevolenceChange,
    OwnBenevolenceOrder,
    ReviewItem,
    ReviewOrder,
)
from ip2a.records import repository as rows
from ip2a.records import service as records
from ip2a.records.search import names_of
from ip2a.records.service import Kind
from ip2a.referrals.rules import local
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page
from ip2a.web.problems import Problem

GIVEN = frozenset({BenevolenceStatus.APPROVED, BenevolenceStatus.PAID})
DECISIONS = GIVEN | {BenevolenceStatus.DENIED}
NOT_HANDED_IN = frozenset({BenevolenceStatus.DRAFT, BenevolenceStatus.WITHDRAWN})
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
OWN = replace(APPLICATIONS, of_member=False)
"""The caller's own: reading them is not recorded."""
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

    Raises Problem 403, 409 (approved before anybody reviewed it), 422.
    """
    _check_decision(caller, order.status, order.approved_cents)
    if order.status in GIVEN:
        raise _reviews_missing(rules.reviews_needed(order.amount_requested_cents))
    return await records.add(runtime, caller, APPLICATIONS, order.model_dump())


async def change(runtime: Runtime, caller: Caller, identifier: int, change: BenevolenceChange) -> BenevolenceItem:
    """Change an application.

    Raises Problem 403 (deciding without the permission, or on the own one), 404, 409 (changed meanwhile; approved
    before enough levels have), 422.
    """
    _check_decision(caller, change.status, change.approved_cents)
    if change.status in GIVEN:
        await _check_reviews(runtime, caller, identifier, change.amount_requested_cents or 0)
    return await records.change(runtime, caller, APPLICATIONS, identifier, change.model_dump(exclude_unset=True))


async def _check_reviews(runtime: Runtime, caller: Caller, identifier: int, changed_cents: int) -> None:
    """The larger amount counts, so that nobody asks for less only to need fewer."""
    async with caller.transaction(runtime.databases) as connection:
        of = await repository.lock(connection, identifier)
        if of is None:
            raise APPLICATIONS.missing()
        given = await repository.reviews(connection, identifier)
    _check_not_own(caller, of["member_id"])
    missing = rules.reviews_missing(max(of["amount_requested_cents"], changed_cents), given)
    if missing:
        raise _reviews_missing(missing)


def _reviews_missing(number: int) -> Problem:
    levels = "level has" if number == 1 else "levels have"
    return Problem(409, "reviews-missing", f"`status`: {number} more {levels} to approve first, each by somebody else.")


def _check_not_own(caller: Caller, member_id: int) -> None:
    if member_id == caller.principal.member_id:
        raise Problem(403, "own-application", "Nobody reviews or decides on an application of their own.")


async def reviews(
    runtime: Runtime, caller: Caller, application_id: int, *, before: str | None, limit: int
) -> Page[ReviewItem]:
    """The reviews of an application, newest first; Problem 404."""
    of = (BenevolenceApplication, application_id)
    conditions = [BenevolenceReview.application_id == application_id]
    return await records.page(runtime, caller, REVIEWS, conditions, before=before, limit=limit, of=of)


async def add_review(runtime: Runtime, caller: Caller, application_id: int, order: ReviewOrder) -> ReviewItem:
    """Say what the caller thinks of an application, at one level; nobody reviews the own one.

    Raises Problem 403, 404, 409 (not handed in; the caller speaks at another level).
    """
    user_id = caller.principal.user_id
    async with caller.transaction(runtime.databases) as connection:
        of = await repository.lock(connection, application_id)
        if of is None:
            raise APPLICATIONS.missing()
        _check_not_own(caller, of["member_id"])
        if of["status"] in NOT_HANDED_IN:
            raise Problem(409, "not-handed-in", f"The application is {of['status'].value}: there is nothing to review.")
        level = rules.level_of(user_id, await repository.reviews(connection, application_id))
        if level not in {None, order.level}:
            raise Problem(409, "another-level", f"`level` must be {level}, as before: each level is somebody else.")
        about = {"application_id": application_id, "member_id": of["member_id"], "reviewer_id": user_id}
        identifier = await rows.add(connection, BenevolenceReview, order.model_dump() | about)
        row = await rows.find(connection, REVIEWS.shown, BenevolenceReview, identifier)
    return ReviewItem.model_validate(dict(row or {}))


async def own_applications(
    runtime: Runtime, caller: Caller, member_id: int, *, before: str | None, limit: int
) -> Page[BenevolenceItem]:
    """A member's own applications, newest first."""
    conditions = [BenevolenceApplication.member_id == member_id]
    return await records.page(runtime, caller, OWN, conditions, before=before, limit=limit)


async def own_application(runtime: Runtime, caller: Caller, member_id: int, identifier: int) -> BenevolenceItem:
    """A member's own application; Problem 404."""
    item = await records.read(runtime, caller, OWN, identifier)
    if item.member_id != member_id:
        raise OWN.missing()
    return item


async def apply_myself(runtime: Runtime, caller: Caller, member_id: int, order: OwnBenevolenceOrder) -> BenevolenceItem:
    """Ask for help for oneself, or begin a draft."""
    about = {"member_id": member_id, "applied_on": local(runtime.now()).date()}
    return await records.add(runtime, caller, OWN, order.model_dump() | about)


async def change_own(
    runtime: Runtime, caller: Caller, member_id: int, identifier: int, change: OwnBenevolenceChange
) -> BenevolenceItem:
    """Change a draft of one's own, or hand it in.

    Raises Problem 404, 409 (handed in already; changed meanwhile), 422.
    """
    async with caller.transaction(runtime.databases) as connection:
        status = await repository.own_status(connection, identifier, member_id)
    if status is None:
        raise OWN.missing()
    if status is not BenevolenceStatus.DRAFT:
        raise Problem(409, "handed-in", f"The application is {status.value}: only drafts are changed.")
    values = change.model_dump(exclude_unset=True)
    if change.status is BenevolenceStatus.SUBMITTED:
        values["applied_on"] = local(runtime.now()).date()
    return await records.change(runtime, caller, OWN, identifier, values)


async def withdraw(runtime: Runtime, caller: Caller, member_id: int, identifier: int) -> BenevolenceItem:
    """Take one's own application back.

    Raises Problem 404, 409 (the office looks at it, or has decided).
    """
    async with caller.transaction(runtime.databases) as connection:
        if not await repository.withdraw(connection, identifier, member_id):
            status = await repository.own_status(connection, identifier, member_id)
            if status is None:
                raise OWN.missing()
            raise Problem(409, "not-open", f"The application is {status.value}: ask the office about it.")
        row = await rows.find(connection, OWN.shown, BenevolenceApplication, identifier)
    return BenevolenceItem.model_validate(dict(row or {}))


def _check_decision(caller: Caller, status: BenevolenceStatus | None, cents: int | None) -> None:
    if (status in DECISIONS or cents is not None) and not caller.may("benevolence:approve"):
        raise Problem(403, "not-permitted", "Deciding on help needs the permission benevolence:approve.")
