"""What was deleted, for administrators, who may restore it."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query
from starlette.responses import RedirectResponse, Response

from ip2a.pages.session import Visit, VisitDependency, show
from ip2a.removals import service
from ip2a.removals.kinds import RemovedKind
from ip2a.removals.schemas import Restoration
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller, RuntimeDependency
from ip2a.web.keyset import Cursor, Identifier
from ip2a.web.problems import Problem

PATH = "/admin/deleted"
SHOWN = 50

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def deleted(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    kind: RemovedKind = RemovedKind.MEMBERS,
    before: Cursor = None,
    said: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Deleted records of a kind, the newest first."""
    _administrator(visit)
    return await _page(runtime, visit, kind, before=before, said=said)


@router.post(PATH)
async def restore(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    kind: Annotated[RemovedKind, Form()],
    record_id: Annotated[Identifier, Form()],
) -> Response:
    """Restore one, or say what stands in the way."""
    try:
        await service.restore(runtime, _administrator(visit), Restoration(kind=kind, record_id=record_id))
    except Problem as problem:
        if problem.status != 409:
            raise
        return await _page(runtime, visit, kind, problem=problem)
    return RedirectResponse(f"{PATH}?{urlencode({'kind': kind.value, 'said': 'restored'})}", 303)


async def _page(
    runtime: Runtime,
    visit: Visit,
    kind: RemovedKind,
    *,
    before: str | None = None,
    said: str = "",
    problem: Problem | None = None,
) -> Response:
    found = await service.deleted(runtime, visit.caller, kind, before=before, limit=SHOWN)
    values = {
        "found": found,
        "kind": kind,
        "kinds": list(RemovedKind),
        "said": said,
        "problem": problem,
        "more": urlencode({"kind": kind.value, "before": found.next or ""}),
    }
    return show(runtime, visit, "deleted.html", values, active="admin", status=409 if problem else 200)


def _administrator(visit: Visit) -> Caller:
    visit.caller.need("system:restore")
    return visit.caller
