"""Only active members wait on books: nobody else registers, and who is active no more loses every place at once."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.referrals.conftest import MORNING, Hall, visit

API = "/api/v1/referrals"
NOT_ACTIVE = (409, "urn:ip2a:problem:not-active")


async def become(client: httpx.AsyncClient, member: int, status: str) -> None:
    record = (await client.get(f"/api/v1/members/{member}")).json()
    answer = await client.patch(f"/api/v1/members/{member}", json={"status": status, "version": record["version"]})
    assert answer.status_code == 200, answer.text


async def places(hall: Hall, member: int) -> list[tuple[object, ...]]:
    return await hall.rows(
        "SELECT status, roll_off_reason FROM book_registrations WHERE member_id = :m ORDER BY id", m=member
    )


@pytest.mark.parametrize(
    "change",
    ["status = 'suspended'", "status = 'deceased'", "status = 'inactive'", "status = 'retired'", "deleted_at = now()"],
)
async def test_nobody_else_registers(morning: httpx.AsyncClient, hall: Hall, change: str) -> None:
    book, elsewhere = await hall.book(), await hall.book()
    (member,) = await hall.waiting(elsewhere, 1)
    await hall.execute(f"UPDATE members SET {change} WHERE id = :m", m=member)  # noqa: S608 (constant changes)
    refused = await morning.post(f"{API}/books/{book}/registrations", json={"member_id": member})
    assert (refused.status_code, refused.json()["type"]) == NOT_ACTIVE
    assert "`status`" in refused.json()["detail"], "the remedy"
    assert await places(hall, member) == [("rolled_off", "manual")], "the place they had"
    nobody = await morning.post(f"{API}/requests/{await hall.request(elsewhere)}/dispatch-next")
    assert nobody.json()["type"] == "urn:ip2a:problem:nobody-eligible"
    gap = await hall.rows("SELECT last_apn::integer FROM referral_books WHERE id = :b", b=book)
    assert gap == [(0,)], "no number is lost"


async def test_what_is_not_there_is_not_found(morning: httpx.AsyncClient, hall: Hall) -> None:
    book = await hall.book()
    absent = await morning.post(f"{API}/books/{book}/registrations", json={"member_id": 2**31 - 1})
    assert (absent.status_code, absent.json()["type"]) == (404, "urn:ip2a:problem:no-such-member")


async def test_a_suspended_member_loses_every_place_and_comes_back_at_the_end(
    runtime: Runtime, people: People, hall: Hall
) -> None:
    book, other = await hall.book(), await hall.book()
    person, place = await hall.person_waiting(book)
    member = person.member_id
    assert member is not None
    exempt = await hall.register(other, member)
    await hall.waiting(book, 1)
    clerk = await people.make("staff")
    async with visit(runtime, MORNING, clerk) as desk, visit(runtime, MORNING, person) as phone:
        until = {"reason": "medical"}
        assert (await desk.post(f"{API}/registrations/{exempt}/exemption", json=until)).status_code == 200
        await become(desk, member, "suspended")
        assert await places(hall, member) == [("rolled_off", "manual")] * 2
        history = (await desk.get(f"{API}/registrations/{place}/history")).json()["items"]
        told = (history[0]["action"], history[0]["reason"], history[0]["performed_by_id"])
        assert told == ("roll_off", "not_active", clerk.user_id)
        refused = await phone.post("/api/v1/my/registrations", json={"book_id": book})
        assert (refused.status_code, refused.json()["type"]) == NOT_ACTIVE
        await become(desk, member, "active")
        assert await places(hall, member) == [("rolled_off", "manual")] * 2, "nothing comes back by itself"
        anew = await phone.post("/api/v1/my/registrations", json={"book_id": book})
        assert (anew.status_code, anew.json()["apn"]) == (201, "3.00")


async def test_a_job_ends_for_who_was_suspended_meanwhile(morning: httpx.AsyncClient, hall: Hall) -> None:
    """A short call would give the place back; the office can still end the job, or take it back."""
    book = await hall.book()
    for ending in ("terminate", "withdraw"):
        (member,) = await hall.waiting(book, 1)
        (job,) = (await morning.post(f"{API}/requests/{await hall.request(book, short=3)}/dispatch-next")).json()
        assert job["member_id"] == member
        await become(morning, member, "suspended")
        assert await places(hall, member) == [("dispatched", None)], "the job goes on"
        order = {"reason": "short_call_end", "ended_on": "2026-11-25", "days_worked": 2}
        ended = await morning.post(
            f"{API}/dispatches/{job['id']}/{ending}", json=order if ending == "terminate" else None
        )
        assert ended.status_code == 200, ended.text
        assert await places(hall, member) == [("dispatched", None)], "but the place does not come back"


async def test_registering_and_losing_the_standing_at_once(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall
) -> None:
    """Whoever comes first: nobody holds a place in the end."""
    book, elsewhere = await hall.book(), await hall.book()
    members = await hall.waiting(elsewhere, 8)

    async def suspend(member: int) -> None:
        async with transaction(runtime.databases.write, SYSTEM) as connection:
            await connection.execute(text("UPDATE members SET status = 'suspended' WHERE id = :m"), {"m": member})

    async def register(member: int) -> int:
        return (await morning.post(f"{API}/books/{book}/registrations", json={"member_id": member})).status_code

    answers = await asyncio.gather(*(register(member) for member in members), *(suspend(member) for member in members))
    assert set(answers) <= {201, 409, None}
    held = await hall.rows(
        "SELECT id FROM book_registrations WHERE member_id = ANY(:m) AND status IN ('registered', 'exempt')", m=members
    )
    assert held == []
