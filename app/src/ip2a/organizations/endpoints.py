"""`/api/v1/organizations`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from ip2a.organizations import service
from ip2a.organizations.schemas import OrganizationPage
from ip2a.web.dependencies import Caller, RuntimeDependency, require

router = APIRouter(prefix="/api/v1", tags=["organizations"])


@router.get("/organizations")
async def organizations(
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("organizations:read"))],
    after: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> OrganizationPage:
    """Organizations by name."""
    return await service.organizations(runtime.databases, caller.identity, after=after, limit=limit)
