"""Dues for the office: months, what a member owes for one, payments taken at the counter, refunds."""

import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from ip2a.audit.service import record_read
from ip2a.billing import service
from ip2a.billing.models import AdjustmentType
from ip2a.billing.schemas import AdjustmentOrder, DuesOfMonth, MemberDuesItem, PeriodItem, PeriodOrder
from ip2a.dues.models import OPEN_STATUSES
from ip2a.dues.service import DUES
from ip2a.pages.records.areas import BILLING, Act, Area, Column, Form, Narrow, Part, Step, Wanted
from ip2a.pages.records.inputs import Input
from ip2a.pages.rendering import day, moment, money, month
from ip2a.payments import office
from ip2a.payments import service as payments
from ip2a.payments.models import PaymentMethod
from ip2a.payments.schemas import MAXIMUM_AMOUNT, PaymentItem, PaymentRequest
from ip2a.refunds import service as refunds
from ip2a.refunds.models import RefundStatus
from ip2a.refunds.schemas import RefundItem, RefundOrder
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page
from ip2a.web.problems import Problem

MONTHS_PATH, DUES_PATH = "/office/dues", "/office/member-dues"
PAYMENTS_PATH, REFUNDS_PATH = "/office/payments", "/office/refunds"
PROCESS, APPROVE = "dues:process", "adjustments:approve"
_KEY = re.compile(r"[\x21-\x7e]{8,100}")


class TakenAs(StrEnum):
    """How money comes at the counter or through the local's bank."""

    CASH = PaymentMethod.CASH.value
    CHECK = PaymentMethod.CHECK.value
    MONEY_ORDER = PaymentMethod.MONEY_ORDER.value
    CREDIT_CARD = PaymentMethod.CREDIT_CARD.value
    PAYROLL_DEDUCTION = PaymentMethod.PAYROLL_DEDUCTION.value
    ACH_TRANSFER = PaymentMethod.ACH_TRANSFER.value
    OTHER = PaymentMethod.OTHER.value


class TakenPayment(BaseModel):
    """Money that came for a month."""

    model_config = ConfigDict(extra="forbid")

    amount_cents: int = Field(strict=True, ge=1, le=MAXIMUM_AMOUNT)
    method: TakenAs


class Effect(StrEnum):
    """What an adjustment does to what is due."""

    LOWERS = "lowers"
    RAISES = "raises"


class AskedAdjustment(BaseModel):
    """A change of what is due, as people say it: an amount, and whether it is more or less."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    adjustment_type: AdjustmentType
    effect: Effect = Effect.LOWERS
    amount_cents: int = Field(strict=True, ge=1, le=MAXIMUM_AMOUNT)
    reason: str = Field(min_length=3, max_length=500)


async def _months(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[PeriodItem]:
    return await service.periods(runtime, caller, before=wanted.before, limit=wanted.limit)


async def _of_month(
    runtime: Runtime, caller: Caller, period_id: int, before: str | None, limit: int
) -> Page[MemberDuesItem]:
    await record_read(runtime, caller, "dues_payments")
    return await service.of_period(runtime, caller, period_id, None, after=before, limit=limit)


async def _dues(runtime: Runtime, caller: Caller, dues_id: int) -> DuesOfMonth:
    found = await service.dues_of_month(runtime, caller, dues_id)
    await record_read(runtime, caller, "dues_payments", dues_id, found.member_id)
    return found


async def _payments(
    runtime: Runtime, caller: Caller, dues_id: int, before: str | None, limit: int
) -> Page[PaymentItem]:
    return await office.of_dues(runtime, caller, dues_id, before=before, limit=limit)


async def _payment(runtime: Runtime, caller: Caller, payment_id: int) -> PaymentItem:
    found = await office.find(runtime, caller, payment_id)
    await record_read(runtime, caller, "payments", payment_id, found.member_id)
    return found


async def _take(runtime: Runtime, caller: Caller, dues_id: int, form: TakenPayment, key: str) -> None:
    request = PaymentRequest(amount_cents=form.amount_cents, method=PaymentMethod(form.method.value))
    try:
        recorded = await payments.record_payment(
            runtime,
            caller.identity,
            dues_payment_id=dues_id,
            member_id=None,
            request=request,
            user_id=caller.principal.user_id,
            key=_valid(key),
        )
    except Problem as problem:
        if problem.kind != "more-than-due":
            raise
        raise Problem(409, problem.kind, "`amount_cents` is more than is still due.") from None
    caller.wrote(recorded.lsn, DUES)


async def _adjust(runtime: Runtime, caller: Caller, dues_id: int, form: AskedAdjustment, key: str) -> object:
    order = AdjustmentOrder(
        dues_payment_id=dues_id,
        adjustment_type=form.adjustment_type,
        amount_cents=-form.amount_cents if form.effect is Effect.LOWERS else form.amount_cents,
        reason=form.reason,
    )
    return await service.request_adjustment(runtime, caller, order, _valid(key))


def _valid(key: str) -> str:
    """The form's key; Problem 422 for a form without one, which nobody was shown."""
    if not _KEY.fullmatch(key):
        raise Problem(422, "no-key", "This form cannot be sent once only. Load the page again and repeat.")
    return key


