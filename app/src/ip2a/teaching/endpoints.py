"""`/api/v1/training` of those who teach: locations, cohorts, instructors, hours, tools; `/api/v1/my/hours`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

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
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Identifier, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["training"])

CohortReader = Annotated[Caller, Depends(require("cohorts:read"))]
CohortCreator = Annotated[Caller, Depends(require("cohorts:create"))]
CohortEditor = Annotated[Caller, Depends(require("cohorts:update"))]
InstructorReader = Annotated[Caller, Depends(require("instructors:read"))]
InstructorCreator = Annotated[Caller, Depends(require("instructors:create"))]
InstructorEditor = Annotated[Caller, Depends(require("instructors:update"))]
StudentReader = Annotated[Caller, Depends(require("students:read"))]
StudentEditor = Annotated[Caller, Depends(require("students:update"))]


@router.get("/my/hours")
async def my_hours(
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("hours:read"))],
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[HoursItem]:
    """The instructor's own hours, the last noted first."""
    return await service.own_hours(runtime, caller, before=before, limit=limit)


@router.post("/my/hours", status_code=201)
async def note_my_hours(
    body: OwnHoursOrder, runtime: RuntimeDependency, caller: Annotated[Caller, Depends(require("hours:create"))]
) -> HoursItem:
    """Note what the instructor worked on a day."""
    return await service.note_own_hours(runtime, caller, body)


@router.get("/my/tools")
async def my_tools(
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("self:read"))],
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[ToolItem]:
    """Tools that are or were lent to the caller, the last first."""
    return await service.own_tools(runtime, caller, before=before, limit=limit)


@router.get("/training/locations")
async def locations(
    runtime: RuntimeDependency, caller: CohortReader, after: Cursor = None, limit: Limit = 50
) -> Page[LocationItem]:
    """Places where classes are held, by code."""
    return await service.locations(runtime, caller, after=after, limit=limit)


@router.post("/training/locations", status_code=201)
async def new_location(body: LocationOrder, runtime: RuntimeDependency, caller: CohortCreator) -> LocationItem:
    """A new place."""
    return await service.new_location(runtime, caller, body)


@router.get("/training/locations/{location_id}")
async def location(location_id: PathId, runtime: RuntimeDependency, caller: CohortReader) -> LocationItem:
    """One place."""
    return await service.location(runtime, caller, location_id)


@router.patch("/training/locations/{location_id}")
async def change_location(
    location_id: PathId, body: LocationChange, runtime: RuntimeDependency, caller: CohortEditor
) -> LocationItem:
    """Change a place."""
    return await service.change_location(runtime, caller, location_id, body)


