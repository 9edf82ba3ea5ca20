"""Months, adjustments and overdue marking on behalf of staff."""

from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ip2a.billing import repository
from ip2a.billing.models import AdjustmentStatus, AdjustmentType
from ip2a.billing.schemas import (
    AdjustmentItem,
    AdjustmentOrder,
    DuesOfMonth,
    GeneratedPeriod,
    MemberDuesItem,
    OverdueResult,
    PeriodItem,
    PeriodOrder,
    RateOrder,
)
from ip2a.database.identity import Identity, transaction
from ip2a.dues.models import DuesStatus
from ip2a.dues.schemas import DuesRateItem
from ip2a.dues.service import DUES, RATES_SUBJECT
from ip2a.referrals.rules import local
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before, read_text_id
from ip2a.web.problems import Problem

_OUTBOX = text("INSERT INTO cache_outbox (subject) SELECT unnest(cast(:subjects AS text[]))")
BOOKKEEPER = Identity(resources=frozenset({"dues", "members"}))
"""The nightly job."""


async def generate(runtime: Runtime, caller: Caller, order: PeriodOrder) -> GeneratedPeriod:
    """Make a month's dues of every active member who has none; repeating it adds only who was missing.

    Raises Problem 409 when the month is closed.
    """
    async with runtime.writer.transaction(caller.identity, []) as writing:
        period, members = await repository.generate(
            writing.connection, order.year, order.month, local(runtime.now()).date()
        )
        writing.subjects.extend(DUES.subject_of(member) for member in members)
    caller.wrote(writing.lsn)
    if period["is_closed"]:
        raise Problem(409, "period-closed", "This month is closed.")
    return GeneratedPeriod.model_validate({**period, "generated": len(members)})


async def add_rate(runtime: Runtime, caller: Caller, order: RateOrder) -> DuesRateItem:
    """A new amount from a day on; months that were made already keep theirs. Repeating it changes nothing.

    Raises Problem 422 (the day has begun), 409 (another amount is set for that day).
    """
    if order.effective_date <= local(runtime.now()).date():
        raise Problem(422, "rate-in-the-past", "`effective_date` must be a day to come.")
    async with runtime.writer.transaction(caller.identity, [RATES_SUBJECT]) as writing:
        row = await repository.add_rate(
            writing.connection, {**order.model_dump(), "classification": order.classification.value}
        )
        if row["monthly_amount_cents"] != order.monthly_amount_cents:
            raise Problem(409, "rate-exists", "Another amount is set from this day on; choose another day.")
    caller.wrote(writing.lsn)
    return DuesRateItem.model_validate(dict(row))


async def periods(runtime: Runtime, caller: Caller, *, before: str | None, limit: int) -> Page[PeriodItem]:
    """Months, the newest made first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.periods(connection, before=read_before(before), limit=limit + 1)
    return page_of(PeriodItem, rows, limit, lambda item: encode("", item.id))


async def period(runtime: Runtime, caller: Caller, period_id: int) -> PeriodItem:
    """One month; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.period(connection, period_id)
    if row is None:
        raise Problem(404, "no-such-period", "There is no such month.")
    return PeriodItem.model_validate(dict(row))


async def dues_of_month(runtime: Runtime, caller: Caller, dues_id: int) -> DuesOfMonth:
    """What one member owes for a month; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.dues_of_member(connection, dues_id)
    if row is None:
        raise Problem(404, "no-such-dues", "There are no such dues.")
    return DuesOfMonth.model_validate(dict(row))


async def close(runtime: Runtime, caller: Caller, period_id: int) -> PeriodItem:
    """Close a month for good.

    Raises Problem 409 when it is closed, or there is none.
    """
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.close(connection, period_id, runtime.now())
    if row is None:
        raise Problem(409, "no-open-period", "There is no such open month.")
    return PeriodItem.model_validate(dict(row))


async def of_period(
    runtime: Runtime, caller: Caller, period_id: int, status: DuesStatus | None, *, after: str | None, limit: int
) -> Page[MemberDuesItem]:
    """Who owes what for a month."""
    position = 0 if after is None else read_text_id(after)[1]
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.of_period(
            connection, period_id, status.value if status else None, after=position, limit=limit + 1
        )
    return page_of(MemberDuesItem, rows, limit, lambda item: encode("", item.id))


async def mark_overdue(runtime: Runtime, caller: Caller) -> OverdueResult:
    """Bring every status up to today."""
    async with runtime.writer.transaction(caller.identity, []) as writing:
        members = await repository.mark_overdue(writing.connection, local(runtime.now()).date())
        writing.subjects.extend(DUES.subject_of(member) for member in set(members))
    caller.wrote(writing.lsn)
    return OverdueResult(changed=len(members))


async def mark_overdue_nightly(engine: AsyncEngine, now: datetime) -> int:
    """The same, on behalf of the platform; returns how many changed. The pods' relays empty the outbox."""
    async with transaction(engine, BOOKKEEPER) as connection:
        members = await repository.mark_overdue(connection, local(now).date())
        subjects = [DUES.subject_of(member).decode() for member in sorted(set(members))]
        await connection.execute(_OUTBOX, {"subjects": subjects})
    return len(members)


