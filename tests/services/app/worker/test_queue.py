"""The queue under real PostgreSQL through a real pooler: nothing lost, nothing twice, whoever dies."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.runtime import Runtime
from ip2a.worker import queue
from ip2a.worker.queue import enqueue
from ip2a.worker.retention import clean_up
from ip2a.worker.runner import Pace, Runner
from ip2a.worker.work import GiveUp, Handler, Kind, LeaseLost, Tools, Work
from tests.services.app.conftest import People

QUICK = Pace(concurrency=4, lease=30.0, idle=0.02, grace=5.0)


@pytest.fixture(autouse=True)
async def empty(tools: Tools) -> AsyncIterator[None]:
    yield
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await connection.execute(text("DELETE FROM jobs"))


async def put(tools: Tools, kind: str = "test", **options: object) -> None:
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await enqueue(connection, kind, {"n": 1}, **options)  # type: ignore[arg-type]  # passed on


async def rows(tools: Tools) -> list[RowMapping]:
    async with transaction(tools.databases.write, SYSTEM) as connection:
        return list((await connection.execute(text("SELECT * FROM jobs ORDER BY id"))).mappings())


async def make_due(tools: Tools) -> None:
    """As if the time had come: leases end, waits are over."""
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await connection.execute(text("UPDATE jobs SET run_after = now() - interval '1 second'"))


def runner(tools: Tools, handler: Handler, pace: Pace = QUICK, **kind: object) -> Runner:
    return Runner(tools, {"test": Kind(handler, **kind)}, pace, "here")  # type: ignore[arg-type]  # passed on


async def nothing(_work: Work) -> None:
    return None


async def test_work_and_change_are_committed_together_or_neither(tools: Tools) -> None:
    async def fail() -> None:
        async with transaction(tools.databases.write, SYSTEM) as connection:
            await enqueue(connection, "test", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await rows(tools) == []


async def test_many_workers_take_each_job_once(tools: Tools) -> None:
    async with transaction(tools.databases.write, SYSTEM) as connection:
        for number in range(60):
            await enqueue(connection, "test", {"n": number})
    seen: list[object] = []

    async def note(work: Work) -> None:
        await asyncio.sleep(0)
        seen.append(work.payload["n"])

    await asyncio.gather(*(runner(tools, note).run_once() for _ in range(5)))
    assert sorted(seen, key=str) == sorted(range(60), key=str)
    assert {(row["state"], row["attempts"], str(row["payload"])) for row in await rows(tools)} == {("done", 1, "{}")}


async def test_order_is_priority_then_age_and_never_before_its_time(tools: Tools) -> None:
    await put(tools, unique_key="later", run_after=datetime.now(UTC) + timedelta(hours=1))
    await put(tools, unique_key="old")
    await put(tools, unique_key="new")
    await put(tools, unique_key="soon", priority=queue.SOON)
    order = []
    async with transaction(tools.databases.write, SYSTEM) as connection:
        while taken := await queue.take(connection, ["test"], worker="x", lease=30, limit=1):
            key = await connection.execute(text("SELECT unique_key FROM jobs WHERE id = :id"), {"id": taken[0].id})
            order.append(key.scalar_one())
    assert order == ["soon", "old", "new"]


async def test_a_unique_key_is_free_again_when_its_job_is_done(tools: Tools) -> None:
    for _ in range(3):
        await put(tools, unique_key="once")
    assert len(await rows(tools)) == 1
    await runner(tools, nothing).run_once()
    await put(tools, unique_key="once")
    assert [row["state"] for row in await rows(tools)] == ["done", "waiting"]


async def test_a_failure_is_retried_later_and_buried_in_the_end(tools: Tools) -> None:
    await put(tools)
    told: list[object] = []

    async def fail(_work: Work) -> None:
        raise RuntimeError("secret detail")

    async def failed(_connection: AsyncConnection, payload: Mapping[str, object]) -> None:
        told.append(payload["n"])

    for attempt in (1, 2, 3):
        assert await runner(tools, fail, attempts=3, failed=failed).run_once() == 1
        row = (await rows(tools))[0]
        assert row["attempts"] == attempt
        if attempt < 3:
            assert row["state"] == "waiting"
            wait = (row["run_after"] - row["started_at"]).total_seconds()
            assert 2.5 * 2 ** (attempt - 1) <= wait <= 5 * 2 ** (attempt - 1) + 5
            assert await runner(tools, fail).run_once() == 0, "not before its time"
            await make_due(tools)
    assert (row["state"], row["failure"]) == ("dead", "RuntimeError")
    assert told == [1]
    async with transaction(tools.databases.write, SYSTEM) as connection:
        assert await queue.revive(connection, row["id"])
    assert await runner(tools, nothing).run_once() == 1


async def test_giving_up_does_not_try_again(tools: Tools) -> None:
    await put(tools)

    async def give_up(_work: Work) -> None:
        raise GiveUp("no such thing")

    await runner(tools, give_up).run_once()
    row = (await rows(tools))[0]
    assert (row["state"], row["attempts"], row["failure"]) == ("dead", 1, "no such thing")


async def test_who_lost_the_lease_changes_nothing(tools: Tools) -> None:
    """Worker one is so slow that worker two takes the job; only two's transaction counts."""
    await put(tools)
    key = secrets.token_hex(6)
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def effect(work: Work) -> None:
        async with work.finishing() as connection:
            await enqueue(connection, "effect", {}, unique_key=f"{key}-{work.job.attempt}")

    async def slow(work: Work) -> None:
        entered.set()
        await go_on.wait()
        with pytest.raises(LeaseLost):
            await effect(work)
        raise LeaseLost

    one = asyncio.create_task(runner(tools, slow).run_once())
    await entered.wait()
    await make_due(tools)
    assert await runner(tools, effect).run_once() == 1
    go_on.set()
    await one
    made = [row["unique_key"] for row in await rows(tools) if row["kind"] == "effect"]
    assert made == [f"{key}-2"]
    assert [row["state"] for row in await rows(tools) if row["kind"] == "test"] == ["done"]


