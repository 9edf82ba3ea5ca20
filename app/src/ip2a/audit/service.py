"""Looking at the audit trail, and saying that personal data was looked at."""

from collections.abc import Sequence

from ip2a.audit import repository
from ip2a.audit.models import AuditAction
from ip2a.audit.redaction import redact
from ip2a.audit.repository import Filter, ReadEntry
from ip2a.audit.schemas import AuditItem
from ip2a.database.engines import Databases
from ip2a.runtime import Runtime
from ip2a.security.permissions import AUDIT_EVERYTHING, AUDIT_VIEWS, visible_resources
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_time_id
from ip2a.web.problems import Problem


async def record_read(
    runtime: Runtime, caller: Caller, table_name: str, record_id: int | None = None, member_id: int | None = None
) -> None:
    """Note that the caller reads personal data, before it is handed out; own data is not noted.

    Without `record_id` the read is of a list.
    """
    own = caller.principal.member_id
    if own is not None and member_id == own:
        return
    await runtime.reads.record(
        ReadEntry(
            caller.principal.user_id,
            table_name,
            "*" if record_id is None else str(record_id),
            member_id,
            AuditAction.BULK_READ if record_id is None else AuditAction.READ,
            caller.client.address,
            caller.client.correlation_id,
        )
    )


async def records(
    databases: Databases, caller: Caller, wanted: Filter, *, before: str | None, limit: int
) -> Page[AuditItem]:
    """One page of the records the caller's roles may see, newest first.

    Raises Problem 403 for roles without any view of the trail.
    """
    views = visible_resources(caller.principal.roles) & AUDIT_VIEWS
    if not views:
        raise Problem(403, "not-permitted", "This account has no view of the audit trail.")
    everything = AUDIT_EVERYTHING in views
    position = None if before is None else read_time_id(before)
    async with caller.transaction(databases) as connection:
        rows = await repository.page(connection, wanted, before=position, limit=limit + 1)
    shown = [dict(row) if everything else _reduced(dict(row)) for row in rows]
    return page_of(AuditItem, shown, limit, lambda item: encode(item.changed_at.isoformat(), item.id))


async def names(runtime: Runtime, caller: Caller, records: Sequence[AuditItem]) -> dict[int, str]:
    """Who acted, by account, where the caller may see accounts; of oneself always."""
    acting = sorted({record.user_id for record in records if record.user_id is not None})
    async with caller.transaction(runtime.databases) as connection:
        return await repository.names(connection, acting)


def _reduced(row: dict[str, object]) -> dict[str, object]:
    return {
        **row,
        "old_values": redact(row["old_values"]),
        "new_values": redact(row["new_values"]),
        "address": None,
    }
