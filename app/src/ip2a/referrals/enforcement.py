"""The nightly enforcement of the referral rules: what is due is decided by `rules.enforcement`, row by row, and applied
with the facts it was decided on as conditions, so that a re-sign in the meantime wins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ip2a.bids import repository as bids
from ip2a.database.identity import Identity, transaction
from ip2a.dispatches import repository as dispatches
from ip2a.dispatches.withdrawal import withdraw
from ip2a.labor_requests import repository as labor_requests
from ip2a.referrals import repository, rules
from ip2a.referrals.models import RegistrationAction, RegistrationStatus, RollOffReason
from ip2a.referrals.reminders import reminder
from ip2a.referrals.rules import Enforcement, Standing
from ip2a.worker.queue import enqueue_all

ENFORCER = Identity(resources=frozenset({"referrals", "members", "users"}))
LOCK = 0x1B2A_0E4F
BATCH = 1000

# Only rows that may be due, by the partial index on the deadline.
_STANDINGS = text(
    """
    SELECT r.id, r.status, r.re_sign_deadline, b.grace_days, r.exempt_until,
        r.re_sign_reminded_for IS NOT DISTINCT FROM r.re_sign_deadline AS reminded
    FROM book_registrations r JOIN referral_books b ON b.id = r.book_id
    WHERE (r.status = 'registered' AND r.re_sign_deadline <= :horizon)
        OR (r.status = 'exempt' AND r.exempt_until < :today)
    """
)
_STILL_DUE = text(
    """
    SELECT r.id FROM book_registrations r JOIN referral_books b ON b.id = r.book_id
    WHERE r.id = ANY(:ids) AND r.status = 'registered'
        AND r.re_sign_deadline + make_interval(days => b.grace_days) < :now
    ORDER BY r.id FOR NO KEY UPDATE OF r
    """
)


# Places are locked before dispatches, as by whoever signs again: neither waits for the other in a circle.
_LOCK_PLACES_OF_LATE = text(
    """
    SELECT r.id FROM book_registrations r
    WHERE r.status = 'registered' AND r.member_id IN (
        SELECT member_id FROM dispatches WHERE re_registration = 'awaited' AND re_register_by < :today)
    ORDER BY r.id FOR NO KEY UPDATE OF r
    """
)
_OTHERS_DUE = text(
    """
    SELECT
        (SELECT count(*) FROM dispatches WHERE re_registration = 'awaited' AND re_register_by < :today)
            AS not_re_registered,
        (SELECT count(*) FROM labor_requests WHERE status IN ('open', 'partially_filled') AND start_date < :today)
            AS requests_expired,
        (SELECT count(*) FROM job_bids b JOIN labor_requests q ON q.id = b.labor_request_id
            WHERE b.status = 'pending' AND (q.status NOT IN ('open', 'partially_filled') OR q.start_date < :today))
            AS bids_expired,
        (SELECT count(*) FROM dispatches d JOIN labor_requests q ON q.id = d.labor_request_id
            WHERE d.status = 'dispatched' AND d.check_in_deadline < :now AND q.status <> 'cancelled') AS no_shows
    """
)


@dataclass(frozen=True, slots=True)
class EnforcementResult:
    """How many of each were done (or, in a preview, would be): places rolled off for a missed re-sign, exemptions that
    ran out, places whose members are reminded, jobs after which nobody registered again, requests and bids past their
    time, members who did not come to a job.
    """

    rolled_off: int
    exemptions_ended: int
    to_remind: int
    not_re_registered: int
    requests_expired: int
    bids_expired: int
    no_shows: int


async def preview(connection: AsyncConnection, now: datetime) -> EnforcementResult:
    """What would be done if it ran now; changes nothing."""
    due = await _due(connection, now)
    others = await connection.execute(_OTHERS_DUE, {"now": now, "today": rules.local(now).date()})
    return EnforcementResult(
        rolled_off=len(due[Enforcement.ROLL_OFF]),
        exemptions_ended=len(due[Enforcement.END_EXEMPTION]),
        to_remind=len(due[Enforcement.REMIND]),
        **others.mappings().one(),
    )


async def enforce(engine: AsyncEngine, now: datetime, public_url: str) -> EnforcementResult:
    """Do it, in one transaction; a run beside it waits and then finds nothing to do. Mails lead to `public_url`.

    Requests and dispatches come before places, as wherever both are locked.
    """
    today = rules.local(now).date()
    async with transaction(engine, ENFORCER) as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        await withdraw(connection, await dispatches.awaited_of_cancelled(connection), now)
        missing = await dispatches.mark_no_shows(
            connection, now=now, restriction=rules.EMPLOYER_RESTRICTION, limit=BATCH
        )
        requests_expired = await labor_requests.expire(connection, today)
        bids_expired = await bids.expire(connection, now)
        await _quit(connection, missing)
        due = await _due(connection, now)
        rolled_off = await _roll_off(connection, due[Enforcement.ROLL_OFF], now)
        ended = await repository.end_exemptions(
            connection, due[Enforcement.END_EXEMPTION], now=now, today=today, only_over=True
        )
        await repository.add_activities(connection, ended, RegistrationAction.EXEMPT_END)
        return EnforcementResult(
            rolled_off=rolled_off,
            exemptions_ended=len(ended),
            to_remind=await _remind(connection, due[Enforcement.REMIND], public_url),
            not_re_registered=await _not_re_registered(connection, today),
            no_shows=len(missing),
            requests_expired=requests_expired,
            bids_expired=bids_expired,
        )


async def _due(connection: AsyncConnection, now: datetime) -> dict[Enforcement, list[int]]:
    horizon = now + rules.REMIND_BEFORE
    rows = await connection.execute(_STANDINGS, {"horizon": horizon, "today": rules.local(now).date()})
    due: dict[Enforcement, list[int]] = {kind: [] for kind in Enforcement}
    for row in rows.mappings():
        standing = Standing(
            row["id"],
            RegistrationStatus(row["status"]),
            row["re_sign_deadline"],
            row["grace_days"],
            row["exempt_until"],
            row["reminded"],
        )
        kind = rules.enforcement(standing, now)
        if kind is not None:
            due[kind].append(standing.registration_id)
    return due


async def _roll_off(connection: AsyncConnection, ids: list[int], now: datetime) -> int:
    still = list((await connection.execute(_STILL_DUE, {"ids": ids, "now": now})).scalars())
    rolled = await repository.roll_off(connection, still, RollOffReason.FAILED_RE_SIGN)
    await repository.add_activities(connection, rolled, RegistrationAction.ROLL_OFF, RollOffReason.FAILED_RE_SIGN.value)
    return len(rolled)


async def _not_re_registered(connection: AsyncConnection, today: date) -> int:
    """Whoever had to register again by yesterday and did not loses the place on every book."""
    await connection.execute(_LOCK_PLACES_OF_LATE, {"today": today})
    members = await dispatches.miss_re_registration(connection, today)
    rolled = await repository.roll_off_members(connection, members, RollOffReason.EXPIRED)
    await repository.add_activities(connection, rolled, RegistrationAction.ROLL_OFF, "not_re_registered")
    return len(members)


async def _quit(connection: AsyncConnection, missing: Sequence[RowMapping]) -> None:
    """Not coming to a job by 15:00 is a quit."""
    for dispatch in missing:
        rolled = await repository.roll_off_everywhere(
            connection, dispatch["member_id"], RollOffReason.QUIT, dispatched=dispatch["registration_id"]
        )
        await repository.add_activities(connection, rolled, RegistrationAction.ROLL_OFF, "no_show")


async def _remind(connection: AsyncConnection, ids: list[int], public_url: str) -> int:
    """Every member is told of a deadline once; returns of how many."""
    reminded = await repository.mark_reminded(connection, ids)
    mails = [reminder(**row, public_url=public_url) for row in reminded if row["email"] is not None]
    await enqueue_all(connection, "mail", mails)
    return len(reminded)