async def test_the_heartbeat_keeps_the_lease_and_tells_the_progress(tools: Tools) -> None:
    await put(tools)

    async def long(work: Work) -> None:
        work.progress(1, 2)
        while (await rows(tools))[0]["progress"] != 50:  # noqa: ASYNC110 (the database tells nobody)
            await asyncio.sleep(0.02)

    before = datetime.now(UTC)
    await runner(tools, long, replace(QUICK, lease=1.0)).run_once()
    row = (await rows(tools))[0]
    assert (row["state"], row["progress"], row["attempts"]) == ("done", 100, 1)
    assert row["run_after"] > before + timedelta(seconds=1), "was extended"


async def test_a_job_whose_workers_always_die_is_buried(tools: Tools) -> None:
    await put(tools)
    for _ in range(3):
        async with transaction(tools.databases.write, SYSTEM) as connection:
            assert len(await queue.take(connection, ["test"], worker="dies", lease=30, limit=1)) == 1
        await make_due(tools)
    await runner(tools, nothing, attempts=3).run_once()
    assert (await rows(tools))[0]["state"] == "dead"


async def test_draining_finishes_what_runs_and_gives_back_what_takes_too_long(tools: Tools) -> None:
    await put(tools, unique_key="short")
    await put(tools, unique_key="long")
    entered = 0
    both, go_on = asyncio.Event(), asyncio.Event()

    async def handle(work: Work) -> None:
        nonlocal entered
        entered += 1
        first = entered == 1
        if entered == 2:
            both.set()
        await go_on.wait()
        if not first:
            await asyncio.Event().wait()

    running = runner(tools, handle, replace(QUICK, grace=0.3))
    task = asyncio.create_task(running.run())
    await both.wait()
    running.stop()
    await put(tools, unique_key="too late")
    go_on.set()
    await task
    states = sorted((row["state"], row["attempts"]) for row in await rows(tools))
    assert states == [("done", 1), ("waiting", 0), ("waiting", 1)]
    assert await runner(tools, nothing).run_once() == 2, "given back without waiting for the lease"


async def test_a_kind_nobody_knows_waits_for_a_worker_that_does(tools: Tools) -> None:
    await put(tools, kind="of the next version")
    assert await runner(tools, nothing).run_once() == 0
    assert (await rows(tools))[0]["state"] == "waiting"


async def test_people_add_work_see_their_own_and_touch_nothing(runtime: Runtime, people: People, tools: Tools) -> None:
    one, other = await people.make(), await people.make()
    databases = runtime.databases
    async with transaction(databases.write, Identity(one.user_id, correlation_id="abc")) as connection:
        await enqueue(connection, "test", {"secret": 1}, unique_key="mine")
        await enqueue(connection, "test", {"secret": 1}, unique_key="mine")
    async with transaction(databases.write, Identity()) as connection:
        await enqueue(connection, "test", {}, unique_key="nobody's")
    async with transaction(databases.write, Identity(other.user_id)) as connection:
        assert (await connection.execute(text("SELECT id FROM jobs"))).all() == []
    async with transaction(databases.write, Identity(one.user_id)) as connection:
        assert (await connection.execute(text("SELECT unique_key FROM jobs"))).scalars().all() == ["mine"]
    assert [(row["user_id"], row["correlation_id"]) for row in await rows(tools)] == [
        (one.user_id, "abc"),
        (None, None),
    ]
    for statement in ("SELECT payload FROM jobs", "UPDATE jobs SET kind = 'x'", "DELETE FROM jobs", "TRUNCATE jobs"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with transaction(databases.write, SYSTEM) as connection:
                await connection.execute(text(statement))
    with pytest.raises(DBAPIError, match="row-level security"):
        async with transaction(databases.write, Identity(one.user_id)) as connection:
            await connection.execute(
                text("INSERT INTO jobs (kind, payload, user_id) VALUES ('x', '{}', :other)"), {"other": other.user_id}
            )


async def test_what_is_past_its_time_is_forgotten(tools: Tools, people: People) -> None:
    await put(tools)
    await runner(tools, nothing).run_once()
    await put(tools)
    person = await people.make()
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await connection.execute(
            text(
                "INSERT INTO refresh_tokens (user_id, session_id, token_hash, expires_at)"
                " SELECT :user, gen_random_uuid(), decode(md5(n::text), 'hex'), now() + make_interval(days => n)"
                " FROM generate_series(-10, -5) n"
            ),
            {"user": person.user_id},
        )
    assert set((await clean_up(tools.databases.write, datetime.now(UTC))).values()) == {0, 4}
    gone = await clean_up(tools.databases.write, datetime.now(UTC) + timedelta(days=8))
    assert (gone["finished jobs"], gone["sessions"]) == (1, 2)
    assert [row["state"] for row in await rows(tools)] == ["waiting"]