async def request_adjustment(runtime: Runtime, caller: Caller, order: AdjustmentOrder, key: str) -> AdjustmentItem:
    """Ask for an adjustment; a repeated key gets the first answer again.

    Raises Problem 404 (no such dues), 422 (amount 0, or above 0 of a write-off; the key was used for another request).
    """
    if order.amount_cents == 0:
        raise Problem(422, "no-amount", "`amount_cents` must not be 0.")
    if order.adjustment_type is AdjustmentType.WRITE_OFF and order.amount_cents > 0:
        raise Problem(422, "no-write-off", "`amount_cents` of a write-off is negative: all that is open.")
    values = order.model_dump(mode="json") | {"key": key}
    async with caller.transaction(runtime.databases) as connection:
        await repository.request_adjustment(connection, values)
        row = await repository.requested_under(connection, key)
    if row is None:
        raise Problem(404, "no-such-dues", "There are no such dues.")
    same = all(row[name] == value for name, value in order.model_dump(mode="json").items())
    if not same:
        raise Problem(422, "idempotency-key-reused", "This Idempotency-Key was used for another request.")
    return AdjustmentItem.model_validate(dict(row))


async def adjustments(
    runtime: Runtime, caller: Caller, status: AdjustmentStatus | None, *, before: str | None, limit: int
) -> Page[AdjustmentItem]:
    """Adjustments, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.adjustments(
            connection, status.value if status else None, before=read_before(before), limit=limit + 1
        )
    return page_of(AdjustmentItem, rows, limit, lambda item: encode("", item.id))


async def decide(runtime: Runtime, caller: Caller, adjustment_id: int, decision: AdjustmentStatus) -> AdjustmentItem:
    """Approve or deny; an approval changes what is due in the same transaction.

    Raises Problem 404, 403 (asked for by the caller, or about their own dues), 409 (decided already; less than what is
    paid; a write-off that is not of what is open).
    """
    now = runtime.now()
    try:
        async with runtime.writer.transaction(caller.identity, []) as writing:
            connection = writing.connection
            decided = await repository.decide(connection, adjustment_id, decision.value, now)
            if decided is None:
                raise _refusal(await repository.find_adjustment(connection, adjustment_id))
            if decided["member_id"] == caller.principal.member_id:
                raise Problem(403, "own-dues", "Nobody decides on an adjustment of their own dues.")
            if decision is AdjustmentStatus.APPROVED:
                await _apply(connection, decided, now)
            writing.subjects.append(DUES.subject_of(decided["member_id"]))
            row = await repository.find_adjustment(connection, adjustment_id)
    except IntegrityError as error:
        if "ck_dues_adjustments_four_eyes" in str(error.orig):
            raise Problem(403, "own-request", "Somebody else must decide what you asked for.") from None
        raise
    caller.wrote(writing.lsn)
    return AdjustmentItem.model_validate(dict(row or {}))


async def _apply(connection: AsyncConnection, adjustment: RowMapping, now: datetime) -> None:
    dues_payment_id, amount_cents = adjustment["dues_payment_id"], adjustment["amount_cents"]
    if adjustment["adjustment_type"] == AdjustmentType.WRITE_OFF:
        if not await repository.write_off(connection, dues_payment_id, amount_cents):
            raise Problem(409, "not-what-is-open", "A write-off is of all that is open, to the cent; deny it instead.")
    elif not await repository.apply(connection, dues_payment_id, amount_cents, local(now).date()):
        raise Problem(
            409,
            "less-than-paid",
            "More has been paid than would be due, or the dues are written off; refund or deny instead.",
        )


def _refusal(row: RowMapping | None) -> Problem:
    if row is None:
        return Problem(404, "no-such-adjustment", "There is no such adjustment.")
    return Problem(409, "already-decided", f"This adjustment is {row['status']}.")
