"""Classes, students with what they are enrolled in and certified for, enrollments with their grades, courses."""

from enum import StrEnum

from ip2a.audit.service import record_read
from ip2a.pages.records.areas import SCHOOL, Act, Area, Column, Form, Narrow, Part, Wanted, deletion
from ip2a.pages.records.inputs import Control, Input, Refers
from ip2a.removals.kinds import RemovedKind
from ip2a.runtime import Runtime
from ip2a.teaching import service as teaching
from ip2a.teaching.schemas import ToolItem, ToolOrder
from ip2a.training import certificates, service
from ip2a.training.models import EnrollmentStatus, StudentStatus
from ip2a.training.schemas import (
    CertificationItem,
    CertificationOrder,
    ClassSessionItem,
    CourseItem,
    CourseOrder,
    EnrollmentForm,
    EnrollmentOfStudent,
    EnrollmentOrder,
    GradeItem,
    GradeOrder,
    SessionOrder,
    StudentChange,
    StudentDetail,
    StudentItem,
    StudentOrder,
)
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

CLASSES_PATH, STUDENTS_PATH, COURSES_PATH = "/school/classes", "/school/students", "/school/courses"
ENROLLMENTS_PATH, CERTIFICATES_PATH = "/school/enrollments", "/school/certificates"
READ, CREATE, UPDATE = "students:read", "students:create", "students:update"
TOOLS_PATH = "/school/tools"
TOOL_INPUTS = (
    Input("tool_name", "Tool"),
    Input("category", "Kind"),
    Input("serial_number", "Serial number"),
    Input("quantity", "How many"),
    Input("value_cents", "Worth in dollars"),
    Input("issued_on", "Since"),
    Input("returned_on", "Back on"),
    Input("return_condition", "How it came back"),
    Input("remarks", "Remarks"),
)
CERTIFICATE_INPUTS = (
    Input("certification_type", "Certificate"),
    Input("custom_name", "What it is, if it is another"),
    Input("certificate_number", "Number"),
    Input("issuing_organization", "Issued by"),
    Input("issued_on", "Issued on"),
    Input("expires_on", "Expires on"),
)


class ClassesOf(StrEnum):
    """Whose classes a list is narrowed to."""

    MINE = "mine"


def place_of(item: ClassSessionItem) -> str | None:
    """Where a class is held, as far as it is said."""
    return ", ".join(filter(None, (item.location_name, item.room))) or None


def percent(value: float | None) -> str | None:
    """A share as percent."""
    return None if value is None else f"{100 * value:.0f} %"


def certificate_name(item: CertificationItem) -> object:
    """What it is."""
    return item.custom_name or item.certification_type


