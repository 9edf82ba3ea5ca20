"""The nightly enforcement of the referral rules: what is due is decided by `rules.enforcement`, row by row, and applied
with the facts it was decided on as conditions, so that a re-sign in the meantime wins.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ip2a.bids import repository as bids
from ip2a.database.identity import Identity, transaction
from ip2a.dispatches import repository as dispatches
from ip2a.labor_requests import repository as labor_requests
from ip2a.referrals import repository, rules
from ip2a.referrals.models import RegistrationAction, RegistrationStatus, RollOffReason
from ip2a.referrals.rules import Enforcement, Standing

ENFORCER = Identity(resources=frozenset({"referrals", "members"}))
LOCK = 0x1B2A_0E4F
BATCH = 1000

# Only rows that may be due, by the partial index on the deadline.
_STANDINGS = text(
    """
    SELECT r.id, r.status, r.re_sign_deadline, b.grace_days, r.exempt_until
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
    FOR NO KEY UPDATE OF r
    """
)


@dataclass(frozen=True, slots=True)
class EnforcementResult:
    """How many of each were done (or, in a preview, would be)."""

    rolled_off: int
    exemptions_ended: int
    to_remind: int
    requests_expired: int = 0
    bids_expired: int = 0
    no_shows: int = 0


async def preview(engine: AsyncEngine, now: datetime) -> EnforcementResult:
    """What would be done to registrations; changes nothing."""
    async with transaction(engine, ENFORCER) as connection:
        due = await _due(connection, now)
    return EnforcementResult(
        len(due[Enforcement.ROLL_OFF]), len(due[Enforcement.END_EXEMPTION]), len(due[Enforcement.REMIND])
    )


async def enforce(engine: AsyncEngine, now: datetime) -> EnforcementResult:
    """Do it, in one transaction; a run beside it waits and then finds nothing to do."""
    today = rules.local(now).date()
    async with transaction(engine, ENFORCER) as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        due = await _due(connection, now)
        rolled_off = await _roll_off(connection, due[Enforcement.ROLL_OFF], now)
        ended = await repository.end_exemptions(
            connection, due[Enforcement.END_EXEMPTION], now=now, today=today, only_over=True
        )
        await repository.add_activities(connection, ended, RegistrationAction.EXEMPT_END)
        return EnforcementResult(
            rolled_off=rolled_off,
            exemptions_ended=len(ended),
            to_remind=len(due[Enforcement.REMIND]),
            no_shows=await _no_shows(connection, now, today),
            requests_expired=await labor_requests.expire(connection, today),
            bids_expired=await bids.expire(connection, now),
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


async def _no_shows(connection: AsyncConnection, now: datetime, today: date) -> int:
    """Not coming to a job by 15:00 is a quit."""
    until: date = today + timedelta(days=rules.EMPLOYER_RESTRICTION.days)
    missing = await dispatches.mark_no_shows(connection, now=now, restricted_until=until, limit=BATCH)
    for dispatch in missing:
        rolled = await repository.roll_off_everywhere(
            connection, dispatch["member_id"], RollOffReason.QUIT, dispatched=dispatch["registration_id"]
        )
        await repository.add_activities(connection, rolled, RegistrationAction.ROLL_OFF, "no_show")
    return len(missing)
