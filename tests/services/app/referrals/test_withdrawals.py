"""What an employer takes back costs the member nothing: the place, the count of restorations, other books."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from ip2a.database.identity import SYSTEM, transaction
from ip2a.referrals.enforcement import preview
from ip2a.runtime import Runtime
from tests.services.app.referrals.conftest import EVENING, MORNING, Hall, enforce, visit

API = "/api/v1/referrals"
NEXT_DAYS = MORNING + timedelta(days=2)


async def send(client: httpx.AsyncClient, request: int, how: str = "dispatch-next") -> dict[str, object]:
    answer = await client.post(f"{API}/requests/{request}/{how}")
    assert answer.status_code == 201, answer.text
    sent: dict[str, object] = answer.json()[0]
    return sent


async def place(hall: Hall, member: object) -> list[tuple[object, ...]]:
    return await hall.rows(
        "SELECT status, apn::integer, short_call_restorations, check_marks FROM book_registrations WHERE member_id = :m"
        " ORDER BY id",
        m=member,
    )


async def test_a_cancelled_request_gives_places_back_and_leaves_who_is_at_work(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall
) -> None:
    book, other = await hall.book(), await hall.book()
    request = await hall.request(book, 2, short=5)
    at_work, sent_away, third = await hall.waiting(book, 3)
    await hall.register(other, sent_away)
    first, second = await send(morning, request), await send(morning, request)
    assert (await morning.post(f"{API}/dispatches/{first['id']}/check-in")).status_code == 200
    cancelled = (await morning.post(f"{API}/requests/{request}/cancel")).json()
    assert (cancelled["status"], cancelled["workers_dispatched"]) == ("cancelled", 1), "though it was filled"
    states = await hall.rows(
        "SELECT status, ended_on, restricted_until FROM dispatches WHERE labor_request_id = :q ORDER BY id", q=request
    )
    assert states == [("checked_in", None, None), ("withdrawn", None, None)]
    assert await place(hall, sent_away) == [("registered", 2, 0, 0), ("registered", 1, 0, 0)]
    assert (await place(hall, at_work))[0][0] == "dispatched"
    history = (await morning.get(f"{API}/registrations/{second['registration_id']}/history")).json()["items"]
    assert (history[0]["action"], history[0]["reason"]) == ("restore", "withdrawn")
    assert (await morning.post(f"{API}/requests/{request}/cancel")).status_code == 409
    await enforce(runtime.databases.write, NEXT_DAYS)
    assert [row[0] for row in await place(hall, sent_away)] == ["registered"] * 2, "nobody is punished for it"
    next_one = await send(morning, await hall.request(book))
    assert next_one["member_id"] == sent_away != third, "under the old number"


async def test_a_filled_request_whose_workers_are_all_at_work_is_not_cancelled(
    morning: httpx.AsyncClient, hall: Hall
) -> None:
    book = await hall.book()
    await hall.waiting(book, 1)
    request = await hall.request(book)
    job = await send(morning, request)
    await morning.post(f"{API}/dispatches/{job['id']}/check-in")
    refused = await morning.post(f"{API}/requests/{request}/cancel")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:ip2a:problem:request-over")


async def test_a_withdrawn_dispatch_frees_the_slot_and_the_bid(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall
) -> None:
    book = await hall.book()
    person, _ = await hall.person_waiting(book)
    request = await hall.request(book)

    async def bid() -> int:
        async with visit(runtime, EVENING, person) as phone:
            return (await phone.post("/api/v1/my/bids", json={"labor_request_id": request})).status_code

    assert await bid() == 201
    job = await send(morning, request, "process-bids")
    answer = await morning.post(f"{API}/dispatches/{job['id']}/withdraw")
    assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    over = await morning.post(f"{API}/dispatches/{job['id']}/withdraw")
    assert (over.status_code, over.json()["type"]) == (409, "urn:ip2a:problem:dispatch-over")
    state = (await morning.get(f"{API}/requests/{request}")).json()
    assert (state["status"], state["workers_dispatched"]) == ("open", 0)
    assert await place(hall, person.member_id) == [("registered", 1, 0, 0)]
    assert await bid() == 201, "and no rejection of theirs"
    again = await send(morning, request, "process-bids")
    assert again["member_id"] == person.member_id
    await morning.post(f"{API}/dispatches/{again['id']}/check-in")
    begun = await morning.post(f"{API}/dispatches/{again['id']}/withdraw")
    assert begun.status_code == 409
    assert (await morning.post(f"{API}/dispatches/2147483647/withdraw")).status_code == 404


async def test_the_night_makes_nobody_a_no_show_of_a_cancelled_request(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall
) -> None:
    """Cancelled by who knows of no withdrawals, as the version before does."""
    book = await hall.book()
    (member,) = await hall.waiting(book, 1)
    request = await hall.request(book)
    job = await send(morning, request)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        before = (await preview(connection, NEXT_DAYS)).no_shows
    await hall.execute("UPDATE labor_requests SET status = 'cancelled' WHERE id = :id", id=request)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        assert (await preview(connection, NEXT_DAYS)).no_shows == before - 1
    await enforce(runtime.databases.write, NEXT_DAYS)
    assert await hall.rows("SELECT status FROM dispatches WHERE id = :id", id=job["id"]) == [("withdrawn",)]
    assert await place(hall, member) == [("registered", 1, 0, 0)]


@pytest.mark.parametrize("nights", [2, 9])
async def test_a_no_show_is_a_quit_of_the_day_whenever_the_night_hears_of_it(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall, nights: int
) -> None:
    book = await hall.book()
    await hall.waiting(book, 1)
    job = await send(morning, await hall.request(book))
    await enforce(runtime.databases.write, MORNING + timedelta(days=nights))
    ((status, until),) = await hall.rows(
        "SELECT status, restricted_until::text FROM dispatches WHERE id = :id", id=job["id"]
    )
    assert (status, until) == ("no_show", "2026-12-08"), "14 days from the 24th, when they should have come"


async def test_cancelling_and_turning_down_at_once_end_in_one_of_both(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall
) -> None:
    """Neither side dies of the other."""
    for _ in range(5):
        book = await hall.book()
        person, _ = await hall.person_waiting(book)
        request = await hall.request(book)
        job = await send(morning, request)
        async with visit(runtime, MORNING, person) as phone:
            cancelled, rejected, _ = await asyncio.gather(
                morning.post(f"{API}/requests/{request}/cancel"),
                phone.post(f"/api/v1/my/dispatches/{job['id']}/reject", json={}),
                enforce(runtime.databases.write, NEXT_DAYS),
            )
        assert {cancelled.status_code, rejected.status_code} <= {200, 409}, cancelled.text + rejected.text
        ((status, count),) = await hall.rows(
            "SELECT d.status, q.workers_dispatched FROM dispatches d JOIN labor_requests q ON q.id = d.labor_request_id"
            " WHERE d.id = :id",
            id=job["id"],
        )
        assert (status in {"withdrawn", "rejected", "no_show"}, count) == (True, 0)
        ((held, *_),) = await place(hall, person.member_id)
        assert held == ("registered" if status == "withdrawn" else "rolled_off")
