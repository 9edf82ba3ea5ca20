"""`/api/v1/organizations`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from ip2a.organizations import service
from ip2a.organizations.models import OrganizationType
from ip2a.organizations.schemas import (
    ContactItem,
    ContactOrder,
    ContactPersonChange,
    OrganizationChange,
    OrganizationDetail,
    OrganizationOrder,
    OrganizationPage,
)
from ip2a.web.answers import answer
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId, Search

router = APIRouter(prefix="/api/v1", tags=["organizations"])

Reader = Annotated[Caller, Depends(require("organizations:read"))]
Creator = Annotated[Caller, Depends(require("organizations:create"))]
Editor = Annotated[Caller, Depends(require("organizations:update"))]


@router.get("/organizations", response_model=OrganizationPage)
async def organizations(
    runtime: RuntimeDependency,
    caller: Reader,
    *,
    search: Search = "",
    org_type: OrganizationType | None = None,
    after: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = service.PAGE_SIZE,
) -> Response | OrganizationPage:
    """Organizations by name; each word of `search` begins a word of the name or the city."""
    if search or org_type is not None:
        return await service.found(runtime, caller, search=search, org_type=org_type, after=after, limit=limit)
    return await answer(runtime, caller, service.organizations(caller.identity, after=after, limit=limit))


@router.post("/organizations", status_code=201)
async def new_organization(body: OrganizationOrder, runtime: RuntimeDependency, caller: Creator) -> OrganizationDetail:
    """A new organization."""
    return await service.new_organization(runtime, caller, body)


@router.get("/organizations/{organization_id}")
async def organization(organization_id: PathId, runtime: RuntimeDependency, caller: Reader) -> OrganizationDetail:
    """All of an organization."""
    return await service.organization(runtime, caller, organization_id)


@router.patch("/organizations/{organization_id}")
async def change(
    organization_id: PathId, body: OrganizationChange, runtime: RuntimeDependency, caller: Editor
) -> OrganizationDetail:
    """Change an organization."""
    return await service.change(runtime, caller, organization_id, body)


@router.get("/organizations/{organization_id}/contacts")
async def contacts(
    organization_id: PathId, runtime: RuntimeDependency, caller: Reader, before: Cursor = None, limit: Limit = 50
) -> Page[ContactItem]:
    """The people to talk to at an organization; the reading is recorded."""
    return await service.contacts(runtime, caller, organization_id, before=before, limit=limit)


@router.post("/organizations/{organization_id}/contacts", status_code=201)
async def new_contact(
    organization_id: PathId, body: ContactOrder, runtime: RuntimeDependency, caller: Editor
) -> ContactItem:
    """A new person to talk to."""
    return await service.new_contact(runtime, caller, organization_id, body)


@router.patch("/contacts/{contact_id}")
async def change_contact(
    contact_id: PathId, body: ContactPersonChange, runtime: RuntimeDependency, caller: Editor
) -> ContactItem:
    """Change a person to talk to."""
    return await service.change_contact(runtime, caller, contact_id, body)
