"""`/api/v1/training` and `/api/v1/my/certifications`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from ip2a.audit.service import record_read
from ip2a.training import certificates, service
from ip2a.training.models import StudentStatus
from ip2a.training.rules import CertificateState
from ip2a.training.schemas import (
    AttendanceOrder,
    Cancellation,
    CertificationItem,
    CertificationOrder,
    ClassSessionItem,
    CourseItem,
    CourseOrder,
    EnrollmentItem,
    EnrollmentOfStudent,
    EnrollmentOrder,
    GradeItem,
    GradeOrder,
    RenewalOrder,
    RosterItem,
    SessionOrder,
    StudentChange,
    StudentDetail,
    StudentItem,
    StudentOrder,
)
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Identifier, Limit, Page, PathId, Search

router = APIRouter(prefix="/api/v1", tags=["training"])

Reader = Annotated[Caller, Depends(require("students:read"))]
Teacher = Annotated[Caller, Depends(require("students:update"))]
Creator = Annotated[Caller, Depends(require("students:create"))]


@router.get("/my/certifications")
async def my_certifications(
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("self:read"))],
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[CertificationItem]:
    """The caller's own certificates, newest first."""
    return await certificates.own_certifications(runtime, caller, before=before, limit=limit)


@router.get("/training/students")
async def students(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    status: StudentStatus | None = None,
    search: Search = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[StudentItem]:
    """Students, newest first; `search` begins names or numbers. The reading is recorded."""
    await record_read(runtime, caller, "students")
    return await service.students(runtime, caller, status, search=search, before=before, limit=limit)


@router.post("/training/students", status_code=201)
async def new_student(body: StudentOrder, runtime: RuntimeDependency, caller: Creator) -> StudentDetail:
    """Take somebody into the training."""
    return await service.new_student(runtime, caller, body)


@router.get("/training/students/{student_id}")
async def student(student_id: PathId, runtime: RuntimeDependency, caller: Reader) -> StudentDetail:
    """One student; the reading is recorded."""
    await record_read(runtime, caller, "students", student_id)
    return await service.student(runtime, caller, student_id)


@router.patch("/training/students/{student_id}")
async def change_student(
    student_id: PathId, body: StudentChange, runtime: RuntimeDependency, caller: Teacher
) -> StudentDetail:
    """Change a student's record: name, cohort, standing."""
    return await service.change_student(runtime, caller, student_id, body)


@router.post("/training/students/{student_id}/certifications", status_code=201)
async def certify(
    student_id: PathId, body: CertificationOrder, runtime: RuntimeDependency, caller: Teacher
) -> CertificationItem:
    """Note a certificate."""
    return await certificates.certify(runtime, caller, student_id, body)


@router.get("/training/students/{student_id}/enrollments")
async def enrollments(
    student_id: PathId, runtime: RuntimeDependency, caller: Reader, before: Cursor = None, limit: Limit = 50
) -> Page[EnrollmentOfStudent]:
    """What a student is or was enrolled in, newest first; the reading is recorded."""
    await record_read(runtime, caller, "students", student_id)
    return await service.enrollments(runtime, caller, student_id, before=before, limit=limit)


@router.get("/training/certifications")
async def certifications(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    state: CertificateState | None = None,
    student_id: Annotated[Identifier | None, Query()] = None,
    search: Search = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[CertificationItem]:
    """Certificates, newest first; `expiring` ones end within 30 days. The reading is recorded."""
    await record_read(runtime, caller, "certifications")
    return await certificates.certifications(
        runtime, caller, search=search, state=state, student_id=student_id, before=before, limit=limit
    )


@router.post("/training/certifications/{certification_id}/renewal", status_code=201)
async def renew(
    certification_id: PathId, body: RenewalOrder, runtime: RuntimeDependency, caller: Teacher
) -> CertificationItem:
    """Note the certificate that follows this one."""
    return await certificates.renew(runtime, caller, certification_id, body)


@router.post("/training/certifications/{certification_id}/revocation")
async def revoke(certification_id: PathId, runtime: RuntimeDependency, caller: Teacher) -> CertificationItem:
    """A certificate does not count any more."""
    return await certificates.revoke(runtime, caller, certification_id)


@router.post("/training/certifications/{certification_id}/verification")
async def verify(
    certification_id: PathId,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("students:approve"))],
) -> CertificationItem:
    """The caller has compared a certificate with the paper, or asked who issued it."""
    return await certificates.verify(runtime, caller, certification_id)


@router.get("/training/courses")
async def courses(
    runtime: RuntimeDependency, caller: Reader, after: Cursor = None, limit: Limit = 50
) -> Page[CourseItem]:
    """Courses by code."""
    return await service.courses(runtime, caller, after=after, limit=limit)


@router.post("/training/courses", status_code=201)
async def new_course(body: CourseOrder, runtime: RuntimeDependency, caller: Creator) -> CourseItem:
    """A new course."""
    return await service.new_course(runtime, caller, body)


@router.get("/training/sessions")
async def sessions(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    course_id: Annotated[Identifier | None, Query()] = None,
    mine: Annotated[bool, Query(description="Only those that the caller teaches.")] = False,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[ClassSessionItem]:
    """Class sessions, newest first."""
    return await service.sessions(runtime, caller, course_id, mine=mine, before=before, limit=limit)


@router.post("/training/sessions", status_code=201)
async def new_session(body: SessionOrder, runtime: RuntimeDependency, caller: Creator) -> ClassSessionItem:
    """Plan a meeting of a course."""
    return await service.new_session(runtime, caller, body)


@router.post("/training/sessions/{session_id}/cancellation")
async def cancel_session(
    session_id: PathId, body: Cancellation, runtime: RuntimeDependency, caller: Teacher
) -> ClassSessionItem:
    """Cancel a class that was not held yet; its students and its instructor are told by mail."""
    return await service.cancel_session(runtime, caller, session_id, body)


@router.get("/training/sessions/{session_id}/roster")
async def roster(session_id: PathId, runtime: RuntimeDependency, caller: Reader) -> list[RosterItem]:
    """The class with the attendance taken so far; the reading is recorded."""
    await record_read(runtime, caller, "students")
    return await service.roster(runtime, caller, session_id)


@router.put("/training/sessions/{session_id}/attendance")
async def take_attendance(
    session_id: PathId, body: AttendanceOrder, runtime: RuntimeDependency, caller: Teacher
) -> list[RosterItem]:
    """Take the attendance of a class, all of it or nothing."""
    return await service.take_attendance(runtime, caller, session_id, body)


@router.post("/training/enrollments", status_code=201)
async def enroll(body: EnrollmentOrder, runtime: RuntimeDependency, caller: Creator) -> EnrollmentItem:
    """Enroll a student in a course with a cohort."""
    return await service.enroll(runtime, caller, body)


@router.post("/training/enrollments/{enrollment_id}/grades", status_code=201)
async def add_grade(
    enrollment_id: PathId, body: GradeOrder, runtime: RuntimeDependency, caller: Teacher
) -> list[GradeItem]:
    """Grade a piece of work."""
    return await service.add_grade(runtime, caller, enrollment_id, body)


@router.post("/training/enrollments/{enrollment_id}/finish")
async def finish(enrollment_id: PathId, runtime: RuntimeDependency, caller: Teacher) -> EnrollmentItem:
    """Compute the final grade."""
    return await service.finish(runtime, caller, enrollment_id)
