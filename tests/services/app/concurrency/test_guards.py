"""What the database refuses by itself: each promise of `test_races`, broken by SQL that no service would send."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.world import World, make_world


async def attempt(runtime: Runtime, statement: str, values: dict[str, object]) -> None:
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text(statement), values)


COPY_PLACE = (
    "INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline)"
    " SELECT {member}, book_id, {apn}, now(), now() FROM book_registrations WHERE id = :registration_id"
)
COPY_DISPATCH = (
    "INSERT INTO dispatches (labor_request_id, member_id, registration_id, employer_id, method, dispatched_at,"
    " dispatched_by_id, start_date, check_in_deadline, bid_id) SELECT labor_request_id, {member}, registration_id,"
    " employer_id, method, now(), dispatched_by_id, start_date, now(), {bid} FROM dispatches WHERE id = :dispatch_id"
)
WRONGS = {
    "more paid than is due": (
        "ck_dues_payments_paid",
        "UPDATE dues_payments SET amount_paid_cents = amount_due_cents + 1 WHERE id = :dues_id",
    ),
    "money that no payment brought": (
        "dues .* is not the sum of its payments",
        "UPDATE dues_payments SET amount_paid_cents = amount_paid_cents + 1 WHERE id = :dues_id",
    ),
    "a payment that pays nothing": (
        "dues .* is not the sum of its payments",
        "INSERT INTO payments (dues_payment_id, member_id, amount_cents, method, receipt_number, recorded_by_id)"
        " VALUES (:dues_id, :member_id, 5, 'cash', 'RCP-alone', :user)",
    ),
    "paid dues without a payment": (
        "dues .* is not the sum of its payments",
        "INSERT INTO dues_payments (member_id, period_id, amount_due_cents, amount_paid_cents, status)"
        " VALUES (:waiting_member_id, :period_id, 7500, 7500, 'paid')",
    ),
    "a refund that gives nothing back": (
        "dues .* is not the sum of its payments",
        "UPDATE refunds SET status = 'refunded', refunded_at = now(), decided_by_id = NULL, requested_by_id = NULL"
        " WHERE id = :refund_id",
    ),
    "a refund approved by who asked": (
        "ck_refunds_four_eyes",
        "UPDATE refunds SET status = 'approved', decided_by_id = requested_by_id WHERE id = :refund_id",
    ),
    "more given back than was paid": (
        "more than what is left of its payment",
        "INSERT INTO refunds (payment_id, dues_payment_id, member_id, amount_cents, reason, status)"
        " SELECT payment_id, dues_payment_id, member_id, 3, 'too much', 'approved' FROM refunds WHERE id = :refund_id",
    ),
    "a refund of another member's payment": (
        "more than what is left of its payment",
        "INSERT INTO refunds (payment_id, dues_payment_id, member_id, amount_cents, reason, status)"
        " SELECT payment_id, dues_payment_id, :waiting_member_id, 1, 'not theirs', 'approved' FROM refunds"
        " WHERE id = :refund_id",
    ),
    "a sixth failure": (
        "ck_users_failed_login_attempts",
        "UPDATE users SET failed_login_attempts = 6, locked_until = now() WHERE id = :user",
    ),
    "fewer failures than none": (
        "ck_users_failed_login_attempts",
        "UPDATE users SET failed_login_attempts = -1 WHERE id = :user",
    ),
    "five failures without a lock": (
        "ck_users_locked",
        "UPDATE users SET failed_login_attempts = 5, locked_until = NULL WHERE id = :user",
    ),
    "a payment of nothing": (
        "ck_payments_amount",
        "INSERT INTO payments (dues_payment_id, member_id, amount_cents, method, receipt_number, recorded_by_id)"
        " VALUES (:dues_id, :member_id, 0, 'cash', 'RCP-nothing', :user)",
    ),
    "a month twice": (
        "uq_dues_periods_period_year_period_month",
        "INSERT INTO dues_periods (period_year, period_month, due_date, grace_period_end)"
        " SELECT period_year, period_month, :day, :day FROM dues_periods WHERE id = :period_id",
    ),
    "a member's dues of a month twice": (
        "uq_dues_payments_member_id_period_id",
        "INSERT INTO dues_payments (member_id, period_id, amount_due_cents, status)"
        " SELECT member_id, period_id, 1, 'due' FROM dues_payments WHERE id = :dues_id",
    ),
    "an adjustment decided by who asked": (
        "ck_dues_adjustments_four_eyes",
        "UPDATE dues_adjustments SET status = 'approved', decided_by_id = requested_by_id WHERE id = :adjustment_id",
    ),
    "an adjustment's key twice": (
        "uq_dues_adjustments_requested_by_id_request_key",
        "INSERT INTO dues_adjustments (dues_payment_id, member_id, adjustment_type, amount_cents, reason,"
        " requested_by_id, request_key) SELECT dues_payment_id, member_id, 'other', 5, 'twice', requested_by_id,"
        " request_key FROM dues_adjustments WHERE id = :adjustment_id",
    ),
    "a number of a book twice": ("uq_book_registrations", COPY_PLACE.format(member=":waiting_member_id", apn="apn")),
    "two places of a member on a book": ("uq_book_registrations", COPY_PLACE.format(member="member_id", apn="99")),
    "two jobs of a member at once": ("uq_dispatches_live_member", COPY_DISPATCH.format(member="member_id", bid="NULL")),
    "a place of one who is deleted": (
        "is not active and waits on no book",
        COPY_PLACE.format(member=":removed_member_id", apn="98"),
    ),
    "a job of one who is deleted": (
        "is not active and is sent to no job",
        COPY_DISPATCH.format(member=":removed_member_id", bid="NULL"),
    ),
    "to be registered again, but until no day": (
        "ck_dispatches_re_register_by",
        "UPDATE dispatches SET re_registration = 'awaited' WHERE id = :dispatch_id",
    ),
    "to register again after a job that goes on": (
        "ck_dispatches_re_register_ended",
        "UPDATE dispatches SET re_registration = 'awaited', re_register_by = :day WHERE id = :dispatch_id",
    ),
    "more dispatched than requested": (
        "ck_labor_requests_dispatched",
        "UPDATE labor_requests SET workers_dispatched = workers_requested + 1 WHERE id = :request_id",
    ),
    "two live bids of a member for a job": (
        "uq_job_bids_live",
        "INSERT INTO job_bids (labor_request_id, member_id, registration_id, submitted_at)"
        " SELECT labor_request_id, member_id, registration_id, now() FROM job_bids WHERE id = :bid_id",
    ),
    "a refresh token twice": (
        "uq_refresh_tokens_token_hash",
        "INSERT INTO refresh_tokens (user_id, session_id, token_hash, expires_at)"
        " SELECT :user, gen_random_uuid(), 'same', now() FROM generate_series(1, 2)",
    ),
}


@pytest.fixture
async def world(runtime: Runtime, people: People) -> World:
    return await make_world(runtime, people)


@pytest.mark.parametrize("wrong", WRONGS)
async def test_the_database_refuses(runtime: Runtime, world: World, wrong: str) -> None:
    constraint, statement = WRONGS[wrong]
    values: dict[str, object] = {**world.ids, "user": world.person.user_id, "day": date(2050, 1, 1)}
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    with pytest.raises(IntegrityError, match=constraint):
        await attempt(runtime, statement, used)


async def test_a_won_bid_gives_one_dispatch(runtime: Runtime, world: World) -> None:
    bid = COPY_DISPATCH.format(member=":waiting_member_id", bid=":waiting_bid_id")
    used = {name: world.ids[name] for name in ("waiting_member_id", "waiting_bid_id", "dispatch_id")}
    await attempt(runtime, bid, dict(used))
    await attempt(
        runtime, "UPDATE dispatches SET status = 'rejected' WHERE bid_id = :bid", {"bid": used["waiting_bid_id"]}
    )
    with pytest.raises(IntegrityError, match="uq_dispatches_bid"):
        await attempt(runtime, bid, dict(used))


async def test_an_idempotency_key_is_used_once(runtime: Runtime, world: World) -> None:
    statement = (
        "INSERT INTO idempotency_keys (user_id, key, request_digest, payment_id) VALUES (:user, 'k', 'd', :payment_id)"
    )
    values: dict[str, object] = {"payment_id": world.ids["payment_id"], "user": world.person.user_id}
    await attempt(runtime, statement, values)
    with pytest.raises(IntegrityError, match="pk_idempotency_keys"):
        await attempt(runtime, statement, values)


async def test_what_was_given_back_stays_so(runtime: Runtime, world: World) -> None:
    refund = {"refund_id": world.ids["refund_id"]}
    given = (
        "WITH r AS (UPDATE refunds SET status = 'refunded', refunded_at = now(), requested_by_id = NULL"
        " WHERE id = :refund_id RETURNING dues_payment_id, amount_cents)"
        " UPDATE dues_payments d SET amount_paid_cents = amount_paid_cents - r.amount_cents FROM r"
        " WHERE d.id = r.dues_payment_id"
    )
    await attempt(runtime, given, dict(refund))
    for undone in ("status = 'failed', refunded_at = NULL", "amount_cents = 2"):
        with pytest.raises(IntegrityError, match="is final"):
            await attempt(runtime, f"UPDATE refunds SET {undone} WHERE id = :refund_id", dict(refund))  # noqa: S608


async def test_two_refunds_at_once_do_not_give_back_more_than_was_paid(runtime: Runtime, world: World) -> None:
    """Each sees only itself until it waits for the other."""
    approve = text(
        "INSERT INTO refunds (payment_id, dues_payment_id, member_id, amount_cents, reason, status)"
        " SELECT payment_id, dues_payment_id, member_id, 2, 'all of it', 'approved' FROM refunds WHERE id = :refund_id"
    )
    used = {"refund_id": world.ids["refund_id"]}
    began = asyncio.Event()

    async def first() -> None:
        async with transaction(runtime.databases.write, SYSTEM) as connection:
            await connection.execute(approve, used)
            began.set()
            await asyncio.sleep(0.2)  # the other one is waiting by now; if not, it is refused all the same

    async def second() -> None:
        await began.wait()
        async with transaction(runtime.databases.write, SYSTEM) as connection:
            await connection.execute(approve, used)

    results = await asyncio.gather(first(), second(), return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], IntegrityError)
    assert "left of its payment" in str(results[1])
