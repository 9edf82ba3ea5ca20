"""Keeping locations, cohorts, instructors, hours and tools: plain records; hours that are paid are final."""

from typing import TypeVar

from sqlalchemy import ColumnElement, or_

from ip2a.audit.service import record_read
from ip2a.records import service as records
from ip2a.records.search import names_of
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.teaching import repository
from ip2a.teaching.models import (
    Cohort,
    CohortInstructor,
    CohortStatus,
    Instructor,
    InstructorHours,
    Location,
    ToolLoan,
)
from ip2a.teaching.schemas import (
    AssignmentItem,
    AssignmentOrder,
    CohortChange,
    CohortItem,
    CohortOrder,
    HoursChange,
    HoursItem,
    HoursOrder,
    InstructorChange,
    InstructorItem,
    InstructorOrder,
    LocationChange,
    LocationItem,
    LocationOrder,
    OwnHoursOrder,
    ToolChange,
    ToolItem,
    ToolOrder,
)
from ip2a.training.models import Student
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, invalid_cursor, page_of, read_text_id
from ip2a.web.problems import Problem

Coded = TypeVar("Coded", CohortItem, LocationItem)
TOO_MANY_HOURS = "`hours` and `prep_hours` together must be more than 0 and at most 24."
_BETWEEN = "\x1f"  # the names in a cursor

LOCATIONS = Kind(
    name="location",
    model=Location,
    item=LocationItem,
    shown=repository.LOCATIONS_SHOWN,
    refused={"uq_locations_code": "There is a location with this `code`."},
    of_member=False,
)
COHORTS = Kind(
    name="cohort",
    model=Cohort,
    item=CohortItem,
    shown=repository.COHORTS_SHOWN,
    refused={
        "uq_cohorts_code": "There is a cohort with this `code`.",
        "ck_cohorts_dates": "`ends_on` is before `starts_on`.",
    },
    of_member=False,
)
INSTRUCTORS = Kind(
    name="instructor",
    model=Instructor,
    item=InstructorItem,
    shown=repository.INSTRUCTORS_SHOWN,
    refused={"uq_instructors_email": "There is an instructor with this `email`."},
)
ASSIGNMENTS = Kind(
    name="assignment",
    model=CohortInstructor,
    item=AssignmentItem,
    shown=repository.ASSIGNMENTS_SHOWN,
    refused={
        "uq_cohort_instructors_cohort_id_instructor_id": "`instructor_id` teaches this cohort already.",
        "uq_cohort_instructors_primary": "Another instructor of this cohort has `is_primary` set.",
    },
    of_member=False,
)
HOURS = Kind(
    name="hours",
    model=InstructorHours,
    item=HoursItem,
    shown=repository.HOURS_SHOWN,
    refused={
        "ck_instructor_hours_hours": TOO_MANY_HOURS,
        "ck_instructor_hours_paid": "`paid_on` is before `worked_on`.",
        "ck_instructor_hours_final": "These hours are paid and do not change any more.",
    },
)
TOOLS = Kind(
    name="tool-loan",
    model=ToolLoan,
    item=ToolItem,
    shown=repository.TOOLS_SHOWN,
    refused={
        "ck_tool_loans_returned": "`returned_on` is before `issued_on`.",
        "ck_tool_loans_ended": "`returned_on` and `return_condition` go together.",
        "uq_tool_loans_serial_number": "The tool with this `serial_number` is lent to somebody.",
    },
)


async def locations(runtime: Runtime, caller: Caller, *, after: str | None, limit: int) -> Page[LocationItem]:
    """Places where classes are held, by code."""
    return await _by_code(runtime, caller, LOCATIONS, after=after, limit=limit)


async def location(runtime: Runtime, caller: Caller, location_id: int) -> LocationItem:
    """One place; Problem 404."""
    return await records.one(runtime, caller, LOCATIONS, location_id)


async def new_location(runtime: Runtime, caller: Caller, order: LocationOrder) -> LocationItem:
    """A new place; Problem 409 when the code is taken."""
    return await records.add(runtime, caller, LOCATIONS, order.model_dump())


async def change_location(runtime: Runtime, caller: Caller, location_id: int, change: LocationChange) -> LocationItem:
    """Change a place.

    Raises Problem 404, 409 (changed meanwhile), 422.
    """
    return await records.change(runtime, caller, LOCATIONS, location_id, change.model_dump(exclude_unset=True))


async def cohorts(
    runtime: Runtime, caller: Caller, *, status: CohortStatus | None, before: str | None, limit: int
) -> Page[CohortItem]:
    """Cohorts, newest first."""
    conditions = [Cohort.status == status] if status is not None else []
    return await records.page(runtime, caller, COHORTS, conditions, before=before, limit=limit)


