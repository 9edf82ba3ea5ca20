"""Paying by card, and the provider's messages."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Request

from ip2a.audit.service import record_read
from ip2a.checkout import service
from ip2a.checkout.schemas import CheckoutItem, CheckoutOrder, Received
from ip2a.payments.endpoints import DuesId, IdempotencyKey
from ip2a.web.dependencies import Caller, OwnMember, RuntimeDependency, require
from ip2a.web.keyset import Cursor, Limit, Page
from ip2a.web.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["payments"])

LARGEST_MESSAGE = 256 * 1024  # bytes


@router.post("/my/dues/{dues_id}/checkout", status_code=201)
async def begin(
    dues_id: DuesId,
    key: IdempotencyKey,
    *,
    body: Annotated[CheckoutOrder | None, Body()] = None,
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("dues:pay"))],
    member_id: OwnMember,
) -> CheckoutItem:
    """Begin paying one of the caller's months by card; send the browser to `url`."""
    return await service.begin(runtime, caller, member_id, dues_id, order=body or CheckoutOrder(), key=key)


@router.get("/payments/unapplied")
async def unapplied(
    runtime: RuntimeDependency,
    caller: Annotated[Caller, Depends(require("dues:process"))],
    before: Cursor = None,
    limit: Limit = 50,
) -> Page[CheckoutItem]:
    """Card payments that came when nothing was due any more, to be refunded at the provider. Reading is recorded."""
    await record_read(runtime, caller, "checkouts")
    return await service.unapplied(runtime, caller, before=before, limit=limit)


@router.post("/webhooks/stripe")
async def receive(
    request: Request,
    runtime: RuntimeDependency,
    signature: Annotated[str, Header(alias="Stripe-Signature", max_length=1000)] = "",
) -> Received:
    """The provider's messages; only signed ones are read."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_MESSAGE:
            raise Problem(413, "too-large", f"A message has {LARGEST_MESSAGE} bytes at most.")
    return await service.receive(runtime, bytes(body), signature)
