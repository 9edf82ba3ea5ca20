"""What was done to organize employers."""

from ip2a.organizing import service
from ip2a.organizing.models import ActivityType
from ip2a.organizing.schemas import ActivityChange, ActivityItem, ActivityOrder
from ip2a.pages.records.areas import Area, Column, Form, Narrow, Wanted, deletion, stored
from ip2a.pages.records.inputs import Input, Refers
from ip2a.removals.kinds import RemovedKind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

PATH = "/office/organizing"


async def _page(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[ActivityItem]:
    return await service.activities(
        runtime,
        caller,
        organization_id=None,
        activity_type=wanted.narrowed(ActivityType),
        search=wanted.search,
        before=wanted.before,
        limit=wanted.limit,
    )


AREA: Area[ActivityItem, ActivityItem] = Area(
    path=PATH,
    noun="activity",
    title="Organizing",
    lead="What members did at which employer.",
    reads="organizing:read",
    table="salting_activities",
    one=service.activity,
    named=lambda item: f"{item.organization_name}, {item.happened_on:%Y-%m-%d}",
    search_label="Names of the member or the employer",
    narrow=Narrow("Kind", ActivityType),
    page=_page,
    columns=(
        Column("Employer", lambda item: item.organization_name, link=lambda item: f"{PATH}/{item.id}"),
        Column("Kind", lambda item: item.activity_type),
        Column("Day", lambda item: item.happened_on),
        Column("Member", lambda item: f"{item.last_name}, {item.first_name}"),
        Column("Met", lambda item: item.workers_contacted, number=True),
        Column("Cards", lambda item: item.cards_signed, number=True),
        Column("Outcome", lambda item: item.outcome, badge=True),
    ),
    facts=(
        Column("Kind", lambda item: item.activity_type),
        Column("Outcome", lambda item: item.outcome, badge=True),
        Column("Day", lambda item: item.happened_on),
        Column("Place", lambda item: item.location),
        Column(
            "Employer",
            lambda item: item.organization_name,
            link=lambda item: f"/office/organizations/{item.organization_id}",
        ),
        Column(
            "Member",
            lambda item: f"{item.first_name} {item.last_name}",
            link=lambda item: f"/office/members/{item.member_id}",
        ),
        Column("Workers met", lambda item: item.workers_contacted),
        Column("Cards signed", lambda item: item.cards_signed),
        Column("What was done", lambda item: item.description, long=True),
    ),
    inputs=(
        Input("member_id", "Member", hint="Name or number", refers=Refers.MEMBER),
        Input("organization_id", "Employer", hint="Name", refers=Refers.ORGANIZATION, shown="organization_name"),
        Input("activity_type", "Kind"),
        Input("happened_on", "Day"),
        Input("outcome", "Outcome"),
        Input("location", "Place"),
        Input("workers_contacted", "Workers met"),
        Input("cards_signed", "Cards signed"),
        Input("description", "What was done"),
    ),
    new=Form(ActivityOrder, "organizing:create"),
    add=service.note,
    edit=Form(ActivityChange, "organizing:update"),
    save=service.change,
    stored=stored(service.ACTIVITIES),
    acts=(deletion(RemovedKind.ACTIVITIES, "organizing:delete", PATH),),
)
