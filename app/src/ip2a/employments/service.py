"""Reading employments on behalf of somebody."""

from datetime import date

from ip2a.database.identity import Identity
from ip2a.employments import repository
from ip2a.employments.models import MemberEmployment
from ip2a.employments.schemas import EmployeeItem, EmploymentChange, EmploymentOrder, EmploymentRecord
from ip2a.members.models import Member
from ip2a.organizations.models import Organization
from ip2a.reads import Query, Read, own_query
from ip2a.records import service as records
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page
from ip2a.web.problems import Problem

PAGE_SIZE = 50
EMPLOYMENTS = Read(
    name="employments",
    path="/api/v1/my/employments",
    permission="self:read",
    statement=repository.PAGE,
    seconds=3600,
    defaults=(None, None, b"%d" % PAGE_SIZE),
)


def employments(identity: Identity, member_id: int, *, after: str | None, limit: int) -> Query:
    """One page of a member's employments, newest first.

    Raises Problem 422 for a cursor that is none of ours.
    """
    day, number = (None, None) if after is None else read_cursor(after)
    return own_query(EMPLOYMENTS, identity, member_id, (day, number, b"%d" % limit))


def read_cursor(text: str) -> tuple[bytes, bytes]:
    """The (start date, id) a cursor stands for."""
    day, _, number = text.partition("_")
    try:
        return date.fromisoformat(day).isoformat().encode(), b"%d" % int(number)
    except ValueError:
        raise Problem(422, "invalid-cursor", "`after` must be the `next` of an earlier page.") from None


RECORDS = Kind(
    name="employment",
    model=MemberEmployment,
    item=EmploymentRecord,
    shown=repository.SHOWN,
    refused={"ck_member_employments_dates": "`end_date` is before `start_date`."},
)


EMPLOYEES = Kind(name="employee", model=MemberEmployment, item=EmployeeItem, shown=repository.OF_ORGANIZATION)


async def of_organization(
    runtime: Runtime, caller: Caller, organization_id: int, *, current: bool, before: str | None, limit: int
) -> Page[EmployeeItem]:
    """Who works (`current`) or ever worked at an organization, the last entered first; Problem 404."""
    of = (Organization, organization_id)
    conditions = [
        MemberEmployment.organization_id == organization_id,
        *([MemberEmployment.end_date.is_(None)] if current else []),
    ]
    return await records.page(runtime, caller, EMPLOYEES, conditions, before=before, limit=limit, of=of)


async def employment(runtime: Runtime, caller: Caller, identifier: int) -> EmploymentRecord:
    """One job; Problem 404."""
    return await records.one(runtime, caller, RECORDS, identifier)


async def of_member(
    runtime: Runtime, caller: Caller, member_id: int, *, before: str | None, limit: int
) -> Page[EmploymentRecord]:
    """A member's jobs as they were entered, the last first; Problem 404."""
    conditions = [MemberEmployment.member_id == member_id]
    return await records.page(runtime, caller, RECORDS, conditions, before=before, limit=limit, of=(Member, member_id))


async def enter(runtime: Runtime, caller: Caller, member_id: int, order: EmploymentOrder) -> EmploymentRecord:
    """Enter a job of a member.

    Raises Problem 422 (no such member or organization; the end is before the start).
    """
    values = order.model_dump() | {"member_id": member_id}
    return await records.add(runtime, caller, RECORDS, values, EMPLOYMENTS.subject_of(member_id))


async def change(runtime: Runtime, caller: Caller, identifier: int, change: EmploymentChange) -> EmploymentRecord:
    """Change a job, or end it.

    Raises Problem 404, 409 (changed meanwhile), 422.
    """
    of = await records.read(runtime, caller, RECORDS, identifier)
    values = change.model_dump(exclude_unset=True)
    return await records.change(runtime, caller, RECORDS, identifier, values, EMPLOYMENTS.subject_of(of.member_id))