async def cohorts_by_code(runtime: Runtime, caller: Caller, *, after: str | None, limit: int) -> Page[CohortItem]:
    """Cohorts by code."""
    return await _by_code(runtime, caller, COHORTS, after=after, limit=limit)


async def cohort(runtime: Runtime, caller: Caller, cohort_id: int) -> CohortItem:
    """One cohort; Problem 404."""
    return await records.one(runtime, caller, COHORTS, cohort_id)


async def new_cohort(runtime: Runtime, caller: Caller, order: CohortOrder) -> CohortItem:
    """A new cohort.

    Raises Problem 409 (the code is taken), 422.
    """
    return await records.add(runtime, caller, COHORTS, order.model_dump())


async def change_cohort(runtime: Runtime, caller: Caller, cohort_id: int, change: CohortChange) -> CohortItem:
    """Change a cohort.

    Raises Problem 404, 409 (changed meanwhile), 422.
    """
    return await records.change(runtime, caller, COHORTS, cohort_id, change.model_dump(exclude_unset=True))


async def assignments(
    runtime: Runtime, caller: Caller, cohort_id: int, *, before: str | None, limit: int
) -> Page[AssignmentItem]:
    """Who teaches a cohort, the last assigned first; Problem 404."""
    conditions = [CohortInstructor.cohort_id == cohort_id]
    return await records.page(
        runtime, caller, ASSIGNMENTS, conditions, before=before, limit=limit, of=(Cohort, cohort_id)
    )


async def assign(runtime: Runtime, caller: Caller, cohort_id: int, order: AssignmentOrder) -> AssignmentItem:
    """Let an instructor teach a cohort.

    Raises Problem 404, 409 (teaches it already; another is the primary one), 422 (no such instructor).
    """
    await records.read(runtime, caller, COHORTS, cohort_id)
    return await records.add(runtime, caller, ASSIGNMENTS, order.model_dump() | {"cohort_id": cohort_id})


async def assignment(runtime: Runtime, caller: Caller, assignment_id: int) -> AssignmentItem:
    """One instructor of a cohort; Problem 404."""
    return await records.one(runtime, caller, ASSIGNMENTS, assignment_id)


async def unassign(runtime: Runtime, caller: Caller, assignment_id: int) -> None:
    """An instructor does not teach a cohort any more; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        if not await repository.unassign(connection, assignment_id):
            raise ASSIGNMENTS.missing()


async def instructors(runtime: Runtime, caller: Caller, *, after: str | None, limit: int) -> Page[InstructorItem]:
    """Instructors by name; the reading is recorded."""
    await record_read(runtime, caller, INSTRUCTORS.table)
    return await called(runtime, caller, [], after=after, limit=limit)


async def called(
    runtime: Runtime, caller: Caller, conditions: list[ColumnElement[bool]], *, after: str | None, limit: int
) -> Page[InstructorItem]:
    """Instructors that meet the conditions, by name."""
    position = None if after is None else _read_cursor(after)
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.instructors(connection, conditions, after=position, limit=limit + 1)
    return page_of(
        InstructorItem, rows, limit, lambda item: encode(f"{item.last_name}{_BETWEEN}{item.first_name}", item.id)
    )


def named(search: str) -> list[ColumnElement[bool]]:
    """Instructors of whom each word of `search` begins a name; there are few of them."""
    return [
        or_(
            Instructor.first_name.istartswith(word, autoescape=True),
            Instructor.last_name.istartswith(word, autoescape=True),
        )
        for word in names_of(search)
    ]


async def instructor(runtime: Runtime, caller: Caller, instructor_id: int) -> InstructorItem:
    """One instructor; Problem 404."""
    return await records.one(runtime, caller, INSTRUCTORS, instructor_id)


async def new_instructor(runtime: Runtime, caller: Caller, order: InstructorOrder) -> InstructorItem:
    """Somebody new who teaches; Problem 409 when the address is another one's."""
    return await records.add(runtime, caller, INSTRUCTORS, order.model_dump())


async def change_instructor(
    runtime: Runtime, caller: Caller, instructor_id: int, change: InstructorChange
) -> InstructorItem:
    """Change an instructor's record.

    Raises Problem 404, 409 (changed meanwhile; the address is another one's), 422.
    """
    return await records.change(runtime, caller, INSTRUCTORS, instructor_id, change.model_dump(exclude_unset=True))


async def hours(
    runtime: Runtime,
    caller: Caller,
    *,
    instructor_id: int | None = None,
    paid: bool | None = None,
    before: str | None,
    limit: int,
) -> Page[HoursItem]:
    """Hours of instructors, the last noted first; `paid` or unpaid ones only."""
    conditions = [] if instructor_id is None else [InstructorHours.instructor_id == instructor_id]
    if paid is not None:
        conditions.append(InstructorHours.paid_on.is_not(None) if paid else InstructorHours.paid_on.is_(None))
    return await records.page(runtime, caller, HOURS, conditions, before=before, limit=limit)


