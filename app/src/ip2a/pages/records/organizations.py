"""Organizations, the people to talk to there, and which members work there."""

from ip2a.employments import service as employments
from ip2a.employments.schemas import EmployeeItem
from ip2a.organizations import service
from ip2a.organizations.models import OrganizationType
from ip2a.organizations.schemas import (
    ContactItem,
    ContactOrder,
    ContactPersonChange,
    OrganizationChange,
    OrganizationDetail,
    OrganizationItem,
    OrganizationOrder,
)
from ip2a.pages.records.areas import Area, Column, Form, Narrow, Part, Wanted, deletion, stored
from ip2a.pages.records.inputs import Control, Input
from ip2a.removals.kinds import RemovedKind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, read_before

PATH, CONTACTS_PATH = "/office/organizations", "/office/contacts"
CONTACT_INPUTS = (
    Input("first_name", "First name"),
    Input("last_name", "Last name"),
    Input("title", "What they do there"),
    Input("phone", "Phone", control=Control.TEL),
    Input("email", "E-mail"),
    Input("is_primary", "The first to ask"),
)


async def _page(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[OrganizationItem]:
    found = await service.found(
        runtime,
        caller,
        search=wanted.search,
        org_type=wanted.narrowed(OrganizationType),
        after=None if wanted.before is None else read_before(wanted.before),
        limit=wanted.limit,
    )
    return Page(items=found.items, next=None if found.next is None else f"~{found.next}")


async def _contacts(
    runtime: Runtime, caller: Caller, organization: int, before: str | None, limit: int
) -> Page[ContactItem]:
    return await service.contacts(runtime, caller, organization, before=before, limit=limit)


async def _employees(
    runtime: Runtime, caller: Caller, organization: int, before: str | None, limit: int
) -> Page[EmployeeItem]:
    return await employments.of_organization(runtime, caller, organization, current=False, before=before, limit=limit)


AREA: Area[OrganizationDetail, OrganizationItem] = Area(
    path=PATH,
    noun="organization",
    title="Organizations",
    lead="Employers, unions and training partners.",
    reads="organizations:read",
    table="organizations",
    one=service.organization,
    named=lambda item: item.name,
    search_label="Words of the name or the city",
    narrow=Narrow("Kind", OrganizationType),
    page=_page,
    columns=(
        Column("Name", lambda item: item.name, link=lambda item: f"{PATH}/{item.id}"),
        Column("Kind", lambda item: item.org_type),
        Column("City", lambda item: item.city),
        Column("Phone", lambda item: item.phone),
        Column("E-mail", lambda item: item.email),
    ),
    facts=(
        Column("Kind", lambda item: item.org_type),
        Column("Address", lambda item: item.address),
        Column("City", lambda item: " ".join(filter(None, (item.city, item.state, item.zip_code)))),
        Column("Phone", lambda item: item.phone),
        Column("E-mail", lambda item: item.email, link=lambda item: f"mailto:{item.email}"),
        Column("Web site", lambda item: item.website, link=lambda item: item.website or ""),
        Column("Takes to organizing", lambda item: item.salting_score),
    ),
    inputs=(
        Input("name", "Name"),
        Input("org_type", "Kind"),
        Input("address", "Address"),
        Input("city", "City"),
        Input("state", "State", hint="Two capital letters"),
        Input("zip_code", "ZIP code"),
        Input("phone", "Phone", control=Control.TEL),
        Input("email", "E-mail"),
        Input("website", "Web site", hint="With https://"),
        Input("salting_score", "Takes to organizing"),
    ),
    new=Form(OrganizationOrder, "organizations:create"),
    add=service.new_organization,
    edit=Form(OrganizationChange, "organizations:update"),
    save=service.change,
    stored=stored(service.DETAILS),
    parts=(
        Part(
            name="contacts",
            title="People to talk to",
            empty="Nobody is noted yet.",
            columns=(
                Column("Name", lambda item: f"{item.first_name} {item.last_name}"),
                Column("Does", lambda item: item.title),
                Column("Phone", lambda item: item.phone),
                Column("E-mail", lambda item: item.email),
                Column("First to ask", lambda item: item.is_primary or None),
            ),
            page=_contacts,
            form=Form(ContactOrder, "organizations:update"),
            inputs=CONTACT_INPUTS,
            add=service.new_contact,
            add_label="Add a person",
            edits=CONTACTS_PATH,
            edits_need="organizations:update",
        ),
        Part(
            name="employees",
            title="Members who work or worked here",
            empty="No member is known to work here.",
            needs="members:read",
            columns=(
                Column(
                    "Name",
                    lambda item: f"{item.last_name}, {item.first_name}",
                    link=lambda item: f"/office/members/{item.member_id}",
                ),
                Column("Number", lambda item: item.member_number),
                Column("Job", lambda item: item.job_title),
                Column("From", lambda item: item.start_date),
                Column("To", lambda item: item.end_date or "now"),
            ),
            page=_employees,
        ),
    ),
    acts=(deletion(RemovedKind.ORGANIZATIONS, "organizations:delete", PATH),),
)

CONTACTS: Area[ContactItem, ContactItem] = Area(
    path=CONTACTS_PATH,
    noun="person",
    title="People to talk to",
    reads="organizations:read",
    one=service.contact,
    named=lambda item: f"{item.first_name} {item.last_name}",
    inputs=CONTACT_INPUTS,
    edit=Form(ContactPersonChange, "organizations:update"),
    save=service.change_contact,
    stored=stored(service.CONTACTS),
    required_by=ContactOrder,
    home=lambda item: f"{PATH}/{item.organization_id}?said=saved",
    acts=(deletion(RemovedKind.CONTACTS, "organizations:update", PATH),),
)