@router.get("/training/cohorts")
async def cohorts(
    runtime: RuntimeDependency,
    caller: CohortReader,
    status: CohortStatus | None = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[CohortItem]:
    """Cohorts with how many students each has, newest first."""
    return await service.cohorts(runtime, caller, status=status, before=before, limit=limit)


@router.post("/training/cohorts", status_code=201)
async def new_cohort(body: CohortOrder, runtime: RuntimeDependency, caller: CohortCreator) -> CohortItem:
    """A new cohort."""
    return await service.new_cohort(runtime, caller, body)


@router.get("/training/cohorts/{cohort_id}")
async def cohort(cohort_id: PathId, runtime: RuntimeDependency, caller: CohortReader) -> CohortItem:
    """One cohort."""
    return await service.cohort(runtime, caller, cohort_id)


@router.patch("/training/cohorts/{cohort_id}")
async def change_cohort(
    cohort_id: PathId, body: CohortChange, runtime: RuntimeDependency, caller: CohortEditor
) -> CohortItem:
    """Change a cohort."""
    return await service.change_cohort(runtime, caller, cohort_id, body)


@router.get("/training/cohorts/{cohort_id}/instructors")
async def assignments(
    cohort_id: PathId, runtime: RuntimeDependency, caller: CohortReader, before: Cursor = None, limit: Limit = 50
) -> Page[AssignmentItem]:
    """Who teaches a cohort."""
    return await service.assignments(runtime, caller, cohort_id, before=before, limit=limit)


@router.post("/training/cohorts/{cohort_id}/instructors", status_code=201)
async def assign(
    cohort_id: PathId, body: AssignmentOrder, runtime: RuntimeDependency, caller: CohortEditor
) -> AssignmentItem:
    """Let an instructor teach a cohort."""
    return await service.assign(runtime, caller, cohort_id, body)


@router.delete("/training/cohort-instructors/{assignment_id}", status_code=204)
async def unassign(assignment_id: PathId, runtime: RuntimeDependency, caller: CohortEditor) -> None:
    """An instructor does not teach a cohort any more."""
    await service.unassign(runtime, caller, assignment_id)


@router.get("/training/instructors")
async def instructors(
    runtime: RuntimeDependency, caller: InstructorReader, after: Cursor = None, limit: Limit = 50
) -> Page[InstructorItem]:
    """Instructors by name; the reading is recorded."""
    return await service.instructors(runtime, caller, after=after, limit=limit)


@router.post("/training/instructors", status_code=201)
async def new_instructor(
    body: InstructorOrder, runtime: RuntimeDependency, caller: InstructorCreator
) -> InstructorItem:
    """Somebody new who teaches."""
    return await service.new_instructor(runtime, caller, body)


@router.get("/training/instructors/{instructor_id}")
async def instructor(instructor_id: PathId, runtime: RuntimeDependency, caller: InstructorReader) -> InstructorItem:
    """One instructor; the reading is recorded."""
    return await service.instructor(runtime, caller, instructor_id)


@router.patch("/training/instructors/{instructor_id}")
async def change_instructor(
    instructor_id: PathId, body: InstructorChange, runtime: RuntimeDependency, caller: InstructorEditor
) -> InstructorItem:
    """Change an instructor's record."""
    return await service.change_instructor(runtime, caller, instructor_id, body)


@router.post("/training/instructors/{instructor_id}/hours", status_code=201)
async def note_hours(
    instructor_id: PathId, body: HoursOrder, runtime: RuntimeDependency, caller: InstructorEditor
) -> HoursItem:
    """Note what an instructor worked on a day."""
    return await service.note_hours(runtime, caller, instructor_id, body)


@router.get("/training/hours")
async def hours(
    runtime: RuntimeDependency,
    caller: InstructorReader,
    *,
    instructor_id: Annotated[Identifier | None, Query()] = None,
    paid: bool | None = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[HoursItem]:
    """Hours of instructors, the last noted first; the reading is recorded."""
    return await service.hours(runtime, caller, instructor_id=instructor_id, paid=paid, before=before, limit=limit)


@router.patch("/training/hours/{hours_id}")
async def change_hours(
    hours_id: PathId, body: HoursChange, runtime: RuntimeDependency, caller: InstructorEditor
) -> HoursItem:
    """Correct hours, or say when they were paid; then they are final."""
    return await service.change_hours(runtime, caller, hours_id, body)


@router.get("/training/tools")
async def tools(
    runtime: RuntimeDependency,
    caller: StudentReader,
    *,
    out: Annotated[bool | None, Query(description="Those that are not back, or those that are.")] = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[ToolItem]:
    """Tools lent to students, the last first; the reading is recorded."""
    return await service.tools(runtime, caller, out=out, before=before, limit=limit)


@router.get("/training/students/{student_id}/tools")
async def tools_of(
    student_id: PathId, runtime: RuntimeDependency, caller: StudentReader, before: Cursor = None, limit: Limit = 50
) -> Page[ToolItem]:
    """What is or was lent to a student; the reading is recorded."""
    return await service.tools_of(runtime, caller, student_id, before=before, limit=limit)


@router.post("/training/students/{student_id}/tools", status_code=201)
async def lend(student_id: PathId, body: ToolOrder, runtime: RuntimeDependency, caller: StudentEditor) -> ToolItem:
    """Lend tools to a student."""
    return await service.lend(runtime, caller, student_id, body)


@router.patch("/training/tools/{tool_id}")
async def change_tool(tool_id: PathId, body: ToolChange, runtime: RuntimeDependency, caller: StudentEditor) -> ToolItem:
    """Change a loan, or say that the tools came back."""
    return await service.change_tool(runtime, caller, tool_id, body)
