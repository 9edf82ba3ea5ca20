"""Cohorts with who teaches them, places, instructors with their hours, tools that are lent, one's own hours."""

from enum import StrEnum

from ip2a.pages.records.areas import SCHOOL, Act, Area, Column, Form, Narrow, Part, Wanted, deletion, stored
from ip2a.pages.records.inputs import Control, Input, Refers
from ip2a.pages.records.school import STUDENTS_PATH, TOOL_INPUTS, TOOLS_PATH
from ip2a.pages.rendering import money
from ip2a.removals.kinds import RemovedKind
from ip2a.runtime import Runtime
from ip2a.teaching import service
from ip2a.teaching.models import CohortStatus
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
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

COHORTS_PATH, PLACES_PATH, INSTRUCTORS_PATH = "/school/cohorts", "/school/places", "/school/instructors"
HOURS_PATH, OWN_HOURS_PATH, ASSIGNMENTS_PATH = "/school/paid-hours", "/school/hours", "/school/assignments"
READ, CREATE, UPDATE = "cohorts:read", "cohorts:create", "cohorts:update"
HOURS_INPUTS = (
    Input("worked_on", "Day"),
    Input("hours", "Hours taught", control=Control.DECIMAL),
    Input("prep_hours", "Hours of preparing", control=Control.DECIMAL),
    Input("cohort_id", "Cohort", hint="Its code", refers=Refers.COHORT, shown="cohort_code"),
    Input("location_id", "Place", hint="Its code", refers=Refers.LOCATION, shown="location_name"),
    Input("rate_cents", "Dollars an hour"),
    Input("remarks", "Remarks"),
    Input("paid_on", "Paid on"),
)


class Lent(StrEnum):
    """Whether a tool is back."""

    OUT = "out"
    BACK = "back"


