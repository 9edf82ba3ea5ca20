"""Keeping organizing activities: plain records."""

from ip2a.organizing import repository
from ip2a.organizing.models import ActivityType, SaltingActivity
from ip2a.organizing.schemas import ActivityChange, ActivityItem, ActivityOrder
from ip2a.records import service as records
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

ACTIVITIES = Kind(
    name="activity",
    model=SaltingActivity,
    item=ActivityItem,
    shown=repository.SHOWN,
    refused={"ck_salting_activities_counts": "`cards_signed` must not be more than `workers_contacted`."},
)


async def activities(
    runtime: Runtime,
    caller: Caller,
    *,
    organization_id: int | None,
    activity_type: ActivityType | None,
    search: str = "",
    before: str | None,
    limit: int,
) -> Page[ActivityItem]:
    """Activities, newest first; each word of `search` begins a name of the member, or of the organization."""
    conditions = [
        *([repository.found(search)] if search.strip() else []),
        *([SaltingActivity.organization_id == organization_id] if organization_id is not None else []),
        *([SaltingActivity.activity_type == activity_type] if activity_type is not None else []),
    ]
    return await records.page(runtime, caller, ACTIVITIES, conditions, before=before, limit=limit)


async def activity(runtime: Runtime, caller: Caller, identifier: int) -> ActivityItem:
    """One activity; Problem 404."""
    return await records.one(runtime, caller, ACTIVITIES, identifier)


async def note(runtime: Runtime, caller: Caller, order: ActivityOrder) -> ActivityItem:
    """Note an activity.

    Raises Problem 422.
    """
    return await records.add(runtime, caller, ACTIVITIES, order.model_dump())


async def change(runtime: Runtime, caller: Caller, identifier: int, change: ActivityChange) -> ActivityItem:
    """Change an activity.

    Raises Problem 404, 409 (changed meanwhile), 422.
    """
    return await records.change(runtime, caller, ACTIVITIES, identifier, change.model_dump(exclude_unset=True))
