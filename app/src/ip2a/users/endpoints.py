"""`/api/v1/users`: accounts, for administrators. Every look at an account is recorded."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from ip2a.audit.service import record_read
from ip2a.auth.models import RoleName
from ip2a.users import service
from ip2a.users.schemas import (
    AccountChange,
    AccountItem,
    AccountOrder,
    AccountSession,
    EndedSessions,
    RolesOrder,
)
from ip2a.web.dependencies import Caller, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page, PathId

router = APIRouter(prefix="/api/v1/users", tags=["users"])

Administrator = Annotated[Caller, Depends(require("users:manage"))]
Search = Annotated[
    str | None,
    Query(max_length=100, pattern=r"^[^\x00]*$", description="The beginning of an address or of a last name."),
]


@router.get("")
async def accounts(
    runtime: RuntimeDependency,
    caller: Administrator,
    *,
    search: Search = None,
    role: RoleName | None = None,
    after: Cursor = None,
    limit: Limit = 50,
) -> Page[AccountItem]:
    """Accounts by address."""
    await record_read(runtime, caller, "users")
    return await service.page(runtime, caller, search=search, role=role, after=after, limit=limit)


@router.post("", status_code=201)
async def create(body: AccountOrder, runtime: RuntimeDependency, caller: Administrator) -> AccountItem:
    """Make an account; its owner chooses the password by a link that is mailed."""
    return await service.create(runtime, caller, body)


@router.get("/{user_id}")
async def account(user_id: PathId, runtime: RuntimeDependency, caller: Administrator) -> AccountItem:
    """One account."""
    await record_read(runtime, caller, "users", user_id)
    return await service.find(runtime, caller, user_id)


@router.patch("/{user_id}")
async def change(
    user_id: PathId, body: AccountChange, runtime: RuntimeDependency, caller: Administrator
) -> AccountItem:
    """Change name, address or the member behind the account."""
    return await service.change(runtime, caller, user_id, body)


@router.put("/{user_id}/roles")
async def set_roles(
    user_id: PathId, body: RolesOrder, runtime: RuntimeDependency, caller: Administrator
) -> AccountItem:
    """Give exactly these roles; it counts on the account's next request."""
    return await service.set_roles(runtime, caller, user_id, body)


@router.post("/{user_id}/lock")
async def lock(user_id: PathId, runtime: RuntimeDependency, caller: Administrator) -> AccountItem:
    """End the account's sessions and refuse it from now on."""
    return await service.lock(runtime, caller, user_id)


@router.post("/{user_id}/unlock")
async def unlock(user_id: PathId, runtime: RuntimeDependency, caller: Administrator) -> AccountItem:
    """Let the account log in again, also after too many failures."""
    return await service.unlock(runtime, caller, user_id)


@router.post("/{user_id}/force-reset")
async def force_reset(user_id: PathId, runtime: RuntimeDependency, caller: Administrator) -> AccountItem:
    """End the account's sessions and make its owner choose a new password; the link is mailed."""
    return await service.force_reset(runtime, caller, user_id)


@router.post("/{user_id}/reset-mail")
async def send_reset(user_id: PathId, runtime: RuntimeDependency, caller: Administrator) -> AccountItem:
    """Mail the account's owner a link for choosing a password; until it is used nothing else changes."""
    return await service.send_reset(runtime, caller, user_id)


@router.get("/{user_id}/sessions")
async def sessions(user_id: PathId, runtime: RuntimeDependency, caller: Administrator) -> list[AccountSession]:
    """The account's open sessions, last used first."""
    await record_read(runtime, caller, "refresh_tokens", user_id)
    return await service.sessions(runtime, caller, user_id)


@router.delete("/{user_id}/sessions")
async def end_sessions(user_id: PathId, runtime: RuntimeDependency, caller: Administrator) -> EndedSessions:
    """End every session of the account at once."""
    return await service.end_sessions(runtime, caller, user_id)


@router.delete("/{user_id}/sessions/{session_id}", status_code=204)
async def end_session(user_id: PathId, session_id: UUID, runtime: RuntimeDependency, caller: Administrator) -> Response:
    """End one session of the account at once."""
    await service.end_session(runtime, caller, user_id, session_id)
    return Response(status_code=204)