async def _cohorts(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[CohortItem]:
    status = wanted.narrowed(CohortStatus)
    return await service.cohorts(runtime, caller, status=status, before=wanted.before, limit=wanted.limit)


async def _assignments(
    runtime: Runtime, caller: Caller, cohort_id: int, before: str | None, limit: int
) -> Page[AssignmentItem]:
    return await service.assignments(runtime, caller, cohort_id, before=before, limit=limit)


async def _places(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[LocationItem]:
    return await service.locations(runtime, caller, after=wanted.before, limit=wanted.limit)


async def _instructors(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[InstructorItem]:
    return await service.instructors(runtime, caller, after=wanted.before, limit=wanted.limit)


async def _hours(
    runtime: Runtime, caller: Caller, instructor_id: int, before: str | None, limit: int
) -> Page[HoursItem]:
    return await service.hours(runtime, caller, instructor_id=instructor_id, before=before, limit=limit)


async def _own_hours(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[HoursItem]:
    return await service.own_hours(runtime, caller, before=wanted.before, limit=wanted.limit)


async def _tools(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[ToolItem]:
    chosen = wanted.narrowed(Lent)
    out = None if chosen is None else chosen is Lent.OUT
    return await service.tools(runtime, caller, out=out, before=wanted.before, limit=wanted.limit)


def seats(item: CohortItem) -> str:
    """How many students, of how many that fit."""
    return f"{item.students}" if item.max_students is None else f"{item.students} of {item.max_students}"


def rate(item: HoursItem) -> str | None:
    """What an hour is paid with."""
    return None if item.rate_cents is None else money(item.rate_cents)


def address(item: LocationItem) -> str | None:
    """Where it is, in one line."""
    town = " ".join(filter(None, (item.state, item.zip_code)))
    return ", ".join(filter(None, (item.address, item.city, town))) or None


COHORTS: Area[CohortItem, CohortItem] = Area(
    path=COHORTS_PATH,
    noun="cohort",
    title="Cohorts",
    tabs=SCHOOL,
    active="classes",
    lead="Students who are trained together.",
    reads=READ,
    table="cohorts",
    one=service.cohort,
    named=lambda item: item.name,
    narrow=Narrow("Status", CohortStatus),
    page=_cohorts,
    columns=(
        Column("Name", lambda item: item.name, link=lambda item: f"{COHORTS_PATH}/{item.id}"),
        Column("Code", lambda item: item.code),
        Column("From", lambda item: item.starts_on),
        Column("To", lambda item: item.ends_on),
        Column("Students", seats, number=True),
        Column("Status", lambda item: item.status, badge=True),
    ),
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column("Code", lambda item: item.code),
        Column("From", lambda item: item.starts_on),
        Column("To", lambda item: item.ends_on),
        Column("Students", seats),
        Column("Place", lambda item: item.location_name, link=lambda item: f"{PLACES_PATH}/{item.location_id}"),
        Column("Description", lambda item: item.description, long=True),
    ),
    inputs=(
        Input("code", "Code", hint="As classes and enrollments name it"),
        Input("name", "Name"),
        Input("status", "Status"),
        Input("starts_on", "From"),
        Input("ends_on", "To"),
        Input("max_students", "Students at most"),
        Input("location_id", "Place", hint="Its code", refers=Refers.LOCATION, shown="location_name"),
        Input("description", "Description"),
    ),
    new=Form(CohortOrder, CREATE),
    add=service.new_cohort,
    edit=Form(CohortChange, UPDATE),
    save=service.change_cohort,
    stored=stored(service.COHORTS),
    parts=(
        Part(
            name="instructors",
            title="Who teaches it",
            empty="Nobody yet.",
            columns=(
                Column(
                    "Name",
                    lambda item: f"{item.first_name} {item.last_name}",
                    link=lambda item: f"{ASSIGNMENTS_PATH}/{item.id}",
                ),
                Column("The first to ask", lambda item: item.is_primary or None),
            ),
            page=_assignments,
            form=Form(AssignmentOrder, UPDATE),
            inputs=(
                Input("instructor_id", "Instructor", hint="Name", refers=Refers.INSTRUCTOR),
                Input("is_primary", "The first to ask"),
            ),
            add=service.assign,
            add_label="Add an instructor",
        ),
    ),
    acts=(deletion(RemovedKind.COHORTS, "cohorts:delete", COHORTS_PATH),),
)
PLACES: Area[LocationItem, LocationItem] = Area(
    path=PLACES_PATH,
    noun="place",
    title="Places",
    tabs=SCHOOL,
    active="classes",
    lead="Where classes are held.",
    reads=READ,
    table="locations",
    one=service.location,
    named=lambda item: item.name,
    page=_places,
    columns=(
        Column("Name", lambda item: item.name, link=lambda item: f"{PLACES_PATH}/{item.id}"),
        Column("Code", lambda item: item.code),
        Column("Kind", lambda item: item.location_type),
        Column("City", lambda item: item.city),
        Column("Seats", lambda item: item.capacity, number=True),
    ),
    facts=(
        Column("Kind", lambda item: item.location_type),
        Column("Code", lambda item: item.code),
        Column("Address", address),
        Column("Seats", lambda item: item.capacity),
        Column("Whom to ask", lambda item: item.contact_name),
        Column("Phone", lambda item: item.contact_phone),
        Column("E-mail", lambda item: item.contact_email, link=lambda item: f"mailto:{item.contact_email}"),
        Column("Remarks", lambda item: item.remarks, long=True),
    ),
    inputs=(
        Input("code", "Code"),
        Input("name", "Name"),
        Input("location_type", "Kind"),
        Input("address", "Address"),
        Input("city", "City"),
        Input("state", "State", hint="Two capital letters"),
        Input("zip_code", "ZIP code"),
        Input("capacity", "Seats"),
        Input("contact_name", "Whom to ask"),
        Input("contact_phone", "Phone", control=Control.TEL),
        Input("contact_email", "E-mail"),
        Input("remarks", "Remarks"),
    ),
    new=Form(LocationOrder, CREATE),
    add=service.new_location,
    edit=Form(LocationChange, UPDATE),
    save=service.change_location,
    stored=stored(service.LOCATIONS),
    acts=(deletion(RemovedKind.LOCATIONS, "cohorts:delete", PLACES_PATH),),
)
INSTRUCTORS: Area[InstructorItem, InstructorItem] = Area(
    path=INSTRUCTORS_PATH,
    noun="instructor",
    title="Instructors",
    tabs=SCHOOL,
    active="classes",
    lead="Who teaches. The account with the same e-mail address is theirs: they note their own hours with it.",
    reads="instructors:read",
    table="instructors",
    one=service.instructor,
    named=lambda item: f"{item.first_name} {item.last_name}",
    page=_instructors,
    columns=(
        Column(
            "Name",
            lambda item: f"{item.last_name}, {item.first_name}",
            link=lambda item: f"{INSTRUCTORS_PATH}/{item.id}",
        ),
        Column("E-mail", lambda item: item.email),
        Column("Phone", lambda item: item.phone),
        Column("State", lambda item: "active" if item.is_active else "inactive", badge=True),
    ),
    facts=(
        Column("State", lambda item: "active" if item.is_active else "inactive", badge=True),
        Column("E-mail", lambda item: item.email, link=lambda item: f"mailto:{item.email}"),
        Column("Phone", lambda item: item.phone),
        Column("Certified as", lambda item: item.certification),
        Column("Contractor", lambda item: item.is_contractor),
        Column("Teaches", lambda item: item.specialties, long=True),
    ),
    inputs=(
        Input("first_name", "First name"),
        Input("last_name", "Last name"),
        Input("email", "E-mail"),
        Input("phone", "Phone", control=Control.TEL),
        Input("certification", "Certified as"),
        Input("specialties", "Teaches"),
        Input("is_contractor", "Is a contractor"),
        Input("is_active", "Teaches now"),
    ),
    new=Form(InstructorOrder, "instructors:create"),
    add=service.new_instructor,
    edit=Form(InstructorChange, "instructors:update"),
    save=service.change_instructor,
    stored=stored(service.INSTRUCTORS),
    parts=(
        Part(
            name="hours",
            title="Hours",
            empty="None are noted.",
            columns=(
                Column("Day", lambda item: item.worked_on),
                Column("Hours", lambda item: item.total_hours, number=True),
                Column("Cohort", lambda item: item.cohort_code),
                Column("Place", lambda item: item.location_name),
                Column("An hour", rate, number=True),
                Column("Paid", lambda item: item.paid_on),
            ),
            page=_hours,
            form=Form(HoursOrder, "instructors:update"),
            inputs=HOURS_INPUTS[:-1],
            add=service.note_hours,
            add_label="Note hours",
            edits=HOURS_PATH,
            edits_need="instructors:update",
        ),
    ),
    acts=(deletion(RemovedKind.INSTRUCTORS, "instructors:delete", INSTRUCTORS_PATH),),
)
HOURS: Area[HoursItem, HoursItem] = Area(
    path=HOURS_PATH,
    noun="hours",
    title="Instructors",
    tabs=SCHOOL,
    active="classes",
    reads="instructors:read",
    one=service.hours_of,
    named=lambda item: f"the hours of {item.first_name} {item.last_name}",
    inputs=HOURS_INPUTS,
    edit=Form(HoursChange, "instructors:update"),
    save=service.change_hours,
    stored=stored(service.HOURS),
    may_edit=lambda _caller, item: item.paid_on is None,
    required_by=HoursOrder,
    above=INSTRUCTORS_PATH,
    home=lambda item: f"{INSTRUCTORS_PATH}/{item.instructor_id}?said=saved",
)
OWN_HOURS: Area[HoursItem, HoursItem] = Area(
    path=OWN_HOURS_PATH,
    noun="hours",
    title="My hours",
    tabs=SCHOOL,
    active="classes",
    lead="What you taught and prepared. The office says when it is paid, and corrects what is not right.",
    reads="hours:read",
    one=service.hours_of,
    named=lambda item: f"{item.worked_on}",
    page=_own_hours,
    columns=(
        Column("Day", lambda item: item.worked_on),
        Column("Taught", lambda item: item.hours, number=True),
        Column("Prepared", lambda item: item.prep_hours, number=True),
        Column("Cohort", lambda item: item.cohort_code),
        Column("Place", lambda item: item.location_name),
        Column("Paid", lambda item: item.paid_on),
    ),
    inputs=HOURS_INPUTS,
    new=Form(OwnHoursOrder, "hours:create"),
    add=service.note_own_hours,
    home=lambda _item: OWN_HOURS_PATH,
)
TOOLS: Area[ToolItem, ToolItem] = Area(
    path=TOOLS_PATH,
    noun="tool",
    title="Tools",
    tabs=SCHOOL,
    active="classes",
    lead="What is lent to students. Something new is lent on the student’s page.",
    reads="students:read",
    one=service.tool,
    named=lambda item: f"{item.tool_name} of {item.first_name} {item.last_name}",
    narrow=Narrow("State", Lent),
    page=_tools,
    columns=(
        Column(
            "Student",
            lambda item: f"{item.last_name}, {item.first_name}",
            link=lambda item: f"{STUDENTS_PATH}/{item.student_id}",
        ),
        Column("Tool", lambda item: item.tool_name),
        Column("How many", lambda item: item.quantity, number=True),
        Column("Serial number", lambda item: item.serial_number),
        Column("Since", lambda item: item.issued_on),
        Column("Back", lambda item: item.returned_on),
        Column("How", lambda item: item.return_condition, badge=True),
    ),
    inputs=TOOL_INPUTS,
    edit=Form(ToolChange, "students:update"),
    save=service.change_tool,
    stored=stored(service.TOOLS),
    required_by=ToolOrder,
    home=lambda item: f"{STUDENTS_PATH}/{item.student_id}?said=saved",
)
ASSIGNMENTS: Area[AssignmentItem, AssignmentItem] = Area(
    path=ASSIGNMENTS_PATH,
    noun="instructor",
    title="Cohorts",
    tabs=SCHOOL,
    active="classes",
    reads=READ,
    one=service.assignment,
    named=lambda item: f"{item.first_name} {item.last_name}",
    facts=(
        Column("Name", lambda item: f"{item.first_name} {item.last_name}"),
        Column("The first to ask", lambda item: item.is_primary),
    ),
    acts=(Act("end", "Does not teach it any more", UPDATE, service.unassign, away=COHORTS_PATH),),
    above=COHORTS_PATH,
)
