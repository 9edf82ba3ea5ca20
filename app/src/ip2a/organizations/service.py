"""Reading organizations on behalf of somebody."""

from ip2a.database.identity import Identity
from ip2a.organizations import repository
from ip2a.organizations.models import Organization, OrganizationContact, OrganizationType
from ip2a.organizations.schemas import (
    ContactItem,
    ContactOrder,
    ContactPersonChange,
    OrganizationChange,
    OrganizationDetail,
    OrganizationItem,
    OrganizationOrder,
    OrganizationPage,
)
from ip2a.reads import Query, Read, shared_query
from ip2a.records import service as records
from ip2a.records.search import begins
from ip2a.records.service import Kind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

PAGE_SIZE = 50
SUBJECT = b"organizations"
ORGANIZATIONS = Read(
    name="organizations",
    path="/api/v1/organizations",
    permission="organizations:read",
    statement=repository.PAGE,
    seconds=600,
    defaults=(None, b"%d" % PAGE_SIZE),
    subject=SUBJECT,
)


def organizations(identity: Identity, *, after: int | None, limit: int) -> Query:
    """One page of organizations by name."""
    start = None if after is None else b"%d" % after
    return shared_query(ORGANIZATIONS, identity, (start, b"%d" % limit))


DETAILS = Kind(
    name="organization",
    model=Organization,
    item=OrganizationDetail,
    shown=repository.SHOWN,
    subject=SUBJECT,
    of_member=False,
)
CONTACTS = Kind(
    name="contact",
    model=OrganizationContact,
    item=ContactItem,
    shown=repository.CONTACTS_SHOWN,
    refused={"uq_organization_contacts_primary": "Another contact of this organization has `is_primary` set."},
)


async def found(
    runtime: Runtime,
    caller: Caller,
    *,
    search: str,
    org_type: OrganizationType | None,
    after: int | None,
    limit: int,
) -> OrganizationPage:
    """Organizations by name; each word of `search` begins a word of the name or the city."""
    conditions = [
        *([begins(Organization.words, search)] if search.strip() else []),
        *([Organization.org_type == org_type] if org_type is not None else []),
    ]
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(connection, conditions, after=after, limit=limit + 1)
    items = [OrganizationItem.model_validate(dict(row)) for row in rows[:limit]]
    return OrganizationPage(items=items, next=items[-1].id if len(rows) > limit else None)


async def organization(runtime: Runtime, caller: Caller, identifier: int) -> OrganizationDetail:
    """One organization; Problem 404."""
    return await records.one(runtime, caller, DETAILS, identifier)


async def new_organization(runtime: Runtime, caller: Caller, order: OrganizationOrder) -> OrganizationDetail:
    """A new organization."""
    return await records.add(runtime, caller, DETAILS, order.model_dump())


async def change(runtime: Runtime, caller: Caller, identifier: int, change: OrganizationChange) -> OrganizationDetail:
    """Change an organization.

    Raises Problem 404, 409 (changed meanwhile), 422.
    """
    return await records.change(runtime, caller, DETAILS, identifier, change.model_dump(exclude_unset=True))


async def contacts(
    runtime: Runtime, caller: Caller, organization_id: int, *, before: str | None, limit: int
) -> Page[ContactItem]:
    """The people to talk to at an organization, newest first; Problem 404."""
    of = (Organization, organization_id)
    conditions = [OrganizationContact.organization_id == organization_id]
    return await records.page(runtime, caller, CONTACTS, conditions, before=before, limit=limit, of=of)


async def contact(runtime: Runtime, caller: Caller, identifier: int) -> ContactItem:
    """One person to talk to; Problem 404."""
    return await records.one(runtime, caller, CONTACTS, identifier)


async def new_contact(runtime: Runtime, caller: Caller, organization_id: int, order: ContactOrder) -> ContactItem:
    """A new person to talk to.

    Raises Problem 409 (another is the primary one), 422 (no such organization).
    """
    return await records.add(runtime, caller, CONTACTS, order.model_dump() | {"organization_id": organization_id})


async def change_contact(runtime: Runtime, caller: Caller, identifier: int, change: ContactPersonChange) -> ContactItem:
    """Change a person to talk to.

    Raises Problem 404, 409 (changed meanwhile; another is the primary one), 422.
    """
    return await records.change(runtime, caller, CONTACTS, identifier, change.model_dump(exclude_unset=True))
