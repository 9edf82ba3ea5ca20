"""A member's own pages: profile, dues, paying."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ip2a.checkout import service as checkouts
from ip2a.checkout.schemas import CheckoutOrder
from ip2a.dues import service as dues_service
from ip2a.dues.schemas import DuesResponse
from ip2a.employments import service as employment_service
from ip2a.employments.schemas import EmploymentPage
from ip2a.members import service as member_service
from ip2a.members.schemas import ContactChange, ProfileResponse
from ip2a.pages.forms import messages_of
from ip2a.pages.rendering import STATIC, render
from ip2a.pages.session import Visit, VisitDependency
from ip2a.payments import receipts
from ip2a.payments import service as payment_service
from ip2a.payments.schemas import MAXIMUM_AMOUNT, PaymentRequest, Receipt
from ip2a.payments.service import MAXIMUM_KEY
from ip2a.runtime import Runtime
from ip2a.web.answers import body_of
from ip2a.web.dependencies import RuntimeDependency, own_member
from ip2a.web.problems import Problem

router = APIRouter(prefix="/my", include_in_schema=False)

Text = Annotated[str, Form(max_length=255)]


@router.get("/profile")
async def profile(
    runtime: RuntimeDependency, visit: VisitDependency, said: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Who the local thinks the member is, and where they worked."""
    return await _profile(runtime, visit, said=said)


@router.post("/profile")
async def change_contact(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    address: Text = "",
    city: Text = "",
    state: Text = "",
    zip_code: Text = "",
    phone: Text = "",
    email: Text = "",
) -> Response:
    """Save the contact fields, or show the form again with what is wrong."""
    member_id = await own_member(visit.caller)
    given = {"address": address, "city": city, "state": state, "zip_code": zip_code, "phone": phone, "email": email}
    fields = {name: value.strip() or None for name, value in given.items()}
    try:
        change = ContactChange.model_validate(fields)
    except ValidationError as error:
        return await _profile(runtime, visit, given=fields, wrong=messages_of(error))
    await member_service.change_contact(runtime, visit.caller, member_id, change)
    return RedirectResponse("/my/profile?said=saved", 303)


async def _profile(
    runtime: Runtime,
    visit: Visit,
    *,
    said: str = "",
    given: dict[str, str | None] | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    caller = visit.caller
    member_id = await own_member(caller)
    size = employment_service.PAGE_SIZE
    stored, jobs = await asyncio.gather(
        body_of(runtime, caller, member_service.profile(caller.identity, member_id)),
        body_of(runtime, caller, employment_service.employments(caller.identity, member_id, after=None, limit=size)),
    )
    record = ProfileResponse.model_validate_json(stored)
    values = {
        "profile": record,
        "form": {**record.model_dump(), **(given or {})},
        "wrong": wrong or {},
        "said": said,
        "jobs": EmploymentPage.model_validate_json(jobs),
        "active": "profile",
    }
    page = render("profile.html", {**values, **_frame(visit)}, 422 if wrong else 200)
    return visit.keep(page, secure=runtime.settings.in_production)


@router.get("/dues")
async def dues(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    before: Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}$")] = None,
    checkout: Annotated[int | None, Query(ge=1)] = None,
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
            "checkout": checkout,
            "by_card": runtime.card_payments is not None,
            "payable": payment_service.payable(runtime),
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
    payment_service.refuse_own_payments(runtime)
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
    visit.caller.wrote(recorded.lsn, dues_service.DUES)
    receipt = Receipt.model_validate_json(recorded.receipt)
    return RedirectResponse(f"/my/dues?receipt={receipt.receipt_number}", 303)


@router.post("/dues/{dues_id}/checkout")
async def pay_by_card(
    dues_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    runtime: RuntimeDependency,
    visit: VisitDependency,
    key: Annotated[str, Form(alias="idempotency_key", min_length=8, max_length=MAXIMUM_KEY)] = "",
) -> Response:
    """Go to the payment provider; sending the form twice leads to the same checkout."""
    member_id = await own_member(visit.caller)
    visit.caller.need("dues:pay")
    begun = await checkouts.begin(runtime, visit.caller, member_id, dues_id, order=CheckoutOrder(), key=key)
    return RedirectResponse(begun.url or "/my/dues", 303)


@router.get("/payments")
async def payments(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """What the member paid, the newest first, each with its receipt."""
    member_id = await own_member(visit.caller)
    shown = await receipts.page(runtime, visit.caller, member_id, before=before)
    page = render("payments.html", {"payments": shown, "active": "dues", **_frame(visit)})
    return visit.keep(page, secure=runtime.settings.in_production)


@router.get("/payments/{payment_id}")
async def receipt_page(
    payment_id: Annotated[int, Path(ge=1, le=2**53)],
    runtime: RuntimeDependency,
    visit: VisitDependency,
    *,
    download: bool = False,
) -> Response:
    """A receipt to print, or to keep as a file that needs nothing else."""
    member_id = await own_member(visit.caller)
    receipt = await receipts.find(runtime, visit.caller, member_id, payment_id)
    sheet = (STATIC / "app.css").read_text() if download else None
    page = render("receipt.html", {"receipt": receipt, "sheet": sheet, "active": "dues", **_frame(visit)})
    if download:
        page.headers["content-disposition"] = f'attachment; filename="{receipt["receipt_number"]}.html"'
    return visit.keep(page, secure=runtime.settings.in_production)


def _frame(visit: Visit) -> dict[str, object]:
    return {"account": visit.caller.principal, "csrf_token": visit.csrf_token}
