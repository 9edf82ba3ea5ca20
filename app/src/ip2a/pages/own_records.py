"""What a member reads of themselves: certificates, grievances with their meetings, where they were sent."""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from ip2a.dispatches import service as dispatches
from ip2a.dispatches.schemas import DispatchItem
from ip2a.grievances import service as grievances
from ip2a.grievances.schemas import GrievanceItem
from ip2a.pages.records.areas import Column, Item
from ip2a.pages.records.grievances import settlement
from ip2a.pages.records.school import certificate_name
from ip2a.pages.rendering import render
from ip2a.pages.session import Visit, VisitDependency
from ip2a.runtime import Runtime
from ip2a.teaching import service as teaching
from ip2a.teaching.schemas import ToolItem
from ip2a.training import certificates
from ip2a.training.schemas import CertificationItem
from ip2a.web.dependencies import RuntimeDependency, own_member
from ip2a.web.keyset import Cursor, Page

router = APIRouter(prefix="/my", include_in_schema=False)

SHOWN = 50
CERTIFICATES: tuple[Column[CertificationItem], ...] = (
    Column("Certificate", certificate_name),
    Column("State", lambda item: item.state, badge=True),
    Column("Number", lambda item: item.certificate_number),
    Column("Issued by", lambda item: item.issuing_organization),
    Column("Issued", lambda item: item.issued_on),
    Column("Expires", lambda item: item.expires_on),
)
TOOLS: tuple[Column[ToolItem], ...] = (
    Column("Tool", lambda item: item.tool_name),
    Column("How many", lambda item: item.quantity, number=True),
    Column("Serial number", lambda item: item.serial_number),
    Column("Since", lambda item: item.issued_on),
    Column("Back", lambda item: item.returned_on),
)
GRIEVANCES: tuple[Column[GrievanceItem], ...] = (
    Column("Number", lambda item: item.grievance_number),
    Column("Employer", lambda item: item.employer_name),
    Column("Filed", lambda item: item.filed_on),
    Column("Step", lambda item: item.current_step),
    Column("Status", lambda item: item.status, badge=True),
    Column("Violation", lambda item: item.violation, long=True),
    Column("Resolution", lambda item: item.resolution, long=True),
    Column("Settlement", settlement),
)
DISPATCHES: tuple[Column[DispatchItem], ...] = (
    Column("Employer", lambda item: item.employer_name),
    Column("Request", lambda item: item.request_number),
    Column("Starts", lambda item: item.start_date),
    Column("Status", lambda item: item.status, badge=True),
)


@router.get("/certifications")
async def certifications(runtime: RuntimeDependency, visit: VisitDependency, before: Cursor = None) -> Response:
    """The account's own certificates; those that expire within 30 days say so."""
    visit.caller.need("self:read")
    found = await certificates.own_certifications(runtime, visit.caller, before=before, limit=SHOWN)
    said = {
        "title": "My certificates",
        "lead": "Expiring are those that end within 30 days. The training office notes new ones.",
        "empty": "No certificate is noted for you.",
        "also": "Tools lent to me",
        "also_path": "/my/tools",
    }
    return _page(runtime, visit, "certifications", columns=CERTIFICATES, found=found, said=said)


@router.get("/tools")
async def tools(runtime: RuntimeDependency, visit: VisitDependency, before: Cursor = None) -> Response:
    """What the training lent to the account's student."""
    visit.caller.need("self:read")
    found = await teaching.own_tools(runtime, visit.caller, before=before, limit=SHOWN)
    said = {
        "title": "Tools lent to me",
        "lead": "Bring back what you do not need any more, and tell your instructor what is damaged.",
        "empty": "Nothing is lent to you.",
    }
    return _page(runtime, visit, "certifications", columns=TOOLS, found=found, said=said)


@router.get("/grievances")
async def own_grievances(runtime: RuntimeDependency, visit: VisitDependency, before: Cursor = None) -> Response:
    """The member's own grievances."""
    member_id = await own_member(visit.caller)
    found = await grievances.grievances(
        runtime, visit.caller, status=None, member_id=member_id, before=before, limit=SHOWN
    )
    said = {
        "title": "My grievances",
        "lead": "The office files grievances and takes care of them.",
        "empty": "You have no grievance.",
    }
    return _page(runtime, visit, "grievances", columns=GRIEVANCES, found=found, said=said)


@router.get("/dispatches")
async def own_dispatches(runtime: RuntimeDependency, visit: VisitDependency, before: Cursor = None) -> Response:
    """Where the member was sent, newest first."""
    member_id = await own_member(visit.caller)
    found = await dispatches.own_dispatches(runtime, visit.caller, member_id, before=before, limit=SHOWN)
    said = {"title": "Where I was sent", "lead": "The newest first.", "empty": "Nowhere yet."}
    return _page(runtime, visit, "referrals", columns=DISPATCHES, found=found, said=said)


def _page(
    runtime: Runtime,
    visit: Visit,
    active: str,
    *,
    columns: tuple[Column[Item], ...],
    found: Page[Item],
    said: Mapping[str, str],
) -> Response:
    more = urlencode({"before": found.next or ""})
    frame = {"account": visit.caller.principal, "csrf_token": visit.csrf_token, "active": active}
    page = render("own_records.html", {"also": "", **said, "columns": columns, "found": found, "more": more, **frame})
    return visit.keep(page, secure=runtime.settings.in_production)
