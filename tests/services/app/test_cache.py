"""The cache: never an own-read older than the client's write, never a fill older than an invalidation, no harm
without Redis."""

import asyncio
import random
import re
import secrets
from collections.abc import Awaitable, Callable

import httpx
import psycopg
import pytest

from devcluster.services import PostgresServer, Redis
from ip2a.cache.store import Cache, Checked, Entry, etag_of
from ip2a.database.identity import SYSTEM, transaction
from ip2a.dues.service import DUES as DUES_READ
from ip2a.limits.rates import MEMBER, Rate
from ip2a.reads import user_subject
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, Person, browser, log_in

PROFILE, DUES, ME = "/api/v1/my/profile", "/api/v1/my/dues", "/api/v1/auth/me"


@pytest.fixture
async def member(people: People, client: httpx.AsyncClient) -> Person:
    person = await people.make()
    await log_in(client, person)
    return person


@pytest.fixture
def cache(runtime: Runtime) -> Cache:
    assert runtime.cache is not None
    return runtime.cache


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """For what tells nobody when it changes."""
    async with asyncio.timeout(20):
        while not await check():  # noqa: ASYNC110 (there is no event to wait for)
            await asyncio.sleep(0.4)


async def redis_is_back(runtime: Runtime) -> bool:
    return runtime.redis is not None and runtime.redis.available


def entry(lsn: int, body: bytes = b"{}") -> Entry:
    return Entry(200, lsn, etag_of(body), body)


async def slot(cache: Cache, subject: bytes) -> tuple[bytes | None, bool]:
    found = (await cache.check(b"", b"0", b"0", ((subject, b"x"),))).slots[0]
    return (found.entry.body if found.entry else None), found.lease


async def fill(cache: Cache, subject: bytes, given: Entry, *, from_primary: bool = True) -> bool:
    return await cache.fill(subject, b"x", given, from_primary=from_primary, soft_seconds=60, hard_seconds=60)


async def test_only_the_holder_of_the_lease_fills(runtime: Runtime, cache: Cache) -> None:
    assert runtime.redis is not None
    other, subject = Cache(runtime.redis), secrets.token_bytes(8)
    assert await slot(cache, subject) == (None, True)
    assert await slot(other, subject) == (None, False)
    assert not await fill(other, subject, entry(10, b"other"))
    assert await fill(cache, subject, entry(10, b"ours"))
    assert await slot(other, subject) == (b"ours", False)


async def test_an_invalidation_ends_entries_and_leases(cache: Cache) -> None:
    subject = secrets.token_bytes(8)
    await slot(cache, subject)
    await cache.invalidate([subject], 100, "test")
    assert not await fill(cache, subject, entry(200)), "the lease was given before the invalidation"
    assert await slot(cache, subject) == (None, True)
    assert not await fill(cache, subject, entry(99), from_primary=False), "the snapshot is older"
    assert await slot(cache, subject) == (None, True)
    assert await fill(cache, subject, entry(100), from_primary=False)
    await cache.invalidate([subject], 50, "test")
    assert await slot(cache, subject) == (None, True), "an older invalidation still ends what is there"
    assert not await fill(cache, subject, entry(99)), "but does not make older snapshots good"


async def test_where_the_last_invalidation_is_unknown_only_the_primary_fills(cache: Cache) -> None:
    subject = secrets.token_bytes(8)
    await slot(cache, subject)
    assert not await fill(cache, subject, entry(10), from_primary=False)


