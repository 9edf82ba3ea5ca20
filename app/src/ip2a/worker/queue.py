"""The queue in the database: what puts work in, takes it out, and says how it ended.

Putting in happens in the transaction of the change that wants the work, so neither is there without the other. Taking
out is one statement with SKIP LOCKED; nobody holds a lock or a transaction while working. A taken job has a lease:
when its worker dies, another one takes it after that. What a worker writes about a job counts only while its
`attempt` is the latest.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

PRIORITY = 100
SOON = 50  # somebody waits for it

JsonObject = Mapping[str, object]

# No conflict target and no RETURNING: both would need the right to see the queue.
_ENQUEUE = text(
    """
    INSERT INTO jobs (kind, payload, priority, unique_key, run_after, user_id, correlation_id)
    VALUES (:kind, :payload, :priority, :unique_key, coalesce(cast(:run_after AS timestamptz), now()), ip2a_user_id(),
        nullif(current_setting('ip2a.correlation_id', true), ''))
    ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("payload", type_=JSONB))
_ENQUEUE_ALL = text(
    """
    INSERT INTO jobs (kind, payload, priority, user_id, correlation_id)
    SELECT :kind, payload, :priority, ip2a_user_id(), nullif(current_setting('ip2a.correlation_id', true), '')
    FROM jsonb_array_elements(:payloads) AS each (payload)
    """
).bindparams(bindparam("payloads", type_=JSONB))
_TAKE = text(
    """
    UPDATE jobs SET state = 'running', attempts = attempts + 1, worker = :worker, progress = 0,
        started_at = clock_timestamp(), run_after = clock_timestamp() + make_interval(secs => :lease)
    WHERE id IN (
        SELECT id FROM jobs
        WHERE finished_at IS NULL AND run_after <= clock_timestamp() AND kind = ANY(:kinds)
        ORDER BY priority, run_after, id LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, payload, attempts, correlation_id
    """
)
_EXTEND = text(
    """
    UPDATE jobs SET run_after = clock_timestamp() + make_interval(secs => :lease), progress = :progress
    WHERE id = :id AND attempts = :attempt AND finished_at IS NULL
    """
)
_FINISH = text(
    """
    UPDATE jobs SET state = 'done', finished_at = clock_timestamp(), progress = 100, payload = '{}', failure = NULL
    WHERE id = :id AND attempts = :attempt AND finished_at IS NULL
    """
)
_RETRY = text(
    """
    UPDATE jobs SET state = 'waiting', run_after = clock_timestamp() + make_interval(secs => :wait),
        failure = coalesce(:failure, failure)
    WHERE id = :id AND attempts = :attempt AND finished_at IS NULL
    """
)
_BURY = text(
    """
    UPDATE jobs SET state = 'dead', finished_at = clock_timestamp(), failure = :failure
    WHERE id = :id AND attempts = :attempt AND finished_at IS NULL
    """
)
_REVIVE = text(
    """
    UPDATE jobs SET state = 'waiting', finished_at = NULL, attempts = 0, run_after = now()
    WHERE id = :id AND state = 'dead'
    """
)
_COUNTS = text(
    """
    SELECT kind, state, count(*) AS jobs,
        coalesce(extract(epoch FROM clock_timestamp() - min(run_after) FILTER (WHERE state = 'waiting')), 0) AS oldest
    FROM jobs WHERE finished_at IS NULL OR state = 'dead' GROUP BY kind, state
    """
)


class Taken(NamedTuple):
    """A job this worker has the lease of."""

    id: int
    kind: str
    payload: JsonObject
    attempt: int
    correlation_id: str | None


async def enqueue(
    connection: AsyncConnection,
    kind: str,
    payload: JsonObject,
    *,
    run_after: datetime | None = None,
    unique_key: str | None = None,
    priority: int = PRIORITY,
) -> None:
    """Add a job to the caller's transaction: it runs after the commit, at `run_after` at the earliest.

    Nothing is added while an unfinished job has the same `unique_key`. Lower priorities run first. The payload is JSON
    and is forgotten when the job is done.
    """
    await connection.execute(
        _ENQUEUE,
        {
            "kind": kind,
            "payload": dict(payload),
            "priority": priority,
            "unique_key": unique_key,
            "run_after": run_after,
        },
    )


async def enqueue_all(connection: AsyncConnection, kind: str, payloads: Sequence[JsonObject]) -> None:
    """Add a job for each payload to the caller's transaction, in one statement."""
    if payloads:
        parameters = {"kind": kind, "payloads": [dict(payload) for payload in payloads], "priority": PRIORITY}
        await connection.execute(_ENQUEUE_ALL, parameters)


async def take(
    connection: AsyncConnection, kinds: Sequence[str], *, worker: str, lease: float, limit: int
) -> list[Taken]:
    """Up to `limit` jobs that are due, now ours for `lease` seconds; also those whose worker let its lease end."""
    parameters = {"kinds": list(kinds), "worker": worker, "lease": lease, "limit": limit}
    return [Taken(*row) for row in await connection.execute(_TAKE, parameters)]


async def extend(connection: AsyncConnection, job: Taken, *, lease: float, progress: int) -> bool:
    """Keep the job for `lease` seconds more and say how far it is (percent); False when it is not ours any more."""
    values = {"id": job.id, "attempt": job.attempt, "lease": lease, "progress": progress}
    return (await connection.execute(_EXTEND, values)).rowcount == 1


async def finish(connection: AsyncConnection, job: Taken) -> bool:
    """The job is done; False when it is not ours any more."""
    return (await connection.execute(_FINISH, {"id": job.id, "attempt": job.attempt})).rowcount == 1


async def retry(connection: AsyncConnection, job: Taken, *, wait: float, failure: str | None) -> bool:
    """Try again in `wait` seconds; False when it is not ours any more."""
    values = {"id": job.id, "attempt": job.attempt, "wait": wait, "failure": failure}
    return (await connection.execute(_RETRY, values)).rowcount == 1


async def bury(connection: AsyncConnection, job: Taken, failure: str) -> bool:
    """Give up; somebody may look at it and `revive` it. False when it is not ours any more."""
    values = {"id": job.id, "attempt": job.attempt, "failure": failure}
    return (await connection.execute(_BURY, values)).rowcount == 1


async def revive(connection: AsyncConnection, job_id: int) -> bool:
    """Try a dead job again from the first attempt; False when there is no such one."""
    return (await connection.execute(_REVIVE, {"id": job_id})).rowcount == 1


async def counts(connection: AsyncConnection) -> list[RowMapping]:
    """Unfinished and dead jobs by kind and state, with the seconds the longest waiting one is overdue."""
    return list((await connection.execute(_COUNTS)).mappings())
