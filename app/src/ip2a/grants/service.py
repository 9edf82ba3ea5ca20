"""Keeping grants and what is spent of them: plain records."""

from ip2a.grants import repository
from ip2a.grants.models import Grant, GrantEnrollment, GrantExpense, GrantStatus
from ip2a.grants.schemas import (
    ExpenseItem,
    ExpenseOrder,
    GrantChange,
    GrantEnrollmentChange,
    GrantEnrollmentItem,
    GrantEnrollmentOrder,
    GrantItem,
    GrantOrder,
)
from ip2a.records import service as records
from ip2a.records.search import begins
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

GRANTS = Kind(
    name="grant",
    model=Grant,
    item=GrantItem,
    shown=repository.SHOWN,
    refused={
        "uq_grants_grant_number": "There is a grant with this `grant_number`.",
        "ck_grants_dates": "`ends_on` is before `starts_on`.",
    },
    of_member=False,
)
EXPENSES = Kind(
    name="expense",
    model=GrantExpense,
    item=ExpenseItem,
    shown=repository.EXPENSES_SHOWN,
    refused={"ck_grant_expenses_amount": "`amount_cents` must be more than 0."},
    of_member=False,
)
ENROLLMENTS = Kind(
    name="grant-enrollment",
    model=GrantEnrollment,
    item=GrantEnrollmentItem,
    shown=repository.ENROLLMENTS_SHOWN,
    refused={
        "uq_grant_enrollments_grant_id_student_id": "`student_id` takes part in this grant already.",
        "ck_grant_enrollments_completed": "`completed_on` is before `enrolled_on`.",
        "ck_grant_enrollments_placed": "`placed_on` is before `enrolled_on`.",
    },
)


async def grants(
    runtime: Runtime,
    caller: Caller,
    *,
    status: GrantStatus | None,
    search: str = "",
    before: str | None,
    limit: int,
) -> Page[GrantItem]:
    """Grants, newest first; each word of `search` begins a word of the number, the name or the source."""
    conditions = [
        *([begins(Grant.words, search)] if search.strip() else []),
        *([Grant.status == status] if status is not None else []),
    ]
    return await records.page(runtime, caller, GRANTS, conditions, before=before, limit=limit)


async def grant(runtime: Runtime, caller: Caller, identifier: int) -> GrantItem:
    """One grant; Problem 404."""
    return await records.one(runtime, caller, GRANTS, identifier)


async def new_grant(runtime: Runtime, caller: Caller, order: GrantOrder) -> GrantItem:
    """A new grant.

    Raises Problem 409 (the number is taken), 422.
    """
    return await records.add(runtime, caller, GRANTS, order.model_dump())


async def change(runtime: Runtime, caller: Caller, identifier: int, change: GrantChange) -> GrantItem:
    """Change a grant.

    Raises Problem 404, 409 (changed meanwhile), 422.
    """
    return await records.change(runtime, caller, GRANTS, identifier, change.model_dump(exclude_unset=True))


async def expenses(
    runtime: Runtime, caller: Caller, grant_id: int, *, before: str | None, limit: int
) -> Page[ExpenseItem]:
    """What was spent of a grant, newest first; Problem 404."""
    of = (Grant, grant_id)
    conditions = [GrantExpense.grant_id == grant_id]
    return await records.page(runtime, caller, EXPENSES, conditions, before=before, limit=limit, of=of)


async def spend(runtime: Runtime, caller: Caller, grant_id: int, order: ExpenseOrder) -> ExpenseItem:
    """Note what was spent of a grant.

    Raises Problem 404, 422.
    """
    await records.read(runtime, caller, GRANTS, grant_id)
    return await records.add(runtime, caller, EXPENSES, order.model_dump() | {"grant_id": grant_id})


async def enrollments(
    runtime: Runtime, caller: Caller, grant_id: int, *, before: str | None, limit: int
) -> Page[GrantEnrollmentItem]:
    """Who takes part in what a grant pays for, newest first; Problem 404."""
    of = (Grant, grant_id)
    conditions = [GrantEnrollment.grant_id == grant_id]
    return await records.page(runtime, caller, ENROLLMENTS, conditions, before=before, limit=limit, of=of)


async def enrollment(runtime: Runtime, caller: Caller, identifier: int) -> GrantEnrollmentItem:
    """One who takes part; Problem 404."""
    return await records.one(runtime, caller, ENROLLMENTS, identifier)


async def enroll(runtime: Runtime, caller: Caller, grant_id: int, order: GrantEnrollmentOrder) -> GrantEnrollmentItem:
    """Let a student take part.

    Raises Problem 404, 409 (takes part already), 422.
    """
    await records.read(runtime, caller, GRANTS, grant_id)
    return await records.add(runtime, caller, ENROLLMENTS, order.model_dump() | {"grant_id": grant_id})


async def change_enrollment(
    runtime: Runtime, caller: Caller, identifier: int, change: GrantEnrollmentChange
) -> GrantEnrollmentItem:
    """Say what became of somebody who takes part.

    Raises Problem 404, 409 (changed meanwhile), 422.
    """
    return await records.change(runtime, caller, ENROLLMENTS, identifier, change.model_dump(exclude_unset=True))