async def hours_of(runtime: Runtime, caller: Caller, hours_id: int) -> HoursItem:
    """The hours of one day; Problem 404."""
    return await records.one(runtime, caller, HOURS, hours_id)


async def note_hours(runtime: Runtime, caller: Caller, instructor_id: int, order: HoursOrder) -> HoursItem:
    """Note what an instructor worked.

    Raises Problem 404, 422 (no such cohort or location; more hours than a day has).
    """
    await records.read(runtime, caller, INSTRUCTORS, instructor_id)
    return await records.add(runtime, caller, HOURS, order.model_dump() | {"instructor_id": instructor_id})


async def change_hours(runtime: Runtime, caller: Caller, hours_id: int, change: HoursChange) -> HoursItem:
    """Correct hours, or say when they were paid.

    Raises Problem 404, 409 (changed meanwhile), 422 (they are paid; more than a day has).
    """
    return await records.change(runtime, caller, HOURS, hours_id, change.model_dump(exclude_unset=True))


async def own_hours(runtime: Runtime, caller: Caller, *, before: str | None, limit: int) -> Page[HoursItem]:
    """The caller's own hours, the last noted first; none where the caller is no instructor."""
    own = await _own(runtime, caller)
    if own is None:
        return Page(items=[], next=None)
    return await hours(runtime, caller, instructor_id=own, before=before, limit=limit)


async def note_own_hours(runtime: Runtime, caller: Caller, order: OwnHoursOrder) -> HoursItem:
    """Note what the caller worked.

    Raises Problem 409 (no instructor has the caller's address), 422.
    """
    own = await _own(runtime, caller)
    if own is None:
        raise Problem(
            409, "no-instructor", "No instructor has your e-mail address; ask the office to add you as an instructor."
        )
    return await records.add(runtime, caller, HOURS, order.model_dump() | {"instructor_id": own})


async def tools(
    runtime: Runtime, caller: Caller, *, out: bool | None, before: str | None, limit: int
) -> Page[ToolItem]:
    """Tools that are or were lent, the last first; `out`: those that are not (or are) back."""
    conditions = [] if out is None else [ToolLoan.returned_on.is_(None) if out else ToolLoan.returned_on.is_not(None)]
    return await records.page(runtime, caller, TOOLS, conditions, before=before, limit=limit)


async def tools_of(
    runtime: Runtime, caller: Caller, student_id: int, *, before: str | None, limit: int
) -> Page[ToolItem]:
    """What is or was lent to a student, the last first; Problem 404."""
    conditions = [ToolLoan.student_id == student_id]
    return await records.page(runtime, caller, TOOLS, conditions, before=before, limit=limit, of=(Student, student_id))


async def own_tools(runtime: Runtime, caller: Caller, *, before: str | None, limit: int) -> Page[ToolItem]:
    """What is or was lent to the caller, the last first."""
    user, member = caller.identity.user_id, caller.identity.member_id
    own = Student.user_id == user if member is None else (Student.user_id == user) | (Student.member_id == member)
    return await records.page(runtime, caller, TOOLS, [own], before=before, limit=limit)


async def tool(runtime: Runtime, caller: Caller, tool_id: int) -> ToolItem:
    """One loan; Problem 404."""
    return await records.one(runtime, caller, TOOLS, tool_id)


async def lend(runtime: Runtime, caller: Caller, student_id: int, order: ToolOrder) -> ToolItem:
    """Lend tools to a student.

    Raises Problem 409 (the tool is lent to somebody), 422 (no such student).
    """
    return await records.add(runtime, caller, TOOLS, order.model_dump() | {"student_id": student_id})


async def change_tool(runtime: Runtime, caller: Caller, tool_id: int, change: ToolChange) -> ToolItem:
    """Change a loan, or say that the tools came back.

    Raises Problem 404, 409 (changed meanwhile), 422.
    """
    return await records.change(runtime, caller, TOOLS, tool_id, change.model_dump(exclude_unset=True))


async def _own(runtime: Runtime, caller: Caller) -> int | None:
    async with caller.transaction(runtime.databases) as connection:
        return await repository.instructor_called(connection, caller.principal.email)


async def _by_code(
    runtime: Runtime, caller: Caller, kind: Kind[Coded], *, after: str | None, limit: int
) -> Page[Coded]:
    position = "" if after is None else read_text_id(after)[0]
    model = Cohort if kind.model is Cohort else Location
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.by_code(connection, model, after=position, limit=limit + 1)
    return page_of(kind.item, rows, limit, lambda item: encode(item.code, item.id))


def _read_cursor(cursor: str) -> tuple[str, str, int]:
    names, identifier = read_text_id(cursor)
    last, separator, first = names.partition(_BETWEEN)
    if not separator:
        raise invalid_cursor()
    return last, first, min(identifier, 2**31 - 1)
