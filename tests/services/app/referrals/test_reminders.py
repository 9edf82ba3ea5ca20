"""Who has to sign again within a week is told by one mail for each place and deadline."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from ip2a.database.identity import SYSTEM, transaction
from ip2a.referrals.enforcement import preview
from ip2a.runtime import Runtime
from tests.services.app.referrals.conftest import MORNING, Hall, enforce, visit


@pytest.fixture
def mails(as_owner: str) -> Any:
    """Reads the mails that wait for an address."""

    async def queued(address: str) -> list[dict[str, str]]:
        async with await psycopg.AsyncConnection.connect(as_owner) as owner:
            await owner.execute("SELECT set_config('ip2a.resources', '*', true)")
            found = await owner.execute(
                "SELECT payload FROM jobs WHERE kind = 'mail' AND payload ->> 'to' = %s ORDER BY id", (address,)
            )
            return [payload for (payload,) in await found.fetchall()]

    return queued


async def to_remind(runtime: Runtime) -> int:
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        return (await preview(connection, MORNING)).to_remind


async def test_one_mail_a_place_and_deadline(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall, mails: Any
) -> None:
    person = await hall.person()
    assert person.member_id is not None
    await hall.register(await hall.book(), person.member_id, when=MORNING - timedelta(days=22))
    due = await hall.register(await hall.book(), person.member_id, when=MORNING - timedelta(days=24))
    engine, before = runtime.databases.write, await to_remind(runtime)
    assert await mails(person.email) == [], "looking sends nothing"
    runs = await asyncio.gather(*(enforce(engine, MORNING) for _ in range(3)))
    assert sum(run.to_remind for run in runs) == before >= 1
    (mail,) = await mails(person.email)
    assert mail["subject"] == "Sign again by Sunday, November 29, 2026, 08:45: Wire"
    assert "https://portal.example/my/referrals" in mail["text"]
    assert "by Wednesday, December 2, 2026, 08:45 loses the place" in mail["text"]
    assert await to_remind(runtime) == 0
    await enforce(engine, MORNING + timedelta(hours=12))
    assert len(await mails(person.email)) == 1, "not every night"
    assert (await morning.post(f"/api/v1/referrals/registrations/{due}/re-sign")).status_code == 200
    await enforce(engine, MORNING + timedelta(days=2))
    assert len(await mails(person.email)) == 2, "the other place, whose week begins"
    await enforce(engine, MORNING + timedelta(days=24))
    assert len(await mails(person.email)) == 3, "the new deadline of the first; the other place is lost"


async def test_no_mail_to_nobody_and_none_of_a_night_that_fails(
    runtime: Runtime, hall: Hall, mails: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hall.waiting(await hall.book(), 1, when=MORNING - timedelta(days=25))  # without an address
    person = await hall.person()
    assert person.member_id is not None
    await hall.register(await hall.book(), person.member_id, when=MORNING - timedelta(days=25))
    with monkeypatch.context() as broken:
        broken.setattr("ip2a.dispatches.repository.miss_re_registration", _fail)
        with pytest.raises(RuntimeError, match="on purpose"):
            await enforce(runtime.databases.write, MORNING)
    assert await mails(person.email) == [], "mark and mail are one transaction"
    done = await enforce(runtime.databases.write, MORNING)
    assert done.to_remind >= 2
    assert len(await mails(person.email)) == 1
    assert await to_remind(runtime) == 0
    async with visit(runtime, MORNING, person) as phone:
        assert (await phone.get("/api/v1/my/registrations")).status_code == 200


async def _fail(*_: object) -> list[int]:
    raise RuntimeError("on purpose")
