"""Running the training: one transaction a use case."""

from decimal import Decimal

from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.records import service as records
from ip2a.records.repository import find
from ip2a.records.search import names_of
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.training import notices, repository, rules
from ip2a.training.models import (
    AttendanceStatus,
    EnrollmentStatus,
    Student,
    StudentStatus,
)
from ip2a.training.rules import Points
from ip2a.training.schemas import (
    AttendanceOrder,
    Cancellation,
    ClassSessionItem,
    CourseItem,
    CourseOrder,
    EnrollmentItem,
    EnrollmentOfStudent,
    EnrollmentOrder,
    GradeItem,
    GradeOrder,
    RosterItem,
    SessionOrder,
    StudentChange,
    StudentDetail,
    StudentItem,
    StudentOrder,
)
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before, read_text_id
from ip2a.web.problems import Problem


class _Student(StudentItem):
    attendance: list[AttendanceStatus] | None


COHORTS_OVER = frozenset({"completed", "cancelled"})
STUDENTS = Kind(name="student", model=Student, item=_Student, shown=repository.SHOWN)


def no_such(what: str) -> Problem:
    """There is none, or the caller may not see it."""
    return Problem(404, f"no-such-{what}", f"There is no such {what}.")


async def students(
    runtime: Runtime,
    caller: Caller,
    status: StudentStatus | None,
    *,
    search: str = "",
    before: str | None,
    limit: int,
) -> Page[StudentItem]:
    """Students, newest first; each word of `search` begins a name or the number."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.students(
            connection, names_of(search), status, before=read_before(before), limit=limit + 1
        )
    return page_of(StudentItem, rows, limit, lambda item: encode("", item.id))


async def student(runtime: Runtime, caller: Caller, student_id: int) -> StudentDetail:
    """One student; Problem 404."""
    return _detail(await records.read(runtime, caller, STUDENTS, student_id))


def _detail(found: _Student) -> StudentDetail:
    rate = rules.attendance_rate(found.attendance or [])
    return StudentDetail.model_validate({**found.model_dump(), "attendance_rate": rate})


async def new_student(runtime: Runtime, caller: Caller, order: StudentOrder) -> StudentDetail:
    """Take somebody into the training.

    Raises Problem 409 (the member is a student), 422 (no such member).
    """
    values = order.model_dump() | {"status": StudentStatus.ENROLLED.value, "user_id": None}
    try:
        async with caller.transaction(runtime.databases) as connection:
            identifier = await repository.new_student(connection, values)
            row = await find(connection, STUDENTS.shown, Student, identifier)
    except IntegrityError as error:
        if "uq_students_member_id" in str(error.orig):
            raise Problem(409, "already-student", "This member is a student already.") from None
        raise Problem(422, "no-such-reference", "`member_id` names nobody.") from None
    if row is None:
        raise no_such("student")
    return _detail(_Student.model_validate(dict(row)))


async def change_student(runtime: Runtime, caller: Caller, student_id: int, change: StudentChange) -> StudentDetail:
    """Change a student's record.

    Raises Problem 404, 409 (changed meanwhile; the standing does not allow it), 422.
    """
    current = await student(runtime, caller, student_id)
    if change.status is not None and not rules.may_become(current.status, change.status):
        raise Problem(409, "status", f"`status` cannot change from {current.status.value} to {change.status.value}.")
    return _detail(await records.change(runtime, caller, STUDENTS, student_id, change.model_dump(exclude_unset=True)))


async def courses(runtime: Runtime, caller: Caller, *, after: str | None, limit: int) -> Page[CourseItem]:
    """Courses by code."""
    position = "" if after is None else read_text_id(after)[0]
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.courses(connection, after=position, limit=limit + 1)
    return page_of(CourseItem, rows, limit, lambda item: encode(item.code, item.id))


async def course(runtime: Runtime, caller: Caller, course_id: int) -> CourseItem:
    """One course; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.find_course(connection, course_id)
    if row is None:
        raise no_such("course")
    return CourseItem.model_validate(dict(row))


async def new_course(runtime: Runtime, caller: Caller, order: CourseOrder) -> CourseItem:
    """A new course; Problem 409 when the code is taken."""
    try:
        async with caller.transaction(runtime.databases) as connection:
            row = await repository.new_course(connection, order.model_dump(mode="json"))
    except IntegrityError:
        raise Problem(409, "code-taken", "There is a course with this code.") from None
    return CourseItem.model_validate(dict(row))


