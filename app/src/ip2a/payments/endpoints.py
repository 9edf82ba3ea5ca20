"""Paying one's own dues, and recording payments at the office."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Response

from ip2a.payments import service
from ip2a.payments.schemas import PaymentRequest, Receipt
from ip2a.payments.service import MAXIMUM_KEY
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


@router.post("/my/dues/{dues_id}/payments", status_code=201)
async def pay_my_dues(
    dues_id: DuesId,
    body: PaymentRequest,
    key: IdempotencyKey,
    *,
    response: Response,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("dues:pay"))],
    member_id: OwnMember,
) -> Receipt:
    """Pay one of the caller's own months; 200 when this key was answered before."""
    receipt = await service.record_payment(
        runtime.databases,
        caller.identity,
        dues_payment_id=dues_id,
        member_id=member_id,
        request=body,
        user_id=caller.account.user_id,
        key=key,
    )
    return _answer(response, receipt)


@router.post("/dues/{dues_id}/payments", status_code=201)
async def record_payment(
    dues_id: DuesId,
    body: PaymentRequest,
    key: IdempotencyKey,
    *,
    response: Response,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("dues:process"))],
) -> Receipt:
    """Record a payment of any member, for staff; 200 when this key was answered before."""
    receipt = await service.record_payment(
        runtime.databases,
        caller.identity,
        dues_payment_id=dues_id,
        member_id=None,
        request=body,
        user_id=caller.account.user_id,
        key=key,
    )
    return _answer(response, receipt)


def _answer(response: Response, receipt: Receipt) -> Receipt:
    if receipt.replayed:
        response.status_code = 200
    return receipt