async def test_cached_answers_need_no_sql_and_carry_etags(
    client: httpx.AsyncClient, member: Person, as_owner: str
) -> None:
    first = await client.get(PROFILE)
    assert (await client.get(PROFILE)).content == first.content
    async with await psycopg.AsyncConnection.connect(as_owner) as owner:
        await owner.execute("SELECT set_config('ip2a.resources', '*', true)")
        await owner.execute("UPDATE members SET city = 'Behind' WHERE id = %s", (member.member_id,))
    assert (await client.get(PROFILE)).json()["city"] is None, "nobody told the cache, so it did not ask"
    unchanged = await client.get(PROFILE, headers={"If-None-Match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert int(unchanged.headers["ratelimit-remaining"]) < MEMBER.per_minute


async def test_a_crash_between_commit_and_invalidation_loses_nothing(
    runtime: Runtime, client: httpx.AsyncClient, member: Person
) -> None:
    await client.get(PROFILE)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.exec_driver_sql(
            f"UPDATE members SET city = 'Kent' WHERE id = {member.member_id}"  # noqa: S608
        )
        outbox = f"INSERT INTO cache_outbox (subject) VALUES ('profile:{member.member_id}')"  # noqa: S608
        await connection.exec_driver_sql(outbox)

    async def relayed() -> bool:
        return bool((await client.get(PROFILE)).json()["city"] == "Kent")

    await until(relayed)


async def test_a_changed_role_counts_on_the_next_request(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    staff, member = await people.make("staff"), await people.make()
    await log_in(client, staff)
    path = f"/api/v1/members/{member.member_id}"
    for role, status in (("instructor", 403), ("organizer", 200), ("applicant", 403), ("officer", 200)):
        async with runtime.writer.transaction(SYSTEM, [user_subject(staff.user_id)]) as writing:
            await writing.connection.exec_driver_sql(
                f"UPDATE user_roles SET role_id = (SELECT id FROM roles WHERE name = '{role}')"  # noqa: S608
                f" WHERE user_id = {staff.user_id}"
            )
        assert (await client.get(path)).status_code == status
        assert (await client.get(ME)).json()["roles"] == [role]


async def test_without_redis_everything_works_and_says_so(
    runtime: Runtime, client: httpx.AsyncClient, member: Person, redis_server: Redis
) -> None:
    assert runtime.redis is not None
    await client.get(PROFILE)
    redis_server.kill()
    try:
        for city in ("Kent", "Renton", "Tacoma"):
            assert (await client.patch(PROFILE, json={"city": city})).status_code == 200
            assert (await client.get(PROFILE)).json()["city"] == city
        assert not runtime.redis.available
    finally:
        redis_server.start()
    await until(lambda: redis_is_back(runtime))
    client.cookies.delete("ip2a_fresh")
    assert (await client.get(PROFILE)).json()["city"] == "Tacoma"


async def test_a_rate_is_exact_for_all_pods_together(runtime: Runtime) -> None:
    assert runtime.redis is not None
    pods = [Cache(runtime.redis) for _ in range(20)]
    rate, key = Rate("test", 300, 10_000), secrets.token_bytes(8)

    async def ask(pod: Cache) -> list[Checked]:
        return [await pod.check(key, *rate.arguments, ()) for _ in range(50)]

    answers = [answer for some in await asyncio.gather(*map(ask, pods)) for answer in some]
    allowed = [answer for answer in answers if answer.wait == 0]
    assert abs(len(allowed) - rate.per_minute) <= rate.per_minute * 0.01
    assert all(0 < answer.wait <= 61 for answer in answers if answer.wait)


async def test_the_member_rate_is_told_and_enforced(client: httpx.AsyncClient, member: Person) -> None:
    answers = [await client.get(PROFILE) for _ in range(MEMBER.per_minute + 5)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 3 <= len(refused) <= 6, "the log-in's own requests may have fallen into the same minute"
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert int(refused[0].headers["retry-after"]) > 0
    assert answers[0].headers["ratelimit-limit"] == "60"


async def test_anonymous_requests_and_log_ins_have_limits_of_their_own(client: httpx.AsyncClient) -> None:
    anonymous = [(await client.get(ME)).status_code for _ in range(12)]
    assert anonymous == [401] * 10 + [429] * 2
    attempts = [
        (await client.post("/api/v1/auth/login", json={"email": f"{n}@test.example", "password": "x"})).status_code
        for n in range(32)
    ]
    assert attempts == [401] * 30 + [429] * 2
    assert (await client.get("/login")).status_code == 200
    assert (await client.get("/livez")).status_code == 200


class History:
    """What one client wrote and then read; a read older than its own last write is a violation."""

    def __init__(self) -> None:
        self.operations = 0
        self.violations: list[str] = []

    def read(self, written: int, seen: int, where: str) -> None:
        self.operations += 1
        if seen < written:
            self.violations.append(f"{where}: wrote {written}, read {seen}")


async def live(client: httpx.AsyncClient, history: History, rounds: int) -> None:
    """Change the phone number to a growing one and read it back, through API, page and header alike."""
    written = 0
    for number in range(1, rounds + 1):
        if number % 3 == 1:
            answer = await client.patch(PROFILE, json={"phone": f"{1_000_000 + number}"})
            if answer.status_code == 200:
                written = number
                history.operations += 1
        seen = await client.get(PROFILE)
        if seen.status_code == 200:
            history.read(written, int(seen.json()["phone"] or 1_000_000) - 1_000_000, "profile")
        if number % 5 == 0:
            page = await client.get("/my/profile")
            if page.status_code == 200 and written:
                # A change whose answer was lost may have happened: newer than what was acknowledged is right too.
                field = re.search(r'<input[^>]*name="phone"[^>]*>', page.text)
                assert field, "the page shows the phone number in its form"
                shown = re.search(r'value="1(\d{6})"', field[0])
                history.read(written, int(shown[1]) if shown else 0, "page")


async def disturb(replica: PostgresServer, redis_server: Redis, done: asyncio.Event) -> None:
    """Hold the replica back for random times, and now and then empty Redis."""
    dice = random.Random(46)
    while not done.is_set():
        await asyncio.to_thread(replica.pause_replay)
        await asyncio.sleep(dice.uniform(0.05, 0.5))
        if dice.random() < 0.3:
            await asyncio.to_thread(redis_server.flush)
        await asyncio.to_thread(replica.resume_replay)
        await asyncio.sleep(dice.uniform(0.01, 0.2))


@pytest.mark.parametrize(
    ("clients", "rounds"), [(20, 45), pytest.param(200, 400, marks=pytest.mark.full)], ids=["short", "100000"]
)
async def test_nobody_reads_older_than_they_wrote(
    *,
    runtime: Runtime,
    people: People,
    postgres_replica: PostgresServer,
    redis_server: Redis,
    monkeypatch: pytest.MonkeyPatch,
    clients: int,
    rounds: int,
) -> None:
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("member", 1_000_000, 1_000_000))
    history, done = History(), asyncio.Event()
    browsers = [browser(runtime) for _ in range(clients)]
    for client in browsers:
        await log_in(client, await people.make(months=0))
    trouble = asyncio.create_task(disturb(postgres_replica, redis_server, done))
    try:
        await asyncio.gather(*(live(client, history, rounds) for client in browsers))
    finally:
        done.set()
        await trouble
        for client in browsers:
            await client.aclose()
    assert history.violations == []
    assert history.operations >= clients * rounds


async def test_a_lagging_replica_is_not_believed(
    runtime: Runtime, client: httpx.AsyncClient, member: Person, postgres_replica: PostgresServer
) -> None:
    postgres_replica.pause_replay()
    try:
        paid = await client.post(
            f"/api/v1/my/dues/{member.dues_ids[0]}/payments",
            json={"amount_cents": 100},
            headers={"Idempotency-Key": "behind-lag"},
        )
        assert paid.status_code == 201
        assert (await client.get(DUES)).json()["summary"]["paid_cents"] == 100
    finally:
        postgres_replica.resume_replay()
    assert member.member_id is not None
    assert runtime.cache is not None
    await runtime.cache.invalidate([DUES_READ.subject_of(member.member_id)], 0, "test")
    assert (await client.get(DUES)).json()["summary"]["paid_cents"] == 100