async def sessions(
    runtime: Runtime, caller: Caller, course_id: int | None, *, mine: bool = False, before: str | None, limit: int
) -> Page[ClassSessionItem]:
    """Class sessions, newest first; `mine` are those that the caller teaches."""
    taught_by = caller.principal.email if mine else None
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.sessions(connection, course_id, taught_by, before=read_before(before), limit=limit + 1)
    return page_of(ClassSessionItem, rows, limit, lambda item: encode("", item.id))


async def session(runtime: Runtime, caller: Caller, session_id: int) -> ClassSessionItem:
    """One class session; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.find_session(connection, session_id)
    return _session(row)


def _session(row: RowMapping | None) -> ClassSessionItem:
    if row is None:
        raise no_such("session")
    return ClassSessionItem.model_validate(dict(row))


async def new_session(runtime: Runtime, caller: Caller, order: SessionOrder) -> ClassSessionItem:
    """Plan a meeting.

    Raises Problem 422 (ends before it begins; no such course).
    """
    if order.end_time <= order.start_time:
        raise Problem(422, "ends-before-start", "`end_time` must be later than `start_time`.")
    try:
        async with caller.transaction(runtime.databases) as connection:
            identifier = await repository.new_session(connection, order.model_dump())
            row = await repository.find_session(connection, identifier)
    except IntegrityError:
        raise Problem(
            422, "no-such-reference", "`course_id`, `instructor_id` or `location_id` names nothing that exists."
        ) from None
    return _session(row)


async def cancel_session(
    runtime: Runtime, caller: Caller, session_id: int, cancellation: Cancellation
) -> ClassSessionItem:
    """Cancel a class that was not held yet; the worker tells its students and its instructor.

    Raises Problem 404, 409 (cancelled already, or attendance was taken).
    """
    async with caller.transaction(runtime.databases) as connection:
        before = await repository.lock_session(connection, session_id)
        if before is None:
            raise no_such("session")
        if not await repository.cancel_session(connection, session_id, cancellation.reason, runtime.now()):
            raise Problem(409, "class-over", _over(before, "Attendance was taken: the class was held."))
        await notices.announce(connection, session_id)
        row = await repository.find_session(connection, session_id)
    return _session(row)


def _over(session: RowMapping, otherwise: str) -> str:
    return otherwise if session["cancelled_at"] is None else "The class is cancelled."


async def roster(runtime: Runtime, caller: Caller, session_id: int) -> list[RosterItem]:
    """The class with the attendance taken so far; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        if await repository.find_session(connection, session_id) is None:
            raise no_such("session")
        rows = await repository.roster(connection, session_id)
    return [RosterItem.model_validate(dict(row)) for row in rows]


async def take_attendance(
    runtime: Runtime, caller: Caller, session_id: int, order: AttendanceOrder
) -> list[RosterItem]:
    """Take the attendance of a class, all of it or nothing.

    Raises Problem 404, 409 (the class is cancelled), 422 (a student twice, or not of this class).
    """
    students = [mark.student_id for mark in order.marks]
    if len(set(students)) != len(students):
        raise Problem(422, "student-twice", "`marks` names a student twice.")
    async with caller.transaction(runtime.databases) as connection:
        session = await repository.lock_session(connection, session_id)
        if session is None:
            raise no_such("session")
        if session["cancelled_at"] is not None:
            raise Problem(409, "class-over", "The class is cancelled.")
        taken = await repository.take_attendance(
            connection, session_id, students, [mark.status.value for mark in order.marks]
        )
        if taken != len(students):
            raise Problem(422, "not-in-class", "`marks` names a student who is not enrolled in this class.")
        rows = await repository.roster(connection, session_id)
    return [RosterItem.model_validate(dict(row)) for row in rows]


