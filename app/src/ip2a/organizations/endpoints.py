"""`/api/v1/organizations`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from ip2a.organizations import service
from ip2a.organizations.schemas import OrganizationPage
from ip2a.web.answers import answer
from ip2a.web.dependencies import Caller, RuntimeDependency, require

router = APIRouter(prefix="/api/v1", tags=["organizations"])


@router.get("/organizations", response_model=OrganizationPage)
async def organizations(
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("organizations:read"))],
    after: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = service.PAGE_SIZE,
) -> Response:
    """Organizations by name."""
    return await answer(runtime, caller, service.organizations(caller.identity, after=after, limit=limit))
