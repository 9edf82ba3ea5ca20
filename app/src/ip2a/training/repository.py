"""Training in the database. Attendance of a whole class is one statement; a student's number comes from a sequence."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, RowMapping, Text, and_, cast, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.listing import listing
from ip2a.records.search import belonging
from ip2a.training import rules
from ip2a.training.models import Attendance, Certification, Course, Enrollment, Student, StudentStatus
from ip2a.training.rules import CertificateState

_LAST = chr(0x10FFFF)  # sorts behind everything
_KEYS = (Student.last_name_key, Student.first_name_key, Student.student_number_key)
SHOWN = select(
    *Student.__table__.c,
    select(func.array_agg(cast(Attendance.status, Text)))
    .where(Attendance.student_id == Student.id)
    .scalar_subquery()
    .label("attendance"),
)
"""A student with every attendance, or null without any."""
_NEW_STUDENT = text(
    """
    INSERT INTO students (student_number, user_id, member_id, first_name, last_name, status, cohort)
    VALUES ('S' || lpad(nextval('student_numbers')::text, 6, '0'), :user_id, :member_id, :first_name, :last_name,
        :status, :cohort)
    RETURNING id
    """
)
_NEW_STUDENT_OF_APPLICATION = text(
    """
    INSERT INTO students (student_number, user_id, first_name, last_name, status)
    SELECT 'S' || lpad(nextval('student_numbers')::text, 6, '0'), user_id, first_name, last_name, 'enrolled'
    FROM applications WHERE id = :id
    ON CONFLICT (user_id) DO UPDATE SET status = 'enrolled', version = students.version + 1, updated_at = now()
    RETURNING id
    """
)
_COURSE = "id, code, name, course_type, hours, passing_percent, is_active"
_COURSES = text(f"SELECT {_COURSE} FROM courses WHERE code > :after ORDER BY code LIMIT :limit")  # noqa: S608 (constant columns)
_NEW_COURSE = text(
    f"""
    INSERT INTO courses (code, name, course_type, hours, passing_percent)
    VALUES (:code, :name, :course_type, :hours, :passing_percent) RETURNING {_COURSE}
    """  # noqa: S608 (constant columns)
)
_SESSION = (
    "c.id, c.course_id, c.cohort, c.session_date, c.start_time, c.end_time, c.topic, c.room, c.instructor_id,"
    " c.location_id, c.cancelled_at, c.cancellation_reason, k.code AS course_code, k.name AS course_name,"
    " i.first_name || ' ' || i.last_name AS instructor_name, l.name AS location_name"
)
_SESSION_FROM = (
    "class_sessions c JOIN courses k ON k.id = c.course_id LEFT JOIN instructors i ON i.id = c.instructor_id"
    " LEFT JOIN locations l ON l.id = c.location_id"
)
_SESSIONS = text(
    f"""
    SELECT {_SESSION} FROM {_SESSION_FROM}
    WHERE (cast(:course_id AS integer) IS NULL OR c.course_id = :course_id) AND c.id < :before
    ORDER BY c.id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_OWN_SESSIONS = text(
    f"""
    SELECT {_SESSION} FROM {_SESSION_FROM}
    WHERE c.instructor_id = (SELECT id FROM instructors WHERE email = :email)
        AND (cast(:course_id AS integer) IS NULL OR c.course_id = :course_id) AND c.id < :before
    ORDER BY c.id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_ONE_SESSION = text(f"SELECT {_SESSION} FROM {_SESSION_FROM} WHERE c.id = :id")  # noqa: S608 (constant columns)
_LOCK_SESSION = text("SELECT cancelled_at FROM class_sessions WHERE id = :id FOR NO KEY UPDATE")
_NEW_SESSION = text(
    """
    INSERT INTO class_sessions (course_id, cohort, session_date, start_time, end_time, topic, room, instructor_id,
        location_id)
    VALUES (:course_id, :cohort, :session_date, :start_time, :end_time, :topic, :room, :instructor_id, :location_id)
    RETURNING id
    """
)
_CANCEL_SESSION = text(
    """
    UPDATE class_sessions c SET cancelled_at = :now, cancellation_reason = :reason, updated_at = now()
    WHERE id = :id AND cancelled_at IS NULL AND NOT EXISTS (SELECT 1 FROM attendances WHERE class_session_id = c.id)
    """
)
_ROSTER = text(
    """
    SELECT s.id AS student_id, s.student_number, s.first_name, s.last_name, a.status
    FROM class_sessions c
    JOIN enrollments e ON e.course_id = c.course_id AND e.cohort = c.cohort AND e.status = 'enrolled'
    JOIN students s ON s.id = e.student_id AND s.deleted_at IS NULL
    LEFT JOIN attendances a ON a.class_session_id = c.id AND a.student_id = s.id
    WHERE c.id = :id ORDER BY s.last_name, s.first_name, s.id
    """
)
# Only who is enrolled in the session's course and cohort; saying it again replaces it.
_TAKE_ATTENDANCE = text(
    """
    INSERT INTO attendances (class_session_id, student_id, status)
    SELECT c.id, taken.student_id, taken.status
    FROM unnest(cast(:students AS integer[]), cast(:statuses AS text[])) AS taken (student_id, status)
    JOIN class_sessions c ON c.id = :id
    JOIN enrollments e ON e.course_id = c.course_id AND e.cohort = c.cohort AND e.status = 'enrolled'
        AND e.student_id = taken.student_id
    ON CONFLICT (class_session_id, student_id) DO UPDATE SET status = excluded.status, updated_at = now()
    """
)
# Locked, so that of two who enroll at once the second counts the first; counted in this statement it would be missed.
_LOCK_COHORT = text(
    "SELECT CASE WHEN deleted_at IS NULL THEN status ELSE 'cancelled' END AS status, max_students FROM cohorts"
    " WHERE code = :cohort FOR NO KEY UPDATE"
)
_OTHERS_IN_COHORT = text(
    "SELECT count(DISTINCT student_id) FROM enrollments WHERE cohort = :cohort AND student_id <> :student_id"
)
_ENROLL = text(
    """
    INSERT INTO enrollments (student_id, course_id, cohort) VALUES (:student_id, :course_id, :cohort) RETURNING id
    """
)
_ENROLLMENT = text(
    """
    SELECT e.id, e.student_id, e.course_id, e.cohort, e.status, e.final_percent, e.letter_grade, k.passing_percent,
        k.code AS course_code
    FROM enrollments e JOIN courses k ON k.id = e.course_id WHERE e.id = :id FOR NO KEY UPDATE OF e
    """
)
_NEW_GRADE = text(
    """
    INSERT INTO grades (enrollment_id, grade_type, name, points_earned, points_possible, weight, graded_by_id)
    VALUES (:enrollment_id, :grade_type, :name, :points_earned, :points_possible, :weight, ip2a_user_id())
    RETURNING id
    """
)
_GRADES = text(
    """
    SELECT id, grade_type, name, points_earned, points_possible, weight FROM grades
    WHERE enrollment_id = :id ORDER BY id LIMIT 500
    """
)
_FINISH = text(
    """
    UPDATE enrollments SET status = :status, final_percent = :percent, letter_grade = :letter, updated_at = now()
    WHERE id = :id
    """
)
_CERTIFICATIONS = select(
    *Certification.__table__.c, Student.first_name, Student.last_name, Student.student_number
).join_from(Certification, Student, Student.id == Certification.student_id)
_CERTIFICATION = (
    "t.id, t.student_id, t.certification_type, t.custom_name, t.certificate_number, t.issuing_organization,"
    " t.issued_on, t.expires_on, t.revoked_on, t.renewed_by_id, t.verified_at, t.verified_by,"
    " s.student_number, s.first_name, s.last_name"
)
OWN_CERTIFICATIONS = listing(
    "ip2a_own_certifications",
    f"""
    SELECT {_CERTIFICATION} FROM certifications t JOIN students s ON s.id = t.student_id
    WHERE (s.user_id = $1::integer OR s.member_id = $2::integer) AND t.id < $3::integer
    ORDER BY t.id DESC LIMIT $4::integer
    """,  # noqa: S608 (constant columns)
)
"""Certificates of an account's own student record, newest first: user, member (or null), before which id, how many."""
_ENROLLMENTS = (
    select(
        *Enrollment.__table__.c,
        Student.first_name,
        Student.last_name,
        Course.code.label("course_code"),
        Course.name.label("course_name"),
    )
    .join_from(Enrollment, Course, Course.id == Enrollment.course_id)
    .join(Student, Student.id == Enrollment.student_id)
)

Values = dict[str, object]


def named(names: Sequence[str]) -> list[ColumnElement[bool]]:
    """Students of whom each word begins a name or the number; ranges, because under row-level security LIKE reaches no
    index.
    """
    return [or_(*(and_(key >= name, key < name + _LAST) for key in _KEYS)) for name in names]


async def students(
    connection: AsyncConnection, names: Sequence[str], status: StudentStatus | None, *, before: int, limit: int
) -> list[RowMapping]:
    """Students, newest first."""
    conditions = [*named(names), *([Student.status == status] if status is not None else [])]
    statement = select(Student.__table__).where(Student.id < before, Student.deleted_at.is_(None), *conditions)
    return list((await connection.execute(statement.order_by(Student.id.desc()).limit(limit))).mappings())


async def new_student(connection: AsyncConnection, values: Values) -> int:
    """A student under the next number; raises IntegrityError for a member who is one."""
    identifier: int = (await connection.execute(_NEW_STUDENT, values)).scalar_one()
    return identifier


async def student_of_application(connection: AsyncConnection, application_id: int) -> int:
    """The student behind an accepted application, made if missing, enrolled."""
    identifier: int = (await connection.execute(_NEW_STUDENT_OF_APPLICATION, {"id": application_id})).scalar_one()
    return identifier


async def courses(connection: AsyncConnection, *, after: str, limit: int) -> list[RowMapping]:
    """Courses by code."""
    return list((await connection.execute(_COURSES, {"after": after, "limit": limit})).mappings())


async def find_course(connection: AsyncConnection, course_id: int) -> RowMapping | None:
    """One course."""
    return (await connection.execute(select(Course.__table__).where(Course.id == course_id))).mappings().first()


async def new_course(connection: AsyncConnection, values: Values) -> RowMapping:
    """A course; raises IntegrityError for a code that is taken."""
    return (await connection.execute(_NEW_COURSE, values)).mappings().one()


async def sessions(
    connection: AsyncConnection, course_id: int | None, taught_by: str | None, *, before: int, limit: int
) -> list[RowMapping]:
    """Class sessions, newest first; `taught_by` the instructor with this address."""
    parameters = {"course_id": course_id, "before": before, "limit": limit}
    if taught_by is None:
        return list((await connection.execute(_SESSIONS, parameters)).mappings())
    return list((await connection.execute(_OWN_SESSIONS, {**parameters, "email": taught_by})).mappings())


async def find_session(connection: AsyncConnection, session_id: int) -> RowMapping | None:
    """One class session."""
    return (await connection.execute(_ONE_SESSION, {"id": session_id})).mappings().first()


async def new_session(connection: AsyncConnection, values: Values) -> int:
    """A class session; raises IntegrityError for a course that is none."""
    identifier: int = (await connection.execute(_NEW_SESSION, values)).scalar_one()
    return identifier


async def lock_session(connection: AsyncConnection, session_id: int) -> RowMapping | None:
    """Whether a class session is cancelled, which does not change until the transaction ends."""
    return (await connection.execute(_LOCK_SESSION, {"id": session_id})).mappings().first()


async def cancel_session(connection: AsyncConnection, session_id: int, reason: str, now: datetime) -> bool:
    """Cancel a class session; False when it is, or its attendance was taken. It is locked before."""
    return (await connection.execute(_CANCEL_SESSION, {"id": session_id, "reason": reason, "now": now})).rowcount == 1


async def roster(connection: AsyncConnection, session_id: int) -> list[RowMapping]:
    """Who is enrolled, with the attendance taken so far."""
    return list((await connection.execute(_ROSTER, {"id": session_id})).mappings())


async def take_attendance(
    connection: AsyncConnection, session_id: int, students: Sequence[int], statuses: Sequence[str]
) -> int:
    """Write the attendance of a class; returns for how many of the students it was taken."""
    parameters = {"id": session_id, "students": list(students), "statuses": list(statuses)}
    return (await connection.execute(_TAKE_ATTENDANCE, parameters)).rowcount


async def lock_cohort(connection: AsyncConnection, cohort: str) -> RowMapping | None:
    """A cohort's standing and how many it takes, locked until the transaction ends; None for one nobody described."""
    return (await connection.execute(_LOCK_COHORT, {"cohort": cohort})).mappings().first()


async def others_in_cohort(connection: AsyncConnection, cohort: str, student_id: int) -> int:
    """How many other students are enrolled with a cohort, in any course."""
    parameters = {"cohort": cohort, "student_id": student_id}
    number: int = (await connection.execute(_OTHERS_IN_COHORT, parameters)).scalar_one()
    return number


async def enroll(connection: AsyncConnection, values: Values) -> int:
    """An enrollment; raises IntegrityError when it exists, or the student or course does not."""
    identifier: int = (await connection.execute(_ENROLL, values)).scalar_one()
    return identifier


async def lock_enrollment(connection: AsyncConnection, enrollment_id: int) -> RowMapping | None:
    """An enrollment, locked until the transaction ends."""
    return (await connection.execute(_ENROLLMENT, {"id": enrollment_id})).mappings().first()


async def new_grade(connection: AsyncConnection, values: Values) -> None:
    """A graded piece of work."""
    await connection.execute(_NEW_GRADE, values)


async def grades(connection: AsyncConnection, enrollment_id: int) -> list[RowMapping]:
    """The graded work of an enrollment."""
    return list((await connection.execute(_GRADES, {"id": enrollment_id})).mappings())


async def finish(connection: AsyncConnection, enrollment_id: int, status: str, percent: Decimal, letter: str) -> None:
    """Write the final grade."""
    parameters = {"id": enrollment_id, "status": status, "percent": percent, "letter": letter}
    await connection.execute(_FINISH, parameters)


async def enrollments(connection: AsyncConnection, student_id: int, *, before: int, limit: int) -> list[RowMapping]:
    """What a student is or was enrolled in, newest first."""
    statement = _ENROLLMENTS.where(Enrollment.student_id == student_id, Enrollment.id < before)
    return list((await connection.execute(statement.order_by(Enrollment.id.desc()).limit(limit))).mappings())


async def find_enrollment(connection: AsyncConnection, enrollment_id: int) -> RowMapping | None:
    """One enrollment with the student and the course."""
    return (await connection.execute(_ENROLLMENTS.where(Enrollment.id == enrollment_id))).mappings().first()


async def new_certification(connection: AsyncConnection, values: Values) -> int:
    """A certificate; raises IntegrityError for a student who is none."""
    identifier: int = (
        await connection.execute(insert(Certification).values(**values).returning(Certification.id))
    ).scalar_one()
    return identifier


def in_state(state: CertificateState, today: date) -> ColumnElement[bool]:
    """What `rules.state_of` says, as a condition."""
    valid = and_(Certification.revoked_on.is_(None), Certification.renewed_by_id.is_(None))
    soon = today + rules.EXPIRING
    conditions: dict[CertificateState, ColumnElement[bool]] = {
        CertificateState.REVOKED: Certification.revoked_on.is_not(None),
        CertificateState.RENEWED: and_(Certification.revoked_on.is_(None), Certification.renewed_by_id.is_not(None)),
        CertificateState.EXPIRED: and_(valid, Certification.expires_on < today),
        CertificateState.EXPIRING: and_(valid, Certification.expires_on.between(today, soon)),
        CertificateState.ACTIVE: and_(valid, or_(Certification.expires_on.is_(None), Certification.expires_on > soon)),
    }
    return conditions[state]


async def certifications(
    connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]], *, before: int, limit: int
) -> list[RowMapping]:
    """Certificates that meet the conditions, newest first."""
    statement = _CERTIFICATIONS.where(Certification.id < before, *conditions)
    return list((await connection.execute(statement.order_by(Certification.id.desc()).limit(limit))).mappings())


