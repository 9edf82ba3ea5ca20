"""Nobody is passed over because of what happens to their row at that moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.referrals.conftest import EVENING, Hall, visit

API = "/api/v1/referrals"

HOLDS = {
    "saves an address": "UPDATE members SET city = 'Kent' WHERE id = ANY(:members)",
    "signs again": "UPDATE book_registrations SET re_sign_deadline = re_sign_deadline + interval '1 day'"
    " WHERE member_id = ANY(:members)",
}


@pytest.mark.parametrize("what", HOLDS)
@pytest.mark.parametrize("how", ["dispatch-next", "process-bids"])
async def test_the_longest_waiting_goes_whatever_holds_the_row(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall, what: str, how: str
) -> None:
    book = await hall.book()
    people = [await hall.person_waiting(book) for _ in range(2)]
    request = await hall.request(book)
    for person, _ in people:
        async with visit(runtime, EVENING, person) as phone:
            await phone.post("/api/v1/my/bids", json={"labor_request_id": request})
    head = people[0][0].member_id
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text(HOLDS[what]), {"members": [head]})
        sending = asyncio.create_task(morning.post(f"{API}/requests/{request}/{how}"))
        await asyncio.sleep(0.3)  # who does not wait would have chosen by now
    (sent,) = (await sending).json()
    assert sent["member_id"] == head


async def test_a_sweep_over_the_book_is_waited_for(runtime: Runtime, morning: httpx.AsyncClient, hall: Hall) -> None:
    book = await hall.book()
    members = await hall.waiting(book, 3)
    request = await hall.request(book)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text("UPDATE book_registrations SET check_marks = check_marks + 1 WHERE book_id = :b"), {"b": book}
        )
        sending = asyncio.create_task(morning.post(f"{API}/requests/{request}/dispatch-next"))
        await asyncio.sleep(0.3)
    (sent,) = (await sending).json()
    assert sent["member_id"] == members[0]


async def test_who_loses_the_place_meanwhile_is_not_sent(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall
) -> None:
    book = await hall.book()
    first, second = await hall.waiting(book, 2)
    request = await hall.request(book)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text("UPDATE members SET status = 'deceased' WHERE id = :m"), {"m": first})
        sending = asyncio.create_task(morning.post(f"{API}/requests/{request}/dispatch-next"))
        await asyncio.sleep(0.3)
    (sent,) = (await sending).json()
    assert sent["member_id"] == second


async def test_bids_are_not_processed_while_they_are_taken(runtime: Runtime, people: People, hall: Hall) -> None:
    book = await hall.book()
    person, _ = await hall.person_waiting(book)
    request = await hall.request(book)
    async with visit(runtime, EVENING, person) as phone:
        assert (await phone.post("/api/v1/my/bids", json={"labor_request_id": request})).status_code == 201
    clerk = await people.make("officer")
    for minutes, status in ((-121, 404), (0, 409), (779, 409), (780, 201)):  # 15:59, 18:00, 06:59, 07:00
        async with visit(runtime, EVENING + timedelta(minutes=minutes), clerk) as desk:
            target = request if minutes >= 0 else 2**31 - 1
            answer = await desk.post(f"{API}/requests/{target}/process-bids")
        assert answer.status_code == status, (minutes, answer.text)
        if status == 409:
            assert answer.json()["type"] == "urn:ip2a:problem:bidding-open"
            assert "07:00" in answer.json()["detail"]