async def enroll(runtime: Runtime, caller: Caller, order: EnrollmentOrder) -> EnrollmentItem:
    """Enroll a student in a course with a cohort.

    Raises Problem 409 (enrolled already; the cohort is over or full), 422 (no such student or course).
    """
    try:
        async with caller.transaction(runtime.databases) as connection:
            await _check_room(connection, order)
            identifier = await repository.enroll(connection, order.model_dump())
            row = await repository.lock_enrollment(connection, identifier)
    except IntegrityError as error:
        if "uq_enrollments" in str(error.orig):
            raise Problem(409, "already-enrolled", "The student is enrolled in this course and cohort.") from None
        raise Problem(422, "no-such-reference", "`student_id` or `course_id` names nothing that exists.") from None
    return _enrollment(row)


async def _check_room(connection: AsyncConnection, order: EnrollmentOrder) -> None:
    cohort = await repository.lock_cohort(connection, order.cohort)
    if cohort is None:
        return
    if cohort["status"] in COHORTS_OVER:
        raise Problem(409, "cohort-over", f"`cohort` {order.cohort} is {cohort['status']}; choose another one.")
    most = cohort["max_students"]
    if most is not None and await repository.others_in_cohort(connection, order.cohort, order.student_id) >= most:
        raise Problem(409, "cohort-full", f"`cohort` {order.cohort} has its {most} students; choose another one.")


async def add_grade(runtime: Runtime, caller: Caller, enrollment_id: int, order: GradeOrder) -> list[GradeItem]:
    """Grade a piece of work; returns all of the enrollment's.

    Raises Problem 404, 409 (finished), 422 (more earned than possible).
    """
    if order.points_earned > order.points_possible:
        raise Problem(422, "more-than-possible", "`points_earned` must not exceed `points_possible`.")
    async with caller.transaction(runtime.databases) as connection:
        _still_enrolled(await repository.lock_enrollment(connection, enrollment_id))
        values = order.model_dump() | {"enrollment_id": enrollment_id, "grade_type": order.grade_type.value}
        await repository.new_grade(connection, values)
        rows = await repository.grades(connection, enrollment_id)
    return [GradeItem.model_validate(dict(row)) for row in rows]


async def finish(runtime: Runtime, caller: Caller, enrollment_id: int) -> EnrollmentItem:
    """Compute the final grade; the course is completed when it reaches the passing percentage.

    Raises Problem 404, 409 (finished, or nothing graded).
    """
    async with caller.transaction(runtime.databases) as connection:
        enrollment = _still_enrolled(await repository.lock_enrollment(connection, enrollment_id))
        grades = await repository.grades(connection, enrollment_id)
        final = rules.percent([Points(row["points_earned"], row["points_possible"], row["weight"]) for row in grades])
        if final is None:
            raise Problem(409, "nothing-graded", "Nothing is graded yet.")
        passed = final >= Decimal(enrollment["passing_percent"])
        status = EnrollmentStatus.COMPLETED if passed else EnrollmentStatus.FAILED
        await repository.finish(connection, enrollment_id, status.value, final, rules.letter(final))
        row = await repository.lock_enrollment(connection, enrollment_id)
    return _enrollment(row)


async def enrollments(
    runtime: Runtime, caller: Caller, student_id: int, *, before: str | None, limit: int
) -> Page[EnrollmentOfStudent]:
    """What a student is or was enrolled in, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.enrollments(connection, student_id, before=read_before(before), limit=limit + 1)
    return page_of(EnrollmentOfStudent, rows, limit, lambda item: encode("", item.id))


async def enrollment(runtime: Runtime, caller: Caller, enrollment_id: int) -> EnrollmentOfStudent:
    """One enrollment; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.find_enrollment(connection, enrollment_id)
    if row is None:
        raise no_such("enrollment")
    return EnrollmentOfStudent.model_validate(dict(row))


async def grades(runtime: Runtime, caller: Caller, enrollment_id: int) -> list[GradeItem]:
    """The graded work of an enrollment, in the order of grading."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.grades(connection, enrollment_id)
    return [GradeItem.model_validate(dict(row)) for row in rows]


def _still_enrolled(row: RowMapping | None) -> RowMapping:
    if row is None:
        raise no_such("enrollment")
    if row["status"] != EnrollmentStatus.ENROLLED:
        raise Problem(409, "enrollment-over", f"The enrollment is {row['status']}.")
    return row


def _enrollment(row: RowMapping | None) -> EnrollmentItem:
    if row is None:
        raise no_such("enrollment")
    return EnrollmentItem.model_validate(dict(row))