async def _ask_back(runtime: Runtime, caller: Caller, payment_id: int, order: RefundOrder, _key: str) -> object:
    return await refunds.request(runtime, caller, payment_id, order)


async def _refunds(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[RefundItem]:
    await record_read(runtime, caller, "refunds")
    status = wanted.narrowed(RefundStatus)
    return await refunds.page(runtime, caller, status, before=wanted.before, limit=wanted.limit)


async def _refund(runtime: Runtime, caller: Caller, refund_id: int) -> RefundItem:
    found = await refunds.find(runtime, caller, refund_id)
    await record_read(runtime, caller, "refunds", refund_id, found.member_id)
    return found


def _owes(item: MemberDuesItem) -> int:
    return item.amount_due_cents - item.amount_paid_cents if item.status in OPEN_STATUSES else 0


def _left(item: PaymentItem) -> int:
    return item.amount_cents - item.asked_back_cents


def _dollars(cents: int) -> dict[str, str]:
    return {"amount_cents": f"{cents // 100}.{cents % 100:02}"}


def _name(item: MemberDuesItem | RefundItem) -> str:
    return f"{item.last_name}, {item.first_name}"


def _not_the_asker(caller: Caller, item: RefundItem) -> bool:
    return item.requested_by_id != caller.principal.user_id


MONTHS: Area[PeriodItem, PeriodItem] = Area(
    path=MONTHS_PATH,
    noun="month",
    title="Months of dues",
    tabs=BILLING,
    active="billing",
    lead="Making a month writes down what every active member owes for it; making it again adds only who was missing.",
    reads=PROCESS,
    table="dues_periods",
    one=service.period,
    named=lambda item: month(item.period_year, item.period_month),
    page=_months,
    columns=(
        Column(
            "Month",
            lambda item: month(item.period_year, item.period_month),
            link=lambda item: f"{MONTHS_PATH}/{item.id}",
        ),
        Column("Due", lambda item: item.due_date),
        Column("Overdue after", lambda item: item.grace_period_end),
        Column("State", lambda item: "Closed" if item.is_closed else "Open", badge=True),
    ),
    facts=(
        Column("State", lambda item: "Closed" if item.is_closed else "Open", badge=True),
        Column("Due", lambda item: item.due_date),
        Column("Overdue after", lambda item: item.grace_period_end),
        Column("Closed", lambda item: item.closed_at and day(item.closed_at)),
    ),
    inputs=(Input("year", "Year", hint="Such as 2026"), Input("month", "Month", hint="1 to 12")),
    new=Form(PeriodOrder, PROCESS),
    add=service.generate,
    acts=(Act("close", "Close the month", PROCESS, service.close, when=lambda item: not item.is_closed),),
    parts=(
        Part(
            name="members",
            title="Who owes what",
            empty="Nobody has dues for this month.",
            columns=(
                Column("Member", _name, link=lambda item: f"{DUES_PATH}/{item.id}"),
                Column("Number", lambda item: item.member_number),
                Column("Due", lambda item: money(item.amount_due_cents), number=True),
                Column("Paid", lambda item: money(item.amount_paid_cents), number=True),
                Column("Status", lambda item: item.status, badge=True),
            ),
            page=_of_month,
            more="More members",
        ),
    ),
)
MEMBER_DUES: Area[DuesOfMonth, DuesOfMonth] = Area(
    path=DUES_PATH,
    noun="dues",
    title="Months of dues",
    tabs=BILLING,
    active="billing",
    above=MONTHS_PATH,
    reads=PROCESS,
    table="dues_payments",
    one=_dues,
    named=lambda item: f"{month(item.period_year, item.period_month)}: {item.first_name} {item.last_name}",
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column(
            "Member",
            lambda item: f"{_name(item)} ({item.member_number})",
            link=lambda item: f"/office/members/{item.member_id}",
        ),
        Column(
            "Month",
            lambda item: month(item.period_year, item.period_month),
            link=lambda item: f"{MONTHS_PATH}/{item.period_id}",
        ),
        Column("Due on", lambda item: item.due_date),
        Column("Due", lambda item: money(item.amount_due_cents)),
        Column("Paid", lambda item: money(item.amount_paid_cents)),
        Column("Still to pay", lambda item: money(_owes(item))),
    ),
    steps=(
        Step(
            name="payments",
            label="Record a payment",
            form=Form(TakenPayment, PROCESS),
            inputs=(Input("amount_cents", "Amount in dollars"), Input("method", "How it came")),
            do=_take,
            said="The payment is recorded. Its receipt stands below.",
            when=lambda item: _owes(item) > 0,
            typed=lambda item: _dollars(_owes(item)),
            opened=True,
        ),
        Step(
            name="adjustments",
            label="Ask for an adjustment",
            form=Form(AskedAdjustment, PROCESS),
            inputs=(
                Input("adjustment_type", "Kind"),
                Input("effect", "What it does to what is due"),
                Input("amount_cents", "By how many dollars"),
                Input("reason", "Why"),
            ),
            do=_adjust,
            said="The adjustment is asked for. Somebody else decides, under Adjustments.",
        ),
    ),
    parts=(
        Part(
            name="paid",
            title="Payments",
            empty="Nothing is paid yet.",
            columns=(
                Column("Receipt", lambda item: item.receipt_number, link=lambda item: f"{PAYMENTS_PATH}/{item.id}"),
                Column("Amount", lambda item: money(item.amount_cents), number=True),
                Column("How", lambda item: item.method),
                Column("When", lambda item: moment(item.recorded_at)),
                Column("Given back", lambda item: money(item.given_back_cents), number=True),
            ),
            page=_payments,
        ),
    ),
)
PAYMENTS: Area[PaymentItem, PaymentItem] = Area(
    path=PAYMENTS_PATH,
    noun="payment",
    title="Months of dues",
    tabs=BILLING,
    active="billing",
    above=MONTHS_PATH,
    reads=PROCESS,
    table="payments",
    one=_payment,
    named=lambda item: f"Payment {item.receipt_number}",
    facts=(
        Column(
            "Member",
            lambda item: f"{item.last_name}, {item.first_name} ({item.member_number})",
            link=lambda item: f"/office/members/{item.member_id}",
        ),
        Column(
            "For",
            lambda item: month(item.period_year, item.period_month),
            link=lambda item: f"{DUES_PATH}/{item.dues_payment_id}",
        ),
        Column("Amount", lambda item: money(item.amount_cents)),
        Column("How", lambda item: item.method),
        Column("When", lambda item: moment(item.recorded_at)),
        Column("Given back", lambda item: money(item.given_back_cents)),
        Column("Asked back, undecided", lambda item: money(item.asked_back_cents - item.given_back_cents)),
    ),
    steps=(
        Step(
            name="refunds",
            label="Ask for a refund",
            form=Form(RefundOrder, PROCESS),
            inputs=(Input("amount_cents", "Amount in dollars"), Input("reason", "Why")),
            do=_ask_back,
            said="The refund is asked for. An officer decides, under Refunds.",
            when=lambda item: _left(item) > 0,
            typed=lambda item: _dollars(_left(item)),
        ),
    ),
)
REFUNDS: Area[RefundItem, RefundItem] = Area(
    path=REFUNDS_PATH,
    noun="refund",
    title="Refunds",
    tabs=BILLING,
    active="billing",
    lead="A refund is asked for on the payment’s page, which a member’s dues lead to. Whoever asks does not decide.",
    reads=PROCESS,
    table="refunds",
    one=_refund,
    named=lambda item: f"Refund of {item.receipt_number}",
    narrow=Narrow("Status", RefundStatus),
    page=_refunds,
    columns=(
        Column("Member", _name, link=lambda item: f"{REFUNDS_PATH}/{item.id}"),
        Column("Payment", lambda item: item.receipt_number),
        Column("Amount", lambda item: money(item.amount_cents), number=True),
        Column("Asked for", lambda item: day(item.requested_at)),
        Column("Status", lambda item: item.status, badge=True),
    ),
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column("Member", _name, link=lambda item: f"/office/members/{item.member_id}"),
        Column("Payment", lambda item: item.receipt_number, link=lambda item: f"{PAYMENTS_PATH}/{item.payment_id}"),
        Column("Amount", lambda item: money(item.amount_cents)),
        Column("Asked for", lambda item: moment(item.requested_at)),
        Column("Decided", lambda item: moment(item.decided_at)),
        Column("Given back", lambda item: moment(item.refunded_at)),
        Column("Why", lambda item: item.reason, long=True),
    ),
    acts=(
        Act(
            "approve",
            "Approve",
            APPROVE,
            refunds.approve,
            when=lambda item: item.status in {RefundStatus.PENDING, RefundStatus.APPROVED},
            may=_not_the_asker,
        ),
        Act(
            "deny",
            "Deny",
            APPROVE,
            refunds.deny,
            when=lambda item: item.status is RefundStatus.PENDING,
            may=_not_the_asker,
        ),
    ),
)
