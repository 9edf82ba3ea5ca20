"""`/api/v1/api-keys`: keys for programs of other systems."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ip2a.api_keys import service
from ip2a.api_keys.schemas import ApiKeyItem, ApiKeyOrder, NewApiKey
from ip2a.audit.service import record_read
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1/api-keys", tags=["api-keys"])

Administrator = Annotated[Caller, Depends(require("users:manage"))]


@router.get("")
async def keys(
    runtime: RuntimeDependency, caller: Administrator, before: Cursor = None, limit: Limit = 50
) -> Page[ApiKeyItem]:
    """Every key, the newest first; never the keys themselves."""
    await record_read(runtime, caller, "api_keys")
    return await service.page(runtime, caller, before=before, limit=limit)


@router.post("", status_code=201)
async def create(body: ApiKeyOrder, runtime: RuntimeDependency, caller: Administrator) -> NewApiKey:
    """Make a key; it is in this answer and nowhere else."""
    return await service.create(runtime, caller, body)


@router.delete("/{key_id}", status_code=204)
async def revoke(key_id: PathId, runtime: RuntimeDependency, caller: Administrator) -> None:
    """End a key at once."""
    await service.revoke(runtime, caller, key_id)
