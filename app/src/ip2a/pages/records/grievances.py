"""Grievances and the meetings about them."""

from ip2a.grievances import service
from ip2a.grievances.models import GrievanceStatus
from ip2a.grievances.schemas import (
    GrievanceChange,
    GrievanceItem,
    GrievanceOrder,
    GrievanceStepItem,
    GrievanceStepOrder,
)
from ip2a.pages.records.areas import Area, Column, Form, Narrow, Part, Wanted, deletion, stored
from ip2a.pages.records.inputs import Input, Refers
from ip2a.pages.rendering import money
from ip2a.removals.kinds import RemovedKind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

PATH = "/office/grievances"
APPROVE = "grievances:approve"


async def _page(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[GrievanceItem]:
    return await service.grievances(
        runtime,
        caller,
        status=wanted.narrowed(GrievanceStatus),
        member_id=None,
        search=wanted.search,
        before=wanted.before,
        limit=wanted.limit,
    )


async def _steps(
    runtime: Runtime, caller: Caller, grievance: int, before: str | None, limit: int
) -> Page[GrievanceStepItem]:
    return await service.steps(runtime, caller, grievance, before=before, limit=limit)


def settlement(item: GrievanceItem) -> str | None:
    """What was settled on, in dollars."""
    return None if item.settlement_cents is None else money(item.settlement_cents)


AREA: Area[GrievanceItem, GrievanceItem] = Area(
    path=PATH,
    noun="grievance",
    title="Grievances",
    lead="Of members against employers. Settling one is for officers.",
    reads="grievances:read",
    table="grievances",
    one=service.grievance,
    named=lambda item: f"Grievance {item.grievance_number}",
    search_label="Number, or names of the member or the employer",
    narrow=Narrow("Status", GrievanceStatus),
    page=_page,
    columns=(
        Column("Number", lambda item: item.grievance_number, link=lambda item: f"{PATH}/{item.id}"),
        Column("Member", lambda item: f"{item.last_name}, {item.first_name}"),
        Column("Employer", lambda item: item.employer_name),
        Column("Filed", lambda item: item.filed_on),
        Column("Step", lambda item: item.current_step),
        Column("Status", lambda item: item.status, badge=True),
    ),
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column("Step", lambda item: item.current_step),
        Column(
            "Member",
            lambda item: f"{item.first_name} {item.last_name}",
            link=lambda item: f"/office/members/{item.member_id}",
        ),
        Column(
            "Employer",
            lambda item: item.employer_name,
            link=lambda item: f"/office/organizations/{item.employer_id}",
        ),
        Column("Filed", lambda item: item.filed_on),
        Column("Happened", lambda item: item.incident_on),
        Column("Article of the contract", lambda item: item.contract_article),
        Column("Taken care of by", lambda item: item.assigned_to),
        Column("Violation", lambda item: item.violation, long=True),
        Column("Remedy sought", lambda item: item.remedy_sought, long=True),
        Column("Resolution", lambda item: item.resolution, long=True),
        Column("Resolved", lambda item: item.resolved_on),
        Column("Settlement", settlement),
    ),
    inputs=(
        Input("member_id", "Member", hint="Name or number", refers=Refers.MEMBER),
        Input("employer_id", "Employer", hint="Name", refers=Refers.ORGANIZATION, shown="employer_name"),
        Input("filed_on", "Filed on"),
        Input("incident_on", "Happened on"),
        Input("contract_article", "Article of the contract"),
        Input("assigned_to", "Taken care of by"),
        Input("current_step", "Step"),
        Input("status", "Status", needs=APPROVE, reserved=frozenset({GrievanceStatus.SETTLED})),
        Input("violation", "Violation"),
        Input("remedy_sought", "Remedy sought"),
        Input("resolution", "Resolution"),
        Input("resolved_on", "Resolved on"),
        Input("settlement_cents", "Settlement in dollars", needs=APPROVE),
    ),
    new=Form(GrievanceOrder, "grievances:create"),
    add=service.file,
    edit=Form(GrievanceChange, "grievances:update"),
    save=service.change,
    stored=stored(service.GRIEVANCES),
    parts=(
        Part(
            name="steps",
            title="Meetings",
            empty="There was no meeting yet.",
            columns=(
                Column("Step", lambda item: item.step_number),
                Column("Day", lambda item: item.met_on),
                Column("Outcome", lambda item: item.outcome, badge=True),
                Column("For the union", lambda item: item.union_attendees),
                Column("For the employer", lambda item: item.employer_attendees),
                Column("Remarks", lambda item: item.remarks, long=True),
            ),
            page=_steps,
            form=Form(GrievanceStepOrder, "grievances:update"),
            inputs=(
                Input("step_number", "Step", hint="1 to 4"),
                Input("met_on", "Day"),
                Input("outcome", "Outcome"),
                Input("union_attendees", "For the union"),
                Input("employer_attendees", "For the employer"),
                Input("remarks", "Remarks"),
            ),
            add=service.add_step,
            add_label="Note a meeting",
        ),
    ),
    acts=(deletion(RemovedKind.GRIEVANCES, "grievances:delete", PATH),),
)
