"""Nothing of people's data is changed or read by staff without a record: every table, every route, a killed process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import text

from devcluster.paths import CHECKOUT
from devcluster.services.process import HOST, free_port
from ip2a.database.identity import SYSTEM, transaction
from ip2a.limits.rates import Rate
from ip2a.runtime import Runtime
from tests.services.app.concurrency.conftest import token_of
from tests.services.app.conftest import People
from tests.services.app.referrals.conftest import at
from tests.services.app.test_route_matrix import ROWS, ask, prepared, success
from tests.services.app.world import Somebody, make_world, this_evening

NOT_AUDITED = {
    "alembic_version": "which migrations ran",
    "audit_logs": "the trail itself",
    "cache_outbox": "no data of anybody",
    "email_tokens": "links of mails: what they change is audited; the tokens are secret",
    "idempotency_keys": "copies of answers to writes that are audited",
    "jobs": "work of the platform",
    "provider_events": "ids of messages; what they change is audited",
    "refresh_tokens": "beginnings and ends of sessions are recorded by triggers of their own",
    "registration_activities": "append-only history, itself a trail",
    "report_chunks": "pieces of files; reports are audited",
    "roles": "seven rows that never change",
}


async def test_every_table_is_audited_or_says_why_not(as_owner: str) -> None:
    async with await psycopg.AsyncConnection.connect(as_owner) as connection:
        rows = await (
            await connection.execute(
                "SELECT c.relname, bool_or(coalesce(t.tgname = 'audit', false)) FROM pg_class c"
                " LEFT JOIN pg_trigger t ON t.tgrelid = c.oid"
                " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY 1"
            )
        ).fetchall()
    assert {name for name, audited in rows if not audited} == set(NOT_AUDITED)


async def test_every_route_that_shows_staff_a_member_leaves_a_record(
    runtime: Runtime, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever of the staff gets an answer with a member's name in it is on record when the answer arrives."""
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("member", 1_000_000, 1_000_000))
    evening = at(runtime, this_evening())
    somebody, missing, seen = Somebody(evening), [], 0
    world = await make_world(evening, people)
    for row, (allowed, _) in ROWS.items():
        if not row.startswith("GET ") or "admin" not in allowed.split():
            continue
        name = world.person.email.partition("@")[0]
        reader = await prepared(evening, people, "admin", row)
        await somebody.become(reader)
        answer = await ask(somebody.http, row, world.ids)
        assert answer.status_code in success(row), row
        if name not in answer.text:
            continue
        seen += 1
        async with transaction(runtime.databases.write, SYSTEM) as connection:
            recorded = await connection.execute(
                text(
                    "SELECT count(*) FROM audit_logs WHERE user_id = :user AND action IN ('read', 'bulk_read')"
                    " AND address IS NOT NULL AND correlation_id IS NOT NULL"
                ),
                {"user": reader.user_id},
            )
            if recorded.scalar_one() == 0:
                missing.append(row)
    await somebody.http.aclose()
    assert seen > 10, "the test sees names"
    assert missing == []


READERS, READS = 16, 25


@contextmanager
def serving(environment: dict[str, str], directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server process of our own, to be killed."""
    port, clock = free_port(), directory / "clock"
    clock.write_text("")
    command = [sys.executable, "-m", "tests.services.app.served", "--port", str(port), "--ops-port", str(free_port())]
    variables = {**os.environ, **environment, "IP2A_TRUSTED_PROXIES": "127.0.0.1/32"}
    variables["PYTHONPATH"] = os.pathsep.join((str(CHECKOUT / "app" / "src"), str(CHECKOUT)))
    with subprocess.Popen(
        [*command, "--clock", str(clock)], env=variables, cwd=CHECKOUT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process, port
        finally:
            process.kill()


async def test_no_read_is_lost_when_the_process_is_killed(
    runtime: Runtime, people: People, app_environment: dict[str, str], tmp_path: Path
) -> None:
    """Every answer that arrived before a SIGKILL is on record: it left after its record was committed."""
    member, staff = await people.make(), await people.make("staff")
    token = await token_of(runtime, staff)
    with serving(app_environment, tmp_path) as (process, port):
        answered = await _read_until_killed(process, port, token, member.member_id or 0)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        rows = await connection.execute(
            text("SELECT correlation_id FROM audit_logs WHERE user_id = :user AND action = 'read' AND record_id = :id"),
            {"user": staff.user_id, "id": str(member.member_id)},
        )
        recorded = Counter(rows.scalars())
    assert len(answered) >= READERS, "it was killed in the middle"
    assert set(answered) <= set(recorded)
    assert max(recorded.values()) == 1


async def _read_until_killed(process: subprocess.Popen[bytes], port: int, token: str, member_id: int) -> list[str]:
    """Traces of the requests that were answered; the process is killed after READERS × READS of them at the latest."""
    answered: list[str] = []
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}", timeout=20, headers=headers) as client:
        await _ready(client)

        async def read(reader: int) -> None:
            for number in range(10_000):
                trace = f"{reader + 1:016x}{number:016x}"
                try:
                    answer = await client.get(
                        f"/api/v1/members/{member_id}", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
                    )
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                answered.append(trace)
                if len(answered) >= READERS * READS:
                    process.kill()

        await asyncio.gather(*(read(reader) for reader in range(READERS)))
    return answered


async def _ready(client: httpx.AsyncClient) -> None:
    for _ in range(600):
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    pytest.fail("the platform did not become ready")
