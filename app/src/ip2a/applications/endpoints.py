"""`/api/v1/my/application` and `/api/v1/applications`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ip2a.applications import service
from ip2a.applications.models import ApplicationStatus
from ip2a.applications.schemas import ApplicationForm, ApplicationItem, OfficeStep
from ip2a.audit.service import record_read
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1", tags=["applications"])

Applicant = Annotated[Caller, Depends(require("application:update"))]


@router.get("/my/application")
async def my_application(runtime: RuntimeDependency, caller: Applicant) -> ApplicationItem:
    """The caller's newest application."""
    return await service.own(runtime, caller)


@router.post("/my/application", status_code=201)
async def begin(body: ApplicationForm, runtime: RuntimeDependency, caller: Applicant) -> ApplicationItem:
    """Begin a draft."""
    return await service.begin(runtime, caller, body)


@router.put("/my/application")
async def edit(body: ApplicationForm, runtime: RuntimeDependency, caller: Applicant) -> ApplicationItem:
    """Replace the draft's fields."""
    return await service.edit(runtime, caller, body)


@router.post("/my/application/submit")
async def submit(runtime: RuntimeDependency, caller: Applicant) -> ApplicationItem:
    """Hand the draft in."""
    return await service.own_step(runtime, caller, ApplicationStatus.SUBMITTED)


@router.post("/my/application/withdraw")
async def withdraw(runtime: RuntimeDependency, caller: Applicant) -> ApplicationItem:
    """Take the application back."""
    return await service.own_step(runtime, caller, ApplicationStatus.WITHDRAWN)


@router.get("/applications")
async def applications(
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("students:read"))],
    status: ApplicationStatus | None = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[ApplicationItem]:
    """Submitted applications, newest first; the reading is recorded."""
    await record_read(runtime, caller, "applications")
    return await service.page(runtime, caller, status, before=before, limit=limit)


@router.post("/applications/{application_id}/steps")
async def office_step(
    application_id: PathId,
    body: OfficeStep,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("students:update"))],
) -> ApplicationItem:
    """Bring an application further."""
    return await service.office_step(runtime, caller, application_id, body)
