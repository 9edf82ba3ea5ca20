"""Paying one's own dues, and recording payments at the office."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Response

from ip2a.dues.service import DUES
from ip2a.payments import service
from ip2a.payments.schemas import OwnPaymentRequest, PaymentRequest, Receipt
from ip2a.payments.service import MAXIMUM_KEY
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller, OwnMember, RuntimeDependency, require

router = APIRouter(prefix="/api/v1", tags=["payments"])

DuesId = Annotated[int, Path(ge=1, le=2**31 - 1)]
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=MAXIMUM_KEY,
        pattern=r"^[\x21-\x7e]+$",
        description="A fresh random value for each payment; repeat it only when repeating the request.",
    ),
]


@router.post("/my/dues/{dues_id}/payments", status_code=201, response_model=Receipt)
async def pay_my_dues(
    dues_id: DuesId,
    body: OwnPaymentRequest,
    key: IdempotencyKey,
    *,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("dues:pay"))],
    member_id: OwnMember,
) -> Response:
    """Pay one of the caller's own months, in development only: no money moves. In production members pay by card or at
    the office.
    """
    service.refuse_own_payments(runtime)
    return await _record(runtime, caller, dues_id, member_id, body=body, key=key)


@router.post("/dues/{dues_id}/payments", status_code=201, response_model=Receipt)
async def record_payment(
    dues_id: DuesId,
    body: PaymentRequest,
    key: IdempotencyKey,
    *,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("dues:process"))],
) -> Response:
    """Record a payment of any member, for staff."""
    return await _record(runtime, caller, dues_id, None, body=body, key=key)


async def _record(
    runtime: Runtime, caller: Caller, dues_id: int, member_id: int | None, *, body: PaymentRequest, key: str
) -> Response:
    recorded = await service.record_payment(
        runtime,
        caller.identity,
        dues_payment_id=dues_id,
        member_id=member_id,
        request=body,
        user_id=caller.principal.user_id,
        key=key,
    )
    caller.wrote(recorded.lsn, DUES)
    headers = {"idempotent-replayed": "true"} if recorded.replayed else None
    return Response(recorded.receipt, 201, headers, media_type="application/json")
