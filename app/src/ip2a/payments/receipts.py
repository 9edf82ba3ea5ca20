"""Receipts of a member's own payments, as rows for pages."""

from sqlalchemy import RowMapping, text

from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.problems import Problem

SHOWN = 50
_COLUMNS = """p.id, p.receipt_number, p.amount_cents, p.method, p.recorded_at, t.period_year, t.period_month,
    m.first_name, m.last_name, m.member_number, (SELECT coalesce(sum(r.amount_cents), 0) FROM refunds r
        WHERE r.payment_id = p.id AND r.status = 'refunded') AS refunded_cents"""
_FROM = """payments p JOIN dues_payments d ON d.id = p.dues_payment_id JOIN dues_periods t ON t.id = d.period_id
    JOIN members m ON m.id = p.member_id"""
_PAGE = text(
    f"""
    SELECT {_COLUMNS} FROM {_FROM}
    WHERE p.member_id = :member_id AND (cast(:before AS bigint) IS NULL OR (p.recorded_at, p.id) <
        (SELECT b.recorded_at, b.id FROM payments b WHERE b.id = :before AND b.member_id = :member_id))
    ORDER BY p.recorded_at DESC, p.id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_ONE = text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE p.member_id = :member_id AND p.id = :id")  # noqa: S608


async def page(runtime: Runtime, caller: Caller, member_id: int, *, before: int | None) -> list[RowMapping]:
    """The member's payments, the newest first, from behind the payment `before`."""
    async with caller.transaction(runtime.databases) as connection:
        parameters = {"member_id": member_id, "before": before, "limit": SHOWN}
        return list((await connection.execute(_PAGE, parameters)).mappings())


async def find(runtime: Runtime, caller: Caller, member_id: int, payment_id: int) -> RowMapping:
    """One payment of the member.

    Raises Problem 404.
    """
    async with caller.transaction(runtime.databases) as connection:
        row = (await connection.execute(_ONE, {"member_id": member_id, "id": payment_id})).mappings().first()
    if row is None:
        raise Problem(404, "no-such-payment", "There is no such payment.")
    return row
