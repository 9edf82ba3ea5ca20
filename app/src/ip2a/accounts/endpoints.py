"""`/api/v1/auth/password…` and `/api/v1/auth/email-verification`."""

from fastapi import APIRouter, BackgroundTasks, Response

from ip2a.accounts import service
from ip2a.accounts.schemas import PasswordChange, ResetConfirmation, ResetRequest, Verification
from ip2a.auth.endpoints import session_answer
from ip2a.auth.schemas import SessionResponse
from ip2a.web.dependencies import ClientDependency, RuntimeDependency, SessionDependency

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/password")
async def change_password(
    body: PasswordChange,
    response: Response,
    runtime: RuntimeDependency,
    caller: SessionDependency,
    client: ClientDependency,
) -> SessionResponse:
    """Change the caller's password; every session ends, and this answer begins a new one."""
    session = await service.change_password(runtime, caller, body.current_password, body.new_password, client)
    return session_answer(runtime, response, session)


@router.post("/password-reset", status_code=202)
async def request_reset(
    body: ResetRequest, runtime: RuntimeDependency, client: ClientDependency, tasks: BackgroundTasks
) -> None:
    """Mail a link for choosing a new password, if the address has an account; the answer does not tell."""
    await service.limit_recovery(runtime, body.email)
    tasks.add_task(service.send_reset, runtime, body.email, client)


@router.post("/password-reset/confirm", status_code=204)
async def reset(body: ResetConfirmation, runtime: RuntimeDependency, client: ClientDependency) -> None:
    """Set a new password with the token of the mail; every session of the account ends."""
    await service.reset_password(runtime, body.token, body.new_password, client)


@router.post("/email-verification", status_code=202)
async def request_verification(runtime: RuntimeDependency, caller: SessionDependency, client: ClientDependency) -> None:
    """Mail the caller a link that verifies their address."""
    await service.send_verification(runtime, caller, client)


@router.post("/email-verification/confirm", status_code=204)
async def verify(body: Verification, runtime: RuntimeDependency, client: ClientDependency) -> None:
    """Verify the address the token was sent to."""
    await service.verify_email(runtime, body.token, client)