async def find_certification(connection: AsyncConnection, certification_id: int) -> RowMapping | None:
    """One certificate."""
    return (await connection.execute(_CERTIFICATIONS.where(Certification.id == certification_id))).mappings().first()


async def renewed(connection: AsyncConnection, certification_id: int, by: int) -> bool:
    """Mark a certificate as renewed; False when it is, or there is none to be seen."""
    result = await connection.execute(
        update(Certification)
        .where(Certification.id == certification_id, Certification.renewed_by_id.is_(None))
        .values(renewed_by_id=by)
    )
    return result.rowcount == 1


async def verify(connection: AsyncConnection, certification_id: int, by: str, now: datetime) -> bool:
    """Note who has verified a certificate; False when somebody has, or it is revoked."""
    result = await connection.execute(
        update(Certification)
        .where(
            Certification.id == certification_id,
            Certification.verified_at.is_(None),
            Certification.revoked_on.is_(None),
        )
        .values(verified_at=now, verified_by=by)
    )
    return result.rowcount == 1


def of_students(names: Sequence[str]) -> ColumnElement[bool]:
    """Certificates of students who are called so."""
    return Certification.id.in_(belonging(Certification.student_id, Student, named(names)))


async def revoke(connection: AsyncConnection, certification_id: int, day: date) -> bool:
    """Mark a certificate as revoked; False when it is, or there is none to be seen."""
    result = await connection.execute(
        update(Certification)
        .where(Certification.id == certification_id, Certification.revoked_on.is_(None))
        .values(revoked_on=day)
    )
    return result.rowcount == 1
