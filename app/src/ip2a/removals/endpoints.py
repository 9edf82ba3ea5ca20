"""`DELETE` of every record that can be deleted; `/api/v1/deleted` for administrators."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from ip2a.removals import service
from ip2a.removals.kinds import REMOVALS, RemovedKind
from ip2a.removals.schemas import RemovedItem, Restoration
from ip2a.web.dependencies import Caller, CallerDependency, RuntimeDependency, require
from ip2a.web.keyset import MAXIMUM_IDENTIFIER, Cursor, Limit, Page

router = APIRouter(prefix="/api/v1", tags=["deleted"])
records_router = APIRouter(prefix="/api/v1")

Restorer = Annotated[Caller, Depends(require("system:restore"))]


@router.get("/deleted")
async def deleted(
    runtime: RuntimeDependency,
    caller: Restorer,
    *,
    kind: RemovedKind = RemovedKind.MEMBERS,
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[RemovedItem]:
    """Deleted records of a kind, newest first; the reading is recorded."""
    return await service.deleted(runtime, caller, kind, before=before, limit=limit)


@router.post("/deleted/restorations", status_code=204)
async def restore(body: Restoration, runtime: RuntimeDependency, caller: Restorer) -> None:
    """Restore a deleted record; with a member their account comes back."""
    await service.restore(runtime, caller, body)


def _deleting(kind: RemovedKind) -> Callable[..., Awaitable[None]]:
    parameter: Any = Path(alias=REMOVALS[kind].parameter, ge=1, le=MAXIMUM_IDENTIFIER)

    async def delete(
        record_id: Annotated[int, parameter], runtime: RuntimeDependency, caller: CallerDependency
    ) -> None:
        await service.delete(runtime, caller, kind, record_id)

    return delete


for _kind, _removal in REMOVALS.items():
    _noun = _removal.kind.name.replace("-", " ")
    records_router.add_api_route(
        _removal.path,
        _deleting(_kind),
        methods=["DELETE"],
        status_code=204,
        tags=[_removal.tag],
        name=f"delete_{_removal.kind.name.replace('-', '_')}",
        summary=f"Delete the {_noun}",
        description=f"The {_noun} is in no list any more; what happened with it stays, and administrators may restore"
        " it.",
    )
