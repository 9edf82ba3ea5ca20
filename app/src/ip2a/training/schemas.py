"""Training as taken and as shown."""

from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ip2a.records.schemas import RecordDay, Version
from ip2a.training.models import (
    AttendanceStatus,
    CertificationType,
    CourseType,
    EnrollmentStatus,
    GradeType,
    StudentStatus,
)
from ip2a.training.rules import CertificateState
from ip2a.web.keyset import Identifier
from ip2a.web.times import Day, LocalTime

CLASS_SIZE = 100


def _strict(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [example]})


class StudentOrder(BaseModel):
    """A new student."""

    model_config = _strict({"first_name": "Ana", "last_name": "Diaz"})

    first_name: str = Field(min_length=1, max_length=100)
    last_name: str = Field(min_length=1, max_length=100)
    member_id: Identifier | None = None
    cohort: str | None = Field(default=None, min_length=1, max_length=50)


class StudentChange(BaseModel):
    """Fields to change; absent ones stay, null empties."""

    model_config = _strict({"status": "on_leave", "version": 1})

    version: Version
    first_name: str | None = Field(default=None, min_length=1, max_length=100)
    last_name: str | None = Field(default=None, min_length=1, max_length=100)
    cohort: str | None = Field(default=None, min_length=1, max_length=50)
    status: StudentStatus | None = None


class StudentItem(BaseModel):
    """A student."""

    id: int
    version: int
    student_number: str
    user_id: int | None
    member_id: int | None
    first_name: str
    last_name: str
    status: StudentStatus
    cohort: str | None


class StudentDetail(StudentItem):
    """A student with the share of meetings attended."""

    attendance_rate: float | None


class CourseOrder(BaseModel):
    """A new course."""

    model_config = _strict({"code": "SAFE-1", "name": "Safety", "course_type": "core", "hours": 40})

    code: str = Field(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9-]+$")
    name: str = Field(min_length=1, max_length=200)
    course_type: CourseType
    hours: int = Field(strict=True, ge=1, le=2000)
    passing_percent: int = Field(default=70, strict=True, ge=0, le=100)


class CourseItem(BaseModel):
    """A course."""

    id: int
    code: str
    name: str
    course_type: CourseType
    hours: int
    passing_percent: int
    is_active: bool


class SessionOrder(BaseModel):
    """A meeting of a course."""

    model_config = _strict(
        {"course_id": 1, "cohort": "2026-A", "session_date": "2026-12-01", "start_time": "18:00", "end_time": "21:00"}
    )

    course_id: Identifier
    cohort: str = Field(min_length=1, max_length=50)
    session_date: Day
    start_time: LocalTime
    end_time: LocalTime
    topic: str | None = Field(default=None, max_length=200)
    room: str | None = Field(default=None, max_length=50)
    instructor_id: Identifier | None = None
    location_id: Identifier | None = None


class Cancellation(BaseModel):
    """Why a class is cancelled; its students are told so."""

    model_config = _strict({"reason": "The building has no power."})

    reason: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00\r\n]*$")


class ClassSessionItem(BaseModel):
    """A meeting of a course."""

    id: int
    course_id: int
    course_code: str
    course_name: str
    cohort: str
    session_date: date
    start_time: LocalTime
    end_time: LocalTime
    topic: str | None
    room: str | None
    instructor_id: int | None
    instructor_name: str | None
    location_id: int | None
    location_name: str | None
    cancelled_at: datetime | None
    cancellation_reason: str | None


class RosterItem(BaseModel):
    """A student of the class and the attendance taken, if any."""

    student_id: int
    student_number: str
    first_name: str
    last_name: str
    status: AttendanceStatus | None


class AttendanceMark(BaseModel):
    """How one student attended."""

    model_config = ConfigDict(extra="forbid")

    student_id: Identifier
    status: AttendanceStatus


class AttendanceOrder(BaseModel):
    """The attendance of a class; taking it again replaces it."""

    model_config = _strict({"marks": [{"student_id": 1, "status": "present"}]})

    marks: list[AttendanceMark] = Field(min_length=1, max_length=CLASS_SIZE)


class EnrollmentForm(BaseModel):
    """In which course, with which cohort."""

    model_config = _strict({"course_id": 1, "cohort": "2026-A"})

    course_id: Identifier
    cohort: str = Field(min_length=1, max_length=50)


class EnrollmentOrder(EnrollmentForm):
    """Who enrolls in which course with which cohort."""

    model_config = _strict({"student_id": 1, "course_id": 1, "cohort": "2026-A"})

    student_id: Identifier


class EnrollmentItem(BaseModel):
    """An enrollment."""

    id: int
    student_id: int
    course_id: int
    course_code: str
    cohort: str
    status: EnrollmentStatus
    final_percent: Decimal | None
    letter_grade: str | None


class GradeOrder(BaseModel):
    """A graded piece of work."""

    model_config = _strict({"grade_type": "quiz", "name": "Quiz 1", "points_earned": 8, "points_possible": 10})

    grade_type: GradeType
    name: str = Field(min_length=1, max_length=200)
    points_earned: Decimal = Field(ge=0, le=10_000, max_digits=7, decimal_places=2)
    points_possible: Decimal = Field(gt=0, le=10_000, max_digits=7, decimal_places=2)
    weight: Decimal = Field(default=Decimal(1), gt=0, le=100, max_digits=5, decimal_places=2)


class GradeItem(BaseModel):
    """A graded piece of work."""

    id: int
    grade_type: GradeType
    name: str
    points_earned: Decimal
    points_possible: Decimal
    weight: Decimal


class RenewalOrder(BaseModel):
    """What a renewed certificate says."""

    model_config = _strict({"issued_on": "2026-11-01", "expires_on": "2029-11-01"})

    certificate_number: str | None = Field(default=None, max_length=100)
    issued_on: RecordDay
    expires_on: RecordDay | None = None


class CertificationOrder(RenewalOrder):
    """A certificate a student has earned."""

    model_config = _strict({"certification_type": "osha_10", "issued_on": "2026-11-01"})

    certification_type: CertificationType
    custom_name: str | None = Field(
        default=None, min_length=1, max_length=200, description="What it is, for the type other."
    )
    issuing_organization: str | None = Field(default=None, min_length=1, max_length=200)


class CertificationItem(BaseModel):
    """A certificate; `state` is of today."""

    id: int
    student_id: int
    student_number: str
    first_name: str
    last_name: str
    certification_type: CertificationType
    custom_name: str | None
    certificate_number: str | None
    issuing_organization: str | None
    issued_on: date
    expires_on: date | None
    revoked_on: date | None
    renewed_by_id: int | None
    verified_at: datetime | None
    verified_by: str | None
    state: CertificateState


class EnrollmentOfStudent(BaseModel):
    """What a student is or was enrolled in."""

    id: int
    student_id: int
    first_name: str
    last_name: str
    course_id: int
    course_code: str
    course_name: str
    cohort: str
    status: EnrollmentStatus
    final_percent: Decimal | None
    letter_grade: str | None
