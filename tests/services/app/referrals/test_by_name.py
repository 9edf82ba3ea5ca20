"""A request by name is for one member: nobody else gets it, and by name goes no more than by the book."""

from datetime import timedelta

import httpx
import pytest

from ip2a.runtime import Runtime
from tests.services.app.conftest import People
from tests.services.app.referrals.conftest import EVENING, MORNING, Hall, visit

API = "/api/v1/referrals"


async def by_name(client: httpx.AsyncClient, request: int, member: int) -> httpx.Response:
    order = {"member_id": member, "anti_collusion_attested": True}
    return await client.post(f"{API}/requests/{request}/dispatch-by-name", json=order)


async def asked_for(hall: Hall, book: int, member: int, *, employer: int | None = None) -> int:
    request = await hall.request(book, employer=employer)
    await hall.execute("UPDATE labor_requests SET foreperson_member_id = :m WHERE id = :id", id=request, m=member)
    return request


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:ip2a:problem:")


@pytest.mark.parametrize("how", ["dispatch-next", "process-bids"])
async def test_nobody_else_is_sent(runtime: Runtime, morning: httpx.AsyncClient, hall: Hall, how: str) -> None:
    book = await hall.book()
    bidder, _ = await hall.person_waiting(book)
    _, wanted = await hall.waiting(book, 2)
    request = await hall.request(book)
    async with visit(runtime, EVENING, bidder) as phone:
        assert (await phone.post("/api/v1/my/bids", json={"labor_request_id": request})).status_code == 201
    await hall.execute("UPDATE labor_requests SET foreperson_member_id = :m WHERE id = :id", id=request, m=wanted)
    refused = await morning.post(f"{API}/requests/{request}/{how}")
    assert kind(refused) == (409, "asked-by-name")
    assert f"{API}/requests/{request}/dispatch-by-name" in refused.json()["detail"], "the remedy"
    assert await hall.rows("SELECT id FROM dispatches WHERE labor_request_id = :id", id=request) == []
    assert await hall.rows("SELECT status FROM job_bids WHERE labor_request_id = :id", id=request) == [("pending",)]
    (sent,) = (await by_name(morning, request, wanted)).json()
    assert (sent["member_id"], sent["method"]) == (wanted, "by_name"), "whoever waits longer"


async def test_only_who_was_asked_for_waits_and_is_not_restricted(
    runtime: Runtime, morning: httpx.AsyncClient, people: People, hall: Hall
) -> None:
    book, employer = await hall.book(), await hall.employer()
    wanted, other = await hall.waiting(book, 2)
    assert kind(await by_name(morning, await hall.request(book), wanted)) == (409, "not-by-name")
    request = await asked_for(hall, book, wanted, employer=employer)
    assert kind(await by_name(morning, request, other)) == (409, "not-by-name")
    stranger = await asked_for(hall, await hall.book(), other, employer=employer)
    assert kind(await by_name(morning, stranger, other)) == (409, "nobody-eligible"), "on another book only"
    (job,) = (await by_name(morning, request, wanted)).json()
    over = {"reason": "quit", "ended_on": "2026-11-24", "days_worked": 0}
    assert (await morning.post(f"{API}/dispatches/{job['id']}/terminate", json=over)).status_code == 200
    await hall.register(book, wanted)
    again = await asked_for(hall, book, wanted, employer=employer)
    assert kind(await by_name(morning, again, wanted)) == (409, "nobody-eligible"), "for 14 days"
    elsewhere = await asked_for(hall, book, wanted)
    (sent,) = (await by_name(morning, elsewhere, wanted)).json()
    assert (await morning.post(f"{API}/dispatches/{sent['id']}/withdraw")).status_code == 200
    for days, status in ((15, 409), (16, 201)):
        async with visit(runtime, MORNING + timedelta(days=days), await people.make("staff")) as desk:
            assert (await by_name(desk, again, wanted)).status_code == status, days


async def test_one_by_name(morning: httpx.AsyncClient, hall: Hall) -> None:
    book = await hall.book()
    (wanted,) = await hall.waiting(book, 1)
    order = {
        "employer_id": await hall.employer(),
        "book_id": book,
        "workers_requested": 2,
        "start_date": "2026-11-25",
        "foreperson_member_id": wanted,
    }
    assert kind(await morning.post(f"{API}/requests", json=order)) == (422, "one-by-name")
    assert (await morning.post(f"{API}/requests", json={**order, "workers_requested": 1})).status_code == 201
