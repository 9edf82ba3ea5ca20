"""`/api/v1/audit`."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from ip2a.audit import service
from ip2a.audit.models import AuditAction
from ip2a.audit.repository import Filter
from ip2a.audit.schemas import AuditItem
from ip2a.web.dependencies import CallerDependency, RuntimeDependency
from ip2a.web.keyset import Cursor, Identifier, Limit, Page

router = APIRouter(prefix="/api/v1", tags=["audit"])


@router.get("/audit")
async def audit_trail(
    runtime: RuntimeDependency,
    caller: CallerDependency,
    *,
    table: Annotated[str | None, Query(max_length=100)] = None,
    record: Annotated[str | None, Query(max_length=50)] = None,
    user_id: Annotated[Identifier | None, Query()] = None,
    member_id: Annotated[Identifier | None, Query()] = None,
    action: AuditAction | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[AuditItem]:
    """Changes and reads, newest first; each role sees its part, and looking is itself recorded."""
    wanted = Filter(table, record, user_id, member_id, action.value if action else None, since, until)
    answer = await service.records(runtime.databases, caller, wanted, before=before, limit=limit)
    await service.record_read(runtime, caller, "audit_logs")
    return answer
