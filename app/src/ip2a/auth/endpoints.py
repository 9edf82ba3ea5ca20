"""`/api/v1/auth`: log in, refresh, log out, see and end sessions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Request, Response

from ip2a.auth import service
from ip2a.auth.schemas import CurrentUserResponse, LoginRequest, RefreshRequest, SessionItem, SessionResponse
from ip2a.auth.service import Session
from ip2a.runtime import Runtime
from ip2a.security.tokens import ACCESS_LIFETIME, csrf_token
from ip2a.web import cookies
from ip2a.web.dependencies import ClientDependency, RuntimeDependency, SessionDependency
from ip2a.web.problems import Problem

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/login")
async def log_in(
    body: LoginRequest, response: Response, runtime: RuntimeDependency, client: ClientDependency
) -> SessionResponse:
    """Begin a session; browsers get the tokens as cookies."""
    session = await service.log_in(runtime, body.email, body.password, client)
    return session_answer(runtime, response, session)


@router.post("/refresh")
async def refresh(
    request: Request,
    response: Response,
    runtime: RuntimeDependency,
    client: ClientDependency,
    body: Annotated[RefreshRequest | None, Body()] = None,
) -> SessionResponse:
    """Continue a session with a new pair of tokens; the old refresh token stops working."""
    token = (body.refresh_token if body else None) or request.cookies.get(cookies.REFRESH)
    if token is None:
        raise service.invalid_session()
    return session_answer(runtime, response, await service.refresh(runtime, token, client))


@router.post("/logout", status_code=204)
async def log_out(response: Response, runtime: RuntimeDependency, caller: SessionDependency) -> None:
    """End this session at once, access token included."""
    await service.end_session(runtime, caller.principal.user_id, caller.session_id, caller.client)
    cookies.clear_session_cookies(response, secure=runtime.settings.in_production)


@router.get("/me")
async def me(runtime: RuntimeDependency, caller: SessionDependency) -> CurrentUserResponse:
    """Who is calling, and the CSRF token for cookie-authenticated writes."""
    account = caller.principal
    return CurrentUserResponse(
        user_id=account.user_id,
        email=account.email,
        first_name=account.first_name,
        last_name=account.last_name,
        member_id=account.member_id,
        roles=list(account.roles),
        must_change_password=account.must_change_password,
        csrf_token=csrf_token(str(caller.session_id), runtime.cookie_key),
    )


@router.get("/sessions")
async def sessions(runtime: RuntimeDependency, caller: SessionDependency) -> list[SessionItem]:
    """The caller's open sessions, last used first; the first 100."""
    return [
        SessionItem(
            session_id=str(item.session_id),
            started_at=item.started_at,
            last_used_at=item.last_used_at,
            device=item.device,
            address=item.address,
            current=item.session_id == caller.session_id,
        )
        for item in await service.sessions(runtime, caller.principal.user_id)
    ]


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: UUID, runtime: RuntimeDependency, caller: SessionDependency) -> None:
    """End one of the caller's sessions."""
    if not await service.end_session(runtime, caller.principal.user_id, session_id, caller.client):
        raise Problem(404, "no-such-session", "There is no open session with this id.")


def session_answer(runtime: Runtime, response: Response, session: Session) -> SessionResponse:
    """Hand the tokens out: in the body, and as cookies for browsers."""
    cookies.set_session_cookies(
        response, session.access_token, session.refresh_token, secure=runtime.settings.in_production
    )
    return SessionResponse(
        access_token=session.access_token,
        refresh_token=session.refresh_token,
        csrf_token=session.csrf_token,
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
    )
