"""How long rows that only serve a while are kept, and the nightly job that forgets them, a bounded number at once."""

from datetime import datetime, timedelta

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ip2a.database.identity import SYSTEM, transaction

BATCH = 5000
BATCHES = 1000

# A refresh token is recognised as used for a week after it could have been; a repeated request and a link of a mail for
# a month; an event of the payment provider for three: it sends one again for a month at most.
KEPT: dict[str, tuple[timedelta, TextClause]] = {
    "sessions": (
        timedelta(days=7),
        text(
            "DELETE FROM refresh_tokens WHERE id IN"
            " (SELECT id FROM refresh_tokens WHERE expires_at < :before LIMIT :limit)"
        ),
    ),
    "idempotency keys": (
        timedelta(days=30),
        text(
            "DELETE FROM idempotency_keys WHERE (user_id, key) IN"
            " (SELECT user_id, key FROM idempotency_keys WHERE created_at < :before LIMIT :limit)"
        ),
    ),
    "links of mails": (
        timedelta(days=30),
        text(
            "DELETE FROM email_tokens WHERE id IN (SELECT id FROM email_tokens WHERE expires_at < :before LIMIT :limit)"
        ),
    ),
    "payment events": (
        timedelta(days=90),
        text(
            "DELETE FROM provider_events WHERE id IN"
            " (SELECT id FROM provider_events WHERE received_at < :before LIMIT :limit)"
        ),
    ),
    "reports": (
        timedelta(0),
        text("DELETE FROM reports WHERE id IN (SELECT id FROM reports WHERE expires_at < :before LIMIT :limit)"),
    ),
    "unfinished uploads": (
        timedelta(days=1),
        text(
            """
            WITH gone AS (
                DELETE FROM documents WHERE id IN (
                    SELECT id FROM documents WHERE status = 'uploading' AND created_at < :before LIMIT :limit)
                RETURNING object_key)
            INSERT INTO jobs (kind, payload) SELECT 'remove-object', jsonb_build_object('key', object_key) FROM gone
            """
        ),
    ),
    "finished jobs": (
        timedelta(days=7),
        text(
            "DELETE FROM jobs WHERE id IN"
            " (SELECT id FROM jobs WHERE state = 'done' AND finished_at < :before LIMIT :limit)"
        ),
    ),
    "dead jobs": (
        timedelta(days=90),
        text(
            "DELETE FROM jobs WHERE id IN"
            " (SELECT id FROM jobs WHERE state = 'dead' AND finished_at < :before LIMIT :limit)"
        ),
    ),
}


async def clean_up(engine: AsyncEngine, now: datetime) -> dict[str, int]:
    """Forget what is past its time; returns how many rows of each. Many short transactions, never a long one."""
    gone = dict.fromkeys(KEPT, 0)
    for what, (age, statement) in KEPT.items():
        for _ in range(BATCHES):
            async with transaction(engine, SYSTEM) as connection:
                rows = (await connection.execute(statement, {"before": now - age, "limit": BATCH})).rowcount
            gone[what] += rows
            if rows < BATCH:
                break
    return gone