async def _classes(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[ClassSessionItem]:
    mine = wanted.narrowed(ClassesOf) is ClassesOf.MINE
    return await service.sessions(runtime, caller, None, mine=mine, before=wanted.before, limit=wanted.limit)


async def _students(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[StudentItem]:
    await record_read(runtime, caller, "students")
    status = wanted.narrowed(StudentStatus)
    return await service.students(
        runtime, caller, status, search=wanted.search, before=wanted.before, limit=wanted.limit
    )


async def _student(runtime: Runtime, caller: Caller, student_id: int) -> StudentDetail:
    await record_read(runtime, caller, "students", student_id)
    return await service.student(runtime, caller, student_id)


async def _courses(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[CourseItem]:
    return await service.courses(runtime, caller, after=wanted.before, limit=wanted.limit)


async def _enrollment(runtime: Runtime, caller: Caller, enrollment_id: int) -> EnrollmentOfStudent:
    found = await service.enrollment(runtime, caller, enrollment_id)
    await record_read(runtime, caller, "students", found.student_id)
    return found


async def _grades(
    runtime: Runtime, caller: Caller, enrollment_id: int, _before: str | None, _limit: int
) -> Page[GradeItem]:
    return Page(items=await service.grades(runtime, caller, enrollment_id), next=None)


async def _enrollments(
    runtime: Runtime, caller: Caller, student_id: int, before: str | None, limit: int
) -> Page[EnrollmentOfStudent]:
    return await service.enrollments(runtime, caller, student_id, before=before, limit=limit)


async def _certificates(
    runtime: Runtime, caller: Caller, student_id: int, before: str | None, limit: int
) -> Page[CertificationItem]:
    return await certificates.certifications(
        runtime, caller, search="", state=None, student_id=student_id, before=before, limit=limit
    )


async def _tools(runtime: Runtime, caller: Caller, student_id: int, before: str | None, limit: int) -> Page[ToolItem]:
    return await teaching.tools_of(runtime, caller, student_id, before=before, limit=limit)


async def _enroll(runtime: Runtime, caller: Caller, student_id: int, form: EnrollmentForm) -> object:
    return await service.enroll(runtime, caller, EnrollmentOrder(student_id=student_id, **form.model_dump()))


CLASSES: Area[ClassSessionItem, ClassSessionItem] = Area(
    path=CLASSES_PATH,
    noun="class",
    title="Classes",
    tabs=SCHOOL,
    active="classes",
    lead="Meetings of courses; attendance is taken on a meeting’s page.",
    narrow=Narrow("Of whom", ClassesOf),
    reads=UPDATE,
    one=service.session,
    named=lambda item: item.course_name,
    page=_classes,
    columns=(
        Column("Course", lambda item: item.course_name, link=lambda item: f"{CLASSES_PATH}/{item.id}"),
        Column("Cohort", lambda item: item.cohort),
        Column("Day", lambda item: item.session_date),
        Column("Time", lambda item: f"{item.start_time:%H:%M}–{item.end_time:%H:%M}"),
        Column("Where", place_of),
        Column("Taught by", lambda item: item.instructor_name),
        Column("State", lambda item: "cancelled" if item.cancelled_at else None, badge=True),
    ),
    inputs=(
        Input("course_id", "Course", hint="Its code", refers=Refers.COURSE),
        Input("cohort", "Cohort"),
        Input("session_date", "Day"),
        Input("start_time", "From", control=Control.TIME),
        Input("end_time", "To", control=Control.TIME),
        Input("topic", "Topic"),
        Input("location_id", "Place", hint="Its code", refers=Refers.LOCATION),
        Input("room", "Room"),
        Input("instructor_id", "Taught by", hint="Name", refers=Refers.INSTRUCTOR),
    ),
    new=Form(SessionOrder, CREATE),
    add=service.new_session,
    home=lambda item: f"{CLASSES_PATH}/{item.id}",
)
STUDENTS: Area[StudentDetail, StudentItem] = Area(
    path=STUDENTS_PATH,
    noun="student",
    title="Students",
    tabs=SCHOOL,
    active="classes",
    reads=READ,
    table="students",
    one=_student,
    named=lambda item: f"{item.first_name} {item.last_name}",
    search_label="Name or number",
    narrow=Narrow("Status", StudentStatus),
    page=_students,
    columns=(
        Column(
            "Name", lambda item: f"{item.last_name}, {item.first_name}", link=lambda item: f"{STUDENTS_PATH}/{item.id}"
        ),
        Column("Number", lambda item: item.student_number),
        Column("Cohort", lambda item: item.cohort),
        Column("Status", lambda item: item.status, badge=True),
    ),
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column("Number", lambda item: item.student_number),
        Column("Cohort", lambda item: item.cohort),
        Column("Attendance", lambda item: percent(item.attendance_rate)),
        Column("Is a member", lambda item: item.member_id is not None),
    ),
    inputs=(
        Input("first_name", "First name"),
        Input("last_name", "Last name"),
        Input("cohort", "Cohort"),
        Input("status", "Status"),
        Input("member_id", "Member", hint="Name or number", refers=Refers.MEMBER, needs="members:read"),
    ),
    new=Form(StudentOrder, CREATE),
    add=service.new_student,
    edit=Form(StudentChange, UPDATE),
    save=service.change_student,
    stored=service.student,
    parts=(
        Part(
            name="enrollments",
            title="Courses",
            empty="Enrolled in nothing.",
            columns=(
                Column("Course", lambda item: item.course_name, link=lambda item: f"{ENROLLMENTS_PATH}/{item.id}"),
                Column("Cohort", lambda item: item.cohort),
                Column("Status", lambda item: item.status, badge=True),
                Column("Final grade", lambda item: item.letter_grade),
            ),
            page=_enrollments,
            form=Form(EnrollmentForm, CREATE),
            inputs=(Input("course_id", "Course", hint="Its code", refers=Refers.COURSE), Input("cohort", "Cohort")),
            add=_enroll,
            add_label="Enroll in a course",
        ),
        Part(
            name="certificates",
            title="Certificates",
            empty="None is noted.",
            columns=(
                Column("Certificate", certificate_name, link=lambda item: f"{CERTIFICATES_PATH}/{item.id}"),
                Column("Number", lambda item: item.certificate_number),
                Column("Issued", lambda item: item.issued_on),
                Column("Expires", lambda item: item.expires_on),
                Column("State", lambda item: item.state, badge=True),
            ),
            page=_certificates,
            form=Form(CertificationOrder, UPDATE),
            inputs=CERTIFICATE_INPUTS,
            add=certificates.certify,
            add_label="Note a certificate",
        ),
        Part(
            name="tools",
            title="Tools lent",
            empty="Nothing is lent.",
            columns=(
                Column("Tool", lambda item: item.tool_name),
                Column("How many", lambda item: item.quantity, number=True),
                Column("Serial number", lambda item: item.serial_number),
                Column("Since", lambda item: item.issued_on),
                Column("Back", lambda item: item.returned_on),
                Column("How", lambda item: item.return_condition, badge=True),
            ),
            page=_tools,
            form=Form(ToolOrder, UPDATE),
            inputs=TOOL_INPUTS,
            add=teaching.lend,
            add_label="Lend a tool",
            edits=TOOLS_PATH,
            edits_need=UPDATE,
        ),
    ),
    acts=(deletion(RemovedKind.STUDENTS, "students:delete", STUDENTS_PATH),),
)
ENROLLMENTS: Area[EnrollmentOfStudent, EnrollmentOfStudent] = Area(
    path=ENROLLMENTS_PATH,
    noun="enrollment",
    title="Students",
    tabs=SCHOOL,
    active="classes",
    reads=READ,
    table="enrollments",
    one=_enrollment,
    named=lambda item: f"{item.first_name} {item.last_name}: {item.course_name}",
    facts=(
        Column(
            "Student",
            lambda item: f"{item.first_name} {item.last_name}",
            link=lambda item: f"{STUDENTS_PATH}/{item.student_id}",
        ),
        Column("Course", lambda item: f"{item.course_code} {item.course_name}"),
        Column("Cohort", lambda item: item.cohort),
        Column("Status", lambda item: item.status, badge=True),
        Column("Final grade", lambda item: item.letter_grade),
        Column("Percent", lambda item: item.final_percent),
    ),
    acts=(
        Act(
            "finish",
            "Compute the final grade",
            UPDATE,
            service.finish,
            when=lambda item: item.status is EnrollmentStatus.ENROLLED,
        ),
    ),
    parts=(
        Part(
            name="grades",
            title="Graded work",
            empty="Nothing is graded yet.",
            columns=(
                Column("What", lambda item: item.name),
                Column("Kind", lambda item: item.grade_type),
                Column("Points", lambda item: f"{item.points_earned} of {item.points_possible}", number=True),
                Column("Counts", lambda item: item.weight, number=True),
            ),
            page=_grades,
            form=Form(GradeOrder, UPDATE),
            inputs=(
                Input("name", "What"),
                Input("grade_type", "Kind"),
                Input("points_earned", "Points", control=Control.DECIMAL),
                Input("points_possible", "Of how many", control=Control.DECIMAL),
                Input("weight", "Counts how much", control=Control.DECIMAL),
            ),
            add=service.add_grade,
            add_label="Grade a piece of work",
        ),
    ),
)
COURSES: Area[CourseItem, CourseItem] = Area(
    path=COURSES_PATH,
    noun="course",
    title="Courses",
    tabs=SCHOOL,
    active="classes",
    reads=READ,
    one=service.course,
    named=lambda item: item.name,
    page=_courses,
    columns=(
        Column("Code", lambda item: item.code),
        Column("Name", lambda item: item.name),
        Column("Kind", lambda item: item.course_type),
        Column("Hours", lambda item: item.hours, number=True),
        Column("Passed from", lambda item: f"{item.passing_percent} %", number=True),
    ),
    inputs=(
        Input("code", "Code"),
        Input("name", "Name"),
        Input("course_type", "Kind"),
        Input("hours", "Hours"),
        Input("passing_percent", "Passed from, in percent"),
    ),
    new=Form(CourseOrder, CREATE),
    add=service.new_course,
    home=lambda _item: COURSES_PATH,
)
