"""Keeping grievances: plain records, no workflow; settling one needs the permission to approve."""

from ip2a.grievances import repository
from ip2a.grievances.models import Grievance, GrievanceStatus, GrievanceStep
from ip2a.grievances.schemas import (
    GrievanceChange,
    GrievanceItem,
    GrievanceOrder,
    GrievanceStepItem,
    GrievanceStepOrder,
)
from ip2a.records import service as records
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page
from ip2a.web.problems import Problem

GRIEVANCES = Kind(
    name="grievance",
    model=Grievance,
    item=GrievanceItem,
    shown=repository.SHOWN,
    refused={
        "ck_grievances_dates": "`resolved_on` is before `filed_on`.",
        "ck_grievances_incident": "`incident_on` is after `filed_on`.",
    },
)
STEPS = Kind(
    name="grievance-step",
    model=GrievanceStep,
    item=GrievanceStepItem,
    shown=repository.STEPS_SHOWN,
    refused={"ck_grievance_steps_step_number": "`step_number` must be 1 to 4."},
)


async def grievances(
    runtime: Runtime,
    caller: Caller,
    *,
    status: GrievanceStatus | None,
    member_id: int | None,
    search: str = "",
    before: str | None,
    limit: int,
) -> Page[GrievanceItem]:
    """Grievances, newest first; `search` is a number, or begins names of the member or the employer."""
    conditions = [
        *([repository.found(search)] if search.strip() else []),
        *([Grievance.status == status] if status is not None else []),
        *([Grievance.member_id == member_id] if member_id is not None else []),
    ]
    return await records.page(runtime, caller, GRIEVANCES, conditions, before=before, limit=limit)


async def grievance(runtime: Runtime, caller: Caller, identifier: int) -> GrievanceItem:
    """One grievance; Problem 404."""
    return await records.one(runtime, caller, GRIEVANCES, identifier)


async def file(runtime: Runtime, caller: Caller, order: GrievanceOrder) -> GrievanceItem:
    """File a grievance; it gets its number.

    Raises Problem 403, 422.
    """
    _check_settlement(caller, order.status, order.settlement_cents)
    async with caller.transaction(runtime.databases) as connection:
        number: int = (await connection.execute(repository.NEXT_NUMBER)).scalar_one()
    values = order.model_dump() | {"grievance_number": f"G-{order.filed_on.year}-{number:05}"}
    return await records.add(runtime, caller, GRIEVANCES, values)


async def change(runtime: Runtime, caller: Caller, identifier: int, change: GrievanceChange) -> GrievanceItem:
    """Change a grievance.

    Raises Problem 403 (settling without the permission), 404, 409 (changed meanwhile), 422.
    """
    _check_settlement(caller, change.status, change.settlement_cents)
    return await records.change(runtime, caller, GRIEVANCES, identifier, change.model_dump(exclude_unset=True))


async def steps(
    runtime: Runtime, caller: Caller, grievance_id: int, *, before: str | None, limit: int
) -> Page[GrievanceStepItem]:
    """The meetings about a grievance, newest first; Problem 404."""
    of = (Grievance, grievance_id)
    conditions = [GrievanceStep.grievance_id == grievance_id]
    return await records.page(runtime, caller, STEPS, conditions, before=before, limit=limit, of=of)


async def add_step(runtime: Runtime, caller: Caller, grievance_id: int, order: GrievanceStepOrder) -> GrievanceStepItem:
    """Note a meeting about a grievance.

    Raises Problem 404, 422.
    """
    of = await records.read(runtime, caller, GRIEVANCES, grievance_id)
    values = order.model_dump() | {"grievance_id": grievance_id, "member_id": of.member_id}
    return await records.add(runtime, caller, STEPS, values)


def _check_settlement(caller: Caller, status: GrievanceStatus | None, cents: int | None) -> None:
    if (status is GrievanceStatus.SETTLED or cents is not None) and not caller.may("grievances:approve"):
        raise Problem(403, "not-permitted", "Settling a grievance needs the permission grievances:approve.")
