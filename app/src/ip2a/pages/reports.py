"""Reports for the office: what there is, asking for one, how far it is, and the file."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from pydantic import TypeAdapter, ValidationError
from starlette.responses import RedirectResponse, Response

from ip2a.members.models import MemberClassification, MemberStatus
from ip2a.pages.rendering import render
from ip2a.pages.session import Visit, VisitDependency
from ip2a.referrals import service as referrals
from ip2a.referrals.rules import local
from ip2a.reports import service
from ip2a.reports.choices import chosen_of
from ip2a.reports.contents import CONTENTS, STANDARD
from ip2a.reports.endpoints import as_response
from ip2a.reports.models import ReportFormat, ReportKind, ReportState
from ip2a.reports.schemas import ReportOrder
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller, RuntimeDependency
from ip2a.web.keyset import PathId
from ip2a.web.problems import Problem

router = APIRouter(prefix="/office/reports", include_in_schema=False)

PATH = "/office/reports"
SHOWN = 50
LOOK_AGAIN = 2  # seconds
UNFINISHED = {ReportState.QUEUED, ReportState.RUNNING}
ORDER: TypeAdapter[ReportOrder] = TypeAdapter(ReportOrder)
FIELDS = {
    ReportKind.ROSTER: ("status", "classification"),
    ReportKind.OVERDUE_DUES: ("classification",),
    ReportKind.OUT_OF_WORK: ("book_id",),
    ReportKind.DISPATCH_LOG: ("first_day", "last_day", "book_id"),
    ReportKind.TRAINING: (),
    ReportKind.AUDIT: ("first_day", "last_day"),
}
"""What the page lets people choose; the API takes more."""

Text = Annotated[str, Form(max_length=40, pattern=r"^[^\x00]*$")]


@router.get("")
async def reports(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The reports there are, and the caller's own."""
    return await _page_of_all(runtime, visit)


@router.post("")
async def ask(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    kind: Text,
    format: Text,
    status: Text = "",
    classification: Text = "",
    book_id: Text = "",
    first_day: Text = "",
    last_day: Text = "",
) -> Response:
    """Have a report made and go where one sees how far it is, or show what is wrong with the choice."""
    caller = _permitted(visit)
    given = {
        "status": status,
        "classification": classification,
        "book_id": book_id,
        "first_day": first_day,
        "last_day": last_day,
    }
    try:
        wanted = FIELDS[ReportKind(kind)]
        order = ORDER.validate_python(
            {"kind": ReportKind(kind), "format": format} | {name: given[name] for name in wanted if given[name]}
        )
    except ValidationError as error:
        return await _page_of_all(runtime, visit, wrong=_words(error), given={"kind": kind, **given})
    except ValueError:
        raise Problem(422, "invalid-request", "Choose one of the reports on the page.") from None
    item = await service.ask(runtime, caller, order)
    return RedirectResponse(f"{PATH}/{item.id}", 303)


@router.get("/{report_id}")
async def report(
    report_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    still: Annotated[bool, Query()] = False,
) -> Response:
    """How far a report is. The browser looks again by itself until it is finished, unless told to keep `still`."""
    item = await service.one(runtime, _permitted(visit), report_id)
    waiting = item.state in UNFINISHED
    answer = _page(runtime, visit, "report.html", {"report": item, "waiting": waiting, "still": still})
    if waiting and not still:
        answer.headers["refresh"] = str(LOOK_AGAIN)
    return answer


@router.get("/{report_id}/file")
async def file(report_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The file; the download is recorded."""
    found = await service.download(runtime, _permitted(visit), report_id)
    return visit.keep(as_response(found), secure=runtime.settings.in_production)


@router.post("/{report_id}/delete")
async def delete(report_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Delete a report with its file."""
    await service.delete(runtime, _permitted(visit), report_id)
    return RedirectResponse(PATH, 303)


async def _page_of_all(
    runtime: Runtime, visit: Visit, *, wrong: str = "", given: dict[str, str] | None = None
) -> Response:
    caller = _permitted(visit)
    today = local(runtime.now()).date()
    month = today.replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    values = {
        "kinds": service.permitted_kinds(caller),
        "reports": await service.page(runtime, caller, before=None, limit=SHOWN),
        "books": await referrals.books(runtime, caller),
        "statuses": list(MemberStatus),
        "classifications": list(MemberClassification),
        "form": {"first_day": before.isoformat(), "last_day": (month - timedelta(days=1)).isoformat(), **(given or {})},
        "wrong": wrong,
    }
    return _page(runtime, visit, "reports.html", values, 422 if wrong else 200)


def _words(error: ValidationError) -> str:
    item = error.errors(include_url=False, include_input=False)[0]
    names = [str(part) for part in item["loc"] if part not in set(ReportKind)]
    field = names[0].replace("_", " ") if names else "period"
    return f"{field.capitalize()}: {item['msg'].removeprefix('Value error, ').replace('_', ' ')}."


def _permitted(visit: Visit) -> Caller:
    if not visit.caller.may(STANDARD):
        raise Problem(403, "not-permitted", f"This needs the permission {STANDARD}.")
    return visit.caller


def _page(runtime: Runtime, visit: Visit, template: str, values: dict[str, Any], status: int = 200) -> Response:
    frame = {"account": visit.caller.principal, "csrf_token": visit.csrf_token, "active": "reports"}
    tools = {
        "contents": CONTENTS,
        "fields": FIELDS,
        "formats": list(ReportFormat),
        "chosen": chosen_of,
    }
    return visit.keep(render(template, {**values, **frame, **tools}, status), secure=runtime.settings.in_production)
