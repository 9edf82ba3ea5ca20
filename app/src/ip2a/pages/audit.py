"""The audit trail for people: who saw or changed what, as far as their roles let them see."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from ip2a.audit import service
from ip2a.audit.models import AuditAction
from ip2a.audit.repository import Filter
from ip2a.pages.changes import fields_of, words
from ip2a.pages.session import PartDependency, VisitDependency, show
from ip2a.referrals.rules import LOCAL_TIME
from ip2a.web.dependencies import RuntimeDependency
from ip2a.web.keyset import Cursor, Identifier

router = APIRouter(include_in_schema=False)

PATH = "/office/audit"
SHOWN = 50
VERBS = {
    AuditAction.CREATE: "added",
    AuditAction.UPDATE: "changed",
    AuditAction.DELETE: "deleted",
    AuditAction.READ: "looked at",
    AuditAction.BULK_READ: "looked at a list of",
    AuditAction.LOGIN_ATTEMPT: "tried to log in:",
    AuditAction.LOGIN: "logged in:",
    AuditAction.SESSION_END: "ended a session:",
}

Optional = Annotated[Identifier | Literal[""], Query()]
Day = Annotated[date | Literal[""], Query()]


@router.get(PATH)
async def trail(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    part: PartDependency,
    *,
    table: Annotated[str, Query(max_length=100, pattern=r"^[a-z_]*$")] = "",
    record: Annotated[str, Query(max_length=50, pattern=r"^[^\x00]*$")] = "",
    action: Annotated[AuditAction | Literal[""], Query()] = "",
    user_id: Optional = "",
    member_id: Optional = "",
    since: Day = "",
    until: Day = "",
    before: Cursor = None,
) -> Response:
    """A search, and what was found, newest first; looking is itself recorded."""
    caller = visit.caller
    wanted = Filter(
        table or None,
        record or None,
        user_id or None,
        member_id or None,
        action.value if action else None,
        _begin_of(since) if since else None,
        _begin_of(until + timedelta(days=1)) if until else None,
    )
    found = await service.records(runtime.databases, caller, wanted, before=before, limit=SHOWN)
    await service.record_read(runtime, caller, "audit_logs")
    form = {
        "table": table,
        "record": record,
        "action": action,
        "user_id": user_id,
        "member_id": member_id,
        "since": since,
        "until": until,
    }
    values = {
        "found": found,
        "form": form,
        "more": urlencode({**{name: value for name, value in form.items() if value}, "before": found.next or ""}),
        "names": await service.names(runtime, caller, found.items),
        "fields_of": fields_of,
        "words": words,
        "verbs": VERBS,
        "actions": list(AuditAction),
        "administers": caller.may("users:manage"),
    }
    return show(runtime, visit, "audit.html", values, active="audit", part=part)


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL_TIME)
