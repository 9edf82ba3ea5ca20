"""How locations, cohorts, instructors, hours and tools are shown, and the statements that are not every record's."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.teaching.models import Cohort, CohortInstructor, Instructor, InstructorHours, Location, ToolLoan
from ip2a.training.models import Enrollment, Student

LOCATIONS_SHOWN = select(*Location.__table__.c)
COHORTS_SHOWN = (
    select(
        *Cohort.__table__.c,
        Location.name.label("location_name"),
        select(func.count(Enrollment.student_id.distinct()))
        .where(Enrollment.cohort == Cohort.code)
        .scalar_subquery()
        .label("students"),
    )
    .select_from(Cohort)
    .outerjoin(Location, Location.id == Cohort.location_id)
)
"""A cohort with its place and how many students are enrolled with it."""
INSTRUCTORS_SHOWN = select(*Instructor.__table__.c)
ASSIGNMENTS_SHOWN = select(*CohortInstructor.__table__.c, Instructor.first_name, Instructor.last_name).join_from(
    CohortInstructor, Instructor, Instructor.id == CohortInstructor.instructor_id
)
HOURS_SHOWN = (
    select(
        *InstructorHours.__table__.c,
        Instructor.first_name,
        Instructor.last_name,
        Cohort.code.label("cohort_code"),
        Location.name.label("location_name"),
    )
    .join_from(InstructorHours, Instructor, Instructor.id == InstructorHours.instructor_id)
    .outerjoin(Cohort, Cohort.id == InstructorHours.cohort_id)
    .outerjoin(Location, Location.id == InstructorHours.location_id)
)
TOOLS_SHOWN = select(*ToolLoan.__table__.c, Student.student_number, Student.first_name, Student.last_name).join_from(
    ToolLoan, Student, Student.id == ToolLoan.student_id
)


async def instructors(
    connection: AsyncConnection,
    conditions: Sequence[ColumnElement[bool]],
    *,
    after: tuple[str, str, int] | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Instructors by name."""
    order = (Instructor.last_name, Instructor.first_name, Instructor.id)
    behind = [] if after is None else [tuple_(*order) > tuple_(*after)]
    statement = (
        INSTRUCTORS_SHOWN.where(Instructor.deleted_at.is_(None), *conditions, *behind).order_by(*order).limit(limit)
    )
    return (await connection.execute(statement)).mappings().all()


async def by_code(
    connection: AsyncConnection, model: type[Cohort] | type[Location], *, after: str, limit: int
) -> Sequence[RowMapping]:
    """Cohorts or locations by their codes."""
    shown = COHORTS_SHOWN if model is Cohort else LOCATIONS_SHOWN
    statement = shown.where(model.code > after, model.deleted_at.is_(None)).order_by(model.code).limit(limit)
    return (await connection.execute(statement)).mappings().all()


async def instructor_called(connection: AsyncConnection, email: str) -> int | None:
    """The instructor with this address."""
    return await connection.scalar(
        select(Instructor.id).where(Instructor.email == email, Instructor.deleted_at.is_(None))
    )


async def unassign(connection: AsyncConnection, assignment_id: int) -> bool:
    """Take an instructor from a cohort; False when there is no such assignment."""
    result = await connection.execute(delete(CohortInstructor).where(CohortInstructor.id == assignment_id))
    return result.rowcount == 1
