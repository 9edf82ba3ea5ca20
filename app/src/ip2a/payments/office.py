"""Payments of members as the office reads them; row-level security decides whose."""

from sqlalchemy import text

from ip2a.payments.schemas import PaymentItem
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before
from ip2a.web.problems import Problem

_COLUMNS = """p.id, p.receipt_number, p.dues_payment_id, p.member_id, m.member_number, m.first_name, m.last_name,
    t.period_year, t.period_month, p.amount_cents, p.method, p.recorded_at,
    (SELECT coalesce(sum(r.amount_cents), 0) FROM refunds r
        WHERE r.payment_id = p.id AND r.status = 'refunded') AS given_back_cents,
    (SELECT coalesce(sum(r.amount_cents), 0) FROM refunds r
        WHERE r.payment_id = p.id AND r.status IN ('pending', 'approved', 'refunded')) AS asked_back_cents"""
_FROM = """payments p JOIN dues_payments d ON d.id = p.dues_payment_id JOIN dues_periods t ON t.id = d.period_id
    JOIN members m ON m.id = p.member_id"""
_OF_DUES = text(
    f"""
    SELECT {_COLUMNS} FROM {_FROM} WHERE p.dues_payment_id = :dues_id AND p.id < :before ORDER BY p.id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_ONE = text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE p.id = :id")  # noqa: S608 (constant columns)


async def of_dues(
    runtime: Runtime, caller: Caller, dues_id: int, *, before: str | None, limit: int
) -> Page[PaymentItem]:
    """What was paid for one member's month, newest first."""
    parameters = {"dues_id": dues_id, "before": read_before(before), "limit": limit + 1}
    async with caller.transaction(runtime.databases) as connection:
        rows = list((await connection.execute(_OF_DUES, parameters)).mappings())
    return page_of(PaymentItem, rows, limit, lambda item: encode("", item.id))


async def find(runtime: Runtime, caller: Caller, payment_id: int) -> PaymentItem:
    """One payment; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = (await connection.execute(_ONE, {"id": payment_id})).mappings().first()
    if row is None:
        raise Problem(404, "no-such-payment", "There is no such payment.")
    return PaymentItem.model_validate(dict(row))
