"""Pages of office and school: adjustments to decide, card payments that nothing was due for, attendance to take, an
applicant's own application.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ip2a.applications import service as applications
from ip2a.applications.models import ApplicationStatus
from ip2a.applications.rules import BY_APPLICANT
from ip2a.applications.schemas import ApplicationForm, ApplicationItem
from ip2a.audit.service import record_read
from ip2a.billing import service as billing
from ip2a.billing.models import AdjustmentStatus
from ip2a.checkout import service as checkouts
from ip2a.checkout.schemas import CheckoutItem
from ip2a.documents import service as documents
from ip2a.documents.schemas import DocumentItem
from ip2a.pages.records.areas import BILLING, SCHOOL, Column
from ip2a.pages.rendering import money, render
from ip2a.pages.session import Visit, VisitDependency
from ip2a.runtime import Runtime
from ip2a.training import service as training
from ip2a.training.models import AttendanceStatus
from ip2a.training.schemas import AttendanceMark, AttendanceOrder, Cancellation
from ip2a.web.dependencies import Caller, RuntimeDependency
from ip2a.web.keyset import Cursor, PathId
from ip2a.web.problems import Problem

router = APIRouter(include_in_schema=False)

SHOWN = 50
ADJUSTMENTS, CLASSES, APPLICATION = "/office/adjustments", "/school/classes", "/my/application"
FIELD = "student-"
UNAPPLIED = "/office/unapplied"
UNAPPLIED_COLUMNS: tuple[Column[CheckoutItem], ...] = (
    Column("Card payment", lambda item: item.id),
    Column("For", lambda _item: "a member’s month", link=lambda item: f"/office/member-dues/{item.dues_payment_id}"),
    Column("Amount", lambda item: money(item.amount_cents), number=True),
    Column("Status", lambda item: item.status, badge=True),
)


@router.get(ADJUSTMENTS)
async def adjustments(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """What waits for a decision."""
    caller = _permitted(visit, "dues:process")
    await record_read(runtime, caller, "dues_adjustments")
    pending = await billing.adjustments(runtime, caller, AdjustmentStatus.PENDING, before=None, limit=SHOWN)
    values = {"adjustments": pending, "may_decide": caller.may("adjustments:approve"), "active": "billing"}
    values["tabs"] = [tab for tab in BILLING if caller.may(tab.needs)]
    return _page(runtime, visit, "adjustments.html", values)


@router.post(ADJUSTMENTS + "/{adjustment_id}/approve")
async def approve(adjustment_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Change what is due."""
    await billing.decide(runtime, _permitted(visit, "adjustments:approve"), adjustment_id, AdjustmentStatus.APPROVED)
    return RedirectResponse(ADJUSTMENTS, 303)


