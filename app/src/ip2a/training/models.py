"""Students, courses and what happens in them."""

from datetime import date, time
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from ip2a.database.base import Base, Removable, Timestamp, Timestamped, deleted_ones, text_enum


class StudentStatus(StrEnum):
    """Where a student stands."""

    APPLICANT = "applicant"
    ENROLLED = "enrolled"
    ON_LEAVE = "on_leave"
    COMPLETED = "completed"
    DROPPED = "dropped"
    DISMISSED = "dismissed"


class CourseType(StrEnum):
    """What a course is in the programme."""

    CORE = "core"
    ELECTIVE = "elective"
    REMEDIAL = "remedial"
    ADVANCED = "advanced"
    CERTIFICATION = "certification"


class EnrollmentStatus(StrEnum):
    """Where an enrollment stands."""

    ENROLLED = "enrolled"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


class AttendanceStatus(StrEnum):
    """How a student attended; present, late and left early count as there."""

    PRESENT = "present"
    ABSENT = "absent"
    EXCUSED = "excused"
    LATE = "late"
    LEFT_EARLY = "left_early"


class GradeType(StrEnum):
    """What was graded."""

    ASSIGNMENT = "assignment"
    QUIZ = "quiz"
    EXAM = "exam"
    PROJECT = "project"
    PARTICIPATION = "participation"
    FINAL = "final"


class CertificationType(StrEnum):
    """Which certificate."""

    OSHA_10 = "osha_10"
    OSHA_30 = "osha_30"
    FIRST_AID = "first_aid"
    CPR = "cpr"
    FORKLIFT = "forklift"
    AERIAL_LIFT = "aerial_lift"
    CONFINED_SPACE = "confined_space"
    HAZMAT = "hazmat"
    FLAGGER = "flagger"
    ELECTRICAL_TRAINEE = "electrical_trainee"
    OTHER = "other"


class Student(Removable):
    """Somebody in training, with or without a membership; `user_id` is the own account, if any.

    The `…_key` columns are what a search compares, byte by byte.
    """

    __tablename__ = "students"
    __table_args__ = (
        deleted_ones("students"),
        Index(None, "status", "id"),
        Index(None, "last_name_key"),
        Index(None, "first_name_key"),
        Index(None, "student_number_key"),
    )

    student_number: Mapped[str] = mapped_column(String(20), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), unique=True)
    member_id: Mapped[int | None] = mapped_column(ForeignKey("members.id"), unique=True)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    status: Mapped[StudentStatus] = mapped_column(text_enum(StudentStatus, "status"))
    cohort: Mapped[str | None] = mapped_column(String(50))
    last_name_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("lower(last_name)", persisted=True))
    first_name_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("lower(first_name)", persisted=True))
    student_number_key: Mapped[str] = mapped_column(
        Text(collation="C"), Computed("lower(student_number)", persisted=True)
    )


class Course(Timestamped, Base):
    """A course; `passing_percent` is what a final grade must reach."""

    __tablename__ = "courses"
    __table_args__ = (CheckConstraint("hours > 0 AND passing_percent BETWEEN 0 AND 100", name="numbers"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    course_type: Mapped[CourseType] = mapped_column(text_enum(CourseType, "type"))
    hours: Mapped[int]
    passing_percent: Mapped[int] = mapped_column(server_default="70")
    is_active: Mapped[bool] = mapped_column(server_default=true())


class ClassSession(Timestamped, Base):
    """One meeting of a course for a cohort; a cancelled one was not held, and says why."""

    __tablename__ = "class_sessions"
    __table_args__ = (
        CheckConstraint("end_time > start_time", name="times"),
        CheckConstraint("(cancelled_at IS NULL) = (cancellation_reason IS NULL)", name="cancelled"),
        Index(None, "instructor_id", "id"),
        Index(None, "course_id", "session_date", "id"),
        Index(None, "session_date"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    cohort: Mapped[str] = mapped_column(String(50))
    session_date: Mapped[date]
    start_time: Mapped[time]
    end_time: Mapped[time]
    topic: Mapped[str | None] = mapped_column(String(200))
    room: Mapped[str | None] = mapped_column(String(50))
    instructor_id: Mapped[int | None] = mapped_column(ForeignKey("instructors.id"))
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    cancelled_at: Mapped[Timestamp | None]
    cancellation_reason: Mapped[str | None] = mapped_column(String(200))


class Enrollment(Timestamped, Base):
    """A student in a course with a cohort; the final grade is computed once, from the grades."""

    __tablename__ = "enrollments"
    __table_args__ = (
        UniqueConstraint("student_id", "course_id", "cohort"),
        CheckConstraint("final_percent BETWEEN 0 AND 100", name="final"),
        Index(None, "course_id", "cohort"),
        Index(None, "cohort"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    cohort: Mapped[str] = mapped_column(String(50))
    status: Mapped[EnrollmentStatus] = mapped_column(text_enum(EnrollmentStatus, "status"), server_default="enrolled")
    final_percent: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    letter_grade: Mapped[str | None] = mapped_column(String(2))


class Attendance(Timestamped, Base):
    """How a student attended one meeting."""

    __tablename__ = "attendances"
    __table_args__ = (UniqueConstraint("class_session_id", "student_id"), Index(None, "student_id"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    class_session_id: Mapped[int] = mapped_column(ForeignKey("class_sessions.id"))
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    status: Mapped[AttendanceStatus] = mapped_column(text_enum(AttendanceStatus, "status"))


class Grade(Timestamped, Base):
    """One graded piece of work."""

    __tablename__ = "grades"
    __table_args__ = (
        CheckConstraint("points_possible > 0 AND points_earned BETWEEN 0 AND points_possible", name="points"),
        CheckConstraint("weight > 0", name="weight"),
        Index(None, "enrollment_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollments.id"))
    grade_type: Mapped[GradeType] = mapped_column(text_enum(GradeType, "type"))
    name: Mapped[str] = mapped_column(String(200))
    points_earned: Mapped[Decimal] = mapped_column(Numeric(7, 2))
    points_possible: Mapped[Decimal] = mapped_column(Numeric(7, 2))
    weight: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    graded_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Certification(Timestamped, Base):
    """A certificate of a student; without an expiration it does not run out. One that was renewed says by which,
    one that somebody has compared with the paper, or asked the issuer about, says who and when.
    """

    __tablename__ = "certifications"
    __table_args__ = (
        CheckConstraint("expires_on IS NULL OR expires_on >= issued_on", name="dates"),
        CheckConstraint("revoked_on IS NULL OR revoked_on >= issued_on", name="revoked"),
        CheckConstraint("(verified_at IS NULL) = (verified_by IS NULL)", name="verified"),
        UniqueConstraint("renewed_by_id"),
        Index("ix_certifications_revoked", "id", postgresql_where=text("revoked_on IS NOT NULL")),
        Index(None, "student_id", "id"),
        Index(None, "expires_on"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    certification_type: Mapped[CertificationType] = mapped_column(text_enum(CertificationType, "type"))
    certificate_number: Mapped[str | None] = mapped_column(String(100))
    issued_on: Mapped[date]
    expires_on: Mapped[date | None]
    custom_name: Mapped[str | None] = mapped_column(String(200))
    issuing_organization: Mapped[str | None] = mapped_column(String(200))
    revoked_on: Mapped[date | None]
    renewed_by_id: Mapped[int | None] = mapped_column(ForeignKey("certifications.id"))
    verified_at: Mapped[Timestamp | None]
    verified_by: Mapped[str | None] = mapped_column(String(201))
