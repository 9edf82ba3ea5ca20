"""A member's own pages: profile, dues, paying."""

import asyncio
from secrets import token_urlsafe
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query
from starlette.responses import RedirectResponse, Response

from ip2a.dues import service as dues_service
from ip2a.dues.schemas import DuesResponse
from ip2a.employments import service as employment_service
from ip2a.employments.schemas import EmploymentPage
from ip2a.members import service as member_service
from ip2a.members.schemas import ProfileResponse
from ip2a.pages.rendering import render
from ip2a.pages.session import Visit, VisitDependency
from ip2a.payments import service as payment_service
from ip2a.payments.schemas import MAXIMUM_AMOUNT, PaymentRequest, Receipt
from ip2a.payments.service import MAXIMUM_KEY
from ip2a.web.answers import body_of
from ip2a.web.dependencies import RuntimeDependency, own_member
from ip2a.web.problems import Problem

router = APIRouter(prefix="/my", include_in_schema=False)


@router.get("/profile")
async def profile(runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Who the local thinks the member is, and where they worked."""
    caller = visit.caller
    member_id = await own_member(caller)
    record, jobs = await asyncio.gather(
        body_of(runtime, caller, member_service.profile(caller.identity, member_id)),
        body_of(
            runtime,
            caller,
            employment_service.employments(caller.identity, member_id, after=None, limit=employment_service.PAGE_SIZE),
        ),
    )
    page = render(
        "profile.html",
        {
            "profile": ProfileResponse.model_validate_json(record),
            "jobs": EmploymentPage.model_validate_json(jobs),
            "active": "profile",
            **_frame(visit),
        },
    )
    return visit.keep(page, secure=runtime.settings.in_production)


@router.get("/dues")
async def dues(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    before: Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}$")] = None,
    receipt: Annotated[str | None, Query(max_length=50, pattern=r"^RCP-[0-9]{6}-[0-9a-f]{8,}$")] = None,
) -> Response:
    """What is owed and what was paid, with a form for each open month."""
    member_id = await own_member(visit.caller)
    query = dues_service.dues(visit.caller.identity, member_id, before=before, limit=dues_service.PAGE_SIZE)
    answer = DuesResponse.model_validate_json(await body_of(runtime, visit.caller, query))
    page = render(
        "dues.html",
        {
            "dues": answer,
            "receipt": receipt,
            "new_key": lambda: token_urlsafe(18),
            "active": "dues",
            **_frame(visit),
        },
    )
    return visit.keep(page, secure=runtime.settings.in_production)


@router.post("/dues/{dues_id}/pay")
async def pay(
    dues_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    runtime: RuntimeDependency,
    visit: VisitDependency,
    amount_cents: Annotated[int, Form(ge=1, le=MAXIMUM_AMOUNT)],
    key: Annotated[str, Form(alias="idempotency_key", min_length=8, max_length=MAXIMUM_KEY)],
) -> Response:
    """Record the payment and go back to the list; sending the form twice pays once."""
    member_id = await own_member(visit.caller)
    if not visit.caller.may("dues:pay"):
        raise Problem(403, "not-permitted", "This account may not pay dues.")
    recorded = await payment_service.record_payment(
        runtime,
        visit.caller.identity,
        dues_payment_id=dues_id,
        member_id=member_id,
        request=PaymentRequest(amount_cents=amount_cents),
        user_id=visit.caller.principal.user_id,
        key=key,
    )
    visit.caller.wrote(recorded.lsn)
    receipt = Receipt.model_validate_json(recorded.receipt)
    return RedirectResponse(f"/my/dues?receipt={receipt.receipt_number}", 303)


def _frame(visit: Visit) -> dict[str, object]:
    return {"account": visit.caller.principal, "csrf_token": visit.csrf_token}