@router.post(ADJUSTMENTS + "/{adjustment_id}/deny")
async def deny(adjustment_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Leave what is due."""
    await billing.decide(runtime, _permitted(visit, "adjustments:approve"), adjustment_id, AdjustmentStatus.DENIED)
    return RedirectResponse(ADJUSTMENTS, 303)


@router.get(UNAPPLIED)
async def unapplied(runtime: RuntimeDependency, visit: VisitDependency, before: Cursor = None) -> Response:
    """Card payments that came when nothing was due any more."""
    caller = _permitted(visit, "dues:process")
    values: dict[str, object] = {
        "found": await checkouts.unapplied(runtime, caller, before=before, limit=SHOWN),
        "columns": UNAPPLIED_COLUMNS,
        "tabs": [tab for tab in BILLING if caller.may(tab.needs)],
        "active": "billing",
    }
    return _page(runtime, visit, "unapplied.html", values)


@router.get(CLASSES + "/{session_id}")
async def roster(session_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """A class, to take its attendance."""
    caller = _permitted(visit, "students:update")
    await record_read(runtime, caller, "students")
    students = await training.roster(runtime, caller, session_id)
    values = {
        "session": await training.session(runtime, caller, session_id),
        "roster": students,
        "taken": any(student.status is not None for student in students),
        "statuses": list(AttendanceStatus),
        "active": "classes",
        "tabs": [tab for tab in SCHOOL if caller.may(tab.needs)],
    }
    return _page(runtime, visit, "roster.html", values)


@router.post(CLASSES + "/{session_id}/cancellation")
async def cancel_class(
    session_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Cancel a class; its students are told."""
    caller = _permitted(visit, "students:update")
    try:
        cancellation = Cancellation(reason=reason)
    except ValidationError:
        raise Problem(
            422, "invalid-request", "Say in a line why the class is cancelled: its students read it."
        ) from None
    await training.cancel_session(runtime, caller, session_id, cancellation)
    return RedirectResponse(f"{CLASSES}/{session_id}", 303)


@router.post(CLASSES + "/{session_id}")
async def take_attendance(
    session_id: PathId, request: Request, runtime: RuntimeDependency, visit: VisitDependency
) -> Response:
    """Take the attendance of the students that were marked."""
    caller = _permitted(visit, "students:update")
    fields = [(name, value) for name, value in (await request.form()).items() if name.startswith(FIELD) and value]
    try:
        marks = [
            AttendanceMark.model_validate({"student_id": name.removeprefix(FIELD), "status": value})
            for name, value in fields
        ]
        order = AttendanceOrder(marks=marks)
    except ValidationError:
        raise Problem(422, "invalid-request", "Mark at least one student, each once.") from None
    await training.take_attendance(runtime, caller, session_id, order)
    return RedirectResponse(f"{CLASSES}/{session_id}", 303)


@router.get(APPLICATION)
async def application(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """An applicant's own application, or the form to begin one."""
    caller = _permitted(visit, "application:read")
    try:
        current = await applications.own(runtime, caller)
    except Problem as problem:
        if problem.status != 404:
            raise
        current = None
    values: dict[str, object] = {
        "application": current,
        "documents": await _attached(runtime, caller, current) if current else [],
        "files_on": runtime.storage is not None and caller.may("self:update"),
        "may_withdraw": current is not None and current.status in BY_APPLICANT,
        "active": "application",
    }
    return _page(runtime, visit, "application.html", values)


@router.post(APPLICATION)
async def save(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    phone: Annotated[str, Form(max_length=50)] = "",
    city: Annotated[str, Form(max_length=100)] = "",
    education: Annotated[str, Form(max_length=1000)] = "",
    experience: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Begin the draft, or replace its fields."""
    caller = _permitted(visit, "application:update")
    fields = {"phone": phone, "city": city, "education": education, "experience": experience}
    try:
        form = ApplicationForm.model_validate({name: value.strip() or None for name, value in fields.items()})
    except ValidationError:
        raise Problem(422, "invalid-request", "The phone number needs 7 digits or more.") from None
    try:
        await applications.edit(runtime, caller, form)
    except Problem as problem:
        if problem.kind != "no-draft":
            raise
        await applications.begin(runtime, caller, form)
    return RedirectResponse(APPLICATION, 303)


@router.post(f"{APPLICATION}/submit")
async def submit(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Hand the draft in."""
    await applications.own_step(runtime, _permitted(visit, "application:update"), ApplicationStatus.SUBMITTED)
    return RedirectResponse(APPLICATION, 303)


@router.post(f"{APPLICATION}/withdraw")
async def withdraw(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Take the application back."""
    await applications.own_step(runtime, _permitted(visit, "application:update"), ApplicationStatus.WITHDRAWN)
    return RedirectResponse(APPLICATION, 303)


async def _attached(runtime: Runtime, caller: Caller, application: ApplicationItem) -> list[DocumentItem]:
    own = await documents.page(runtime, caller, member_id=None, own=True, before=None, limit=SHOWN)
    return [document for document in own.items if document.application_id == application.id]


def _permitted(visit: Visit, permission: str) -> Caller:
    if not visit.caller.may(permission):
        raise Problem(403, "not-permitted", f"This needs the permission {permission}.")
    return visit.caller


def _page(runtime: Runtime, visit: Visit, template: str, values: dict[str, object]) -> Response:
    frame = {"account": visit.caller.principal, "csrf_token": visit.csrf_token}
    return visit.keep(render(template, {**values, **frame}), secure=runtime.settings.in_production)
