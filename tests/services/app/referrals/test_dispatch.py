"""The morning under concurrency: one dispatch a worker, never more than requested, the longest waiting first."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ip2a.database.identity import SYSTEM, transaction
from ip2a.referrals.enforcement import preview
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, Person
from tests.services.app.referrals.conftest import EVENING, MORNING, Hall, enforce, visit

API = "/api/v1/referrals"


async def dispatch(client: httpx.AsyncClient, request: int, how: str = "dispatch-next") -> httpx.Response:
    return await client.post(f"{API}/requests/{request}/{how}")


async def bid(runtime: Runtime, person: Person, request: int) -> dict[str, Any]:
    async with visit(runtime, EVENING, person) as phone:
        answer = await phone.post("/api/v1/my/bids", json={"labor_request_id": request})
    assert answer.status_code == 201, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


async def test_a_long_morning_has_pages(morning: httpx.AsyncClient, hall: Hall) -> None:
    """In the order of the calls, none left out, also when what a page ended with is filled meanwhile."""
    for _ in range(2):
        book = await hall.book()
        await hall.waiting(book, 1)
        for _ in range(2):
            await hall.request(book)
    whole = (await morning.get(f"{API}/morning")).json()
    order = [item["id"] for item in whole["items"]]
    assert (len(order) >= 4, whole["next"]) == (True, None)
    first = (await morning.get(f"{API}/morning", params={"limit": 3})).json()
    assert (await dispatch(morning, first["items"][-1]["id"])).status_code == 201
    rest = (await morning.get(f"{API}/morning", params={"after": first["next"]})).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == order
    page = (await morning.get("/office/dispatch", params={"after": first["next"]})).text
    assert [f"/office/dispatch/{request}/next" in page for request in order] == [False] * 3 + [True] * (len(order) - 3)


async def test_the_longest_waiting_goes_first(morning: httpx.AsyncClient, hall: Hall) -> None:
    book = await hall.book()
    request = await hall.request(book, 2)
    members = await hall.waiting(book, 3)
    sent = [(await dispatch(morning, request)).json()[0]["member_id"] for _ in range(2)]
    assert sent == members[:2]
    full = await dispatch(morning, request)
    assert (full.status_code, full.json()["type"]) == (409, "urn:ip2a:problem:request-over")
    assert (await morning.get(f"{API}/requests/{request}")).json()["status"] == "filled"
    queue = (await morning.get(f"{API}/books/{book}/queue")).json()["items"]
    assert [item["member_id"] for item in queue] == members[2:]


@pytest.mark.parametrize("repeat", range(3))
async def test_parallel_dispatches_never_share_a_worker_nor_exceed_the_request(
    runtime: Runtime, second: Runtime, people: People, hall: Hall, repeat: int
) -> None:
    """Two books that share all their members, three requests, two processes, 54 dispatches at once."""
    book, other = await hall.book(), await hall.book()
    members = await hall.waiting(book, 12)
    for member in reversed(members):
        await hall.register(other, member)
    requests = [await hall.request(book, 5), await hall.request(other, 5), await hall.request(other, 5)]
    clerk = await people.make("staff")
    async with visit(runtime, MORNING, clerk) as one, visit(second, MORNING, clerk) as two:
        answers = await asyncio.gather(
            *(dispatch(client, request) for _ in range(9) for client in (one, two) for request in requests)
        )
    assert {answer.status_code for answer in answers} <= {201, 409}
    sent = [answer.json()[0]["member_id"] for answer in answers if answer.status_code == 201]
    assert len(sent) == len(set(sent)) == 12
    stored = await hall.rows(
        "SELECT q.workers_dispatched, q.workers_requested,"
        " (SELECT count(*) FROM dispatches WHERE labor_request_id = q.id) FROM labor_requests q WHERE id = ANY(:ids)",
        ids=requests,
    )
    assert all(counted == real <= wanted for counted, wanted, real in stored)  # type: ignore[operator]


async def test_one_slot_has_one_winner_among_bidders(
    runtime: Runtime, second: Runtime, morning: httpx.AsyncClient, people: People, hall: Hall
) -> None:
    book = await hall.book()
    request = await hall.request(book)
    bidders = [await hall.person_waiting(book) for _ in range(4)]
    for person, _ in reversed(bidders):  # the last on the book bids first; that does not help
        await bid(runtime, person, request)
    async with visit(second, MORNING, await people.make("officer")) as other:
        answers = await asyncio.gather(
            *(dispatch(client, request, "process-bids") for _ in range(10) for client in (morning, other))
        )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    winner = next(answer.json()[0]["member_id"] for answer in answers if answer.status_code == 201)
    assert winner == bidders[0][0].member_id
    statuses = await hall.rows(
        "SELECT status FROM job_bids WHERE labor_request_id = :id ORDER BY member_id", id=request
    )
    assert statuses == [("accepted",), ("rejected",), ("rejected",), ("rejected",)]


async def test_the_database_refuses_by_itself(runtime: Runtime, morning: httpx.AsyncClient, hall: Hall) -> None:
    book = await hall.book()
    request, another = await hall.request(book), await hall.request(book)
    await hall.waiting(book, 2)
    (sent,) = (await dispatch(morning, request)).json()
    copy = (
        "INSERT INTO dispatches (labor_request_id, member_id, registration_id, employer_id, method, dispatched_at,"
        " dispatched_by_id, start_date, check_in_deadline) SELECT :request, coalesce(:member, d.member_id),"
        " d.registration_id, d.employer_id, d.method, now(), d.dispatched_by_id, d.start_date, now()"
        " FROM dispatches d WHERE d.id = :id"
    )
    (waiting,) = (await morning.get(f"{API}/books/{book}/queue")).json()["items"]
    wrongs = (
        ("uq_dispatches_live_member", {"request": another, "member": None}),
        ("ck_labor_requests_dispatched", {"request": request, "member": waiting["member_id"]}),
    )
    for constraint, values in wrongs:
        with pytest.raises(IntegrityError, match=constraint):
            async with transaction(runtime.databases.write, SYSTEM) as connection:
                await connection.execute(text(copy), {"id": sent["id"], **values})


async def test_a_short_call_gives_the_place_back_and_a_quit_takes_all(morning: httpx.AsyncClient, hall: Hall) -> None:
    book, other = await hall.book(), await hall.book()
    employer = await hall.employer()
    first, *_ = members = await hall.waiting(book, 2)
    await hall.register(other, first)
    short = (await dispatch(morning, await hall.request(book, short=5, employer=employer))).json()[0]
    assert short["member_id"] == first
    ended = await morning.post(
        f"{API}/dispatches/{short['id']}/terminate",
        json={"reason": "short_call_end", "ended_on": "2026-11-28", "days_worked": 5},
    )
    assert ended.json()["status"] == "completed"
    queue = (await morning.get(f"{API}/books/{book}/queue")).json()["items"]
    assert [item["member_id"] for item in queue] == members, "under the old number, first again"
    assert queue[0]["short_call_restorations"] == 1
    job = (await dispatch(morning, await hall.request(book, employer=employer))).json()[0]
    await morning.post(f"{API}/dispatches/{job['id']}/check-in")
    quit_ = await morning.post(
        f"{API}/dispatches/{job['id']}/terminate",
        json={"reason": "quit", "ended_on": "2026-11-25", "days_worked": 1},
    )
    assert (quit_.json()["status"], quit_.json()["restricted_until"]) == ("terminated", "2026-12-09")
    places = await hall.rows("SELECT DISTINCT status FROM book_registrations WHERE member_id = :id", id=first)
    assert places == [("rolled_off",)]
    await hall.register(book, first)
    assert (await dispatch(morning, await hall.request(book, 2, employer=employer))).json()[0]["member_id"] == members[
        1
    ]
    nobody = await dispatch(morning, await hall.request(book, employer=employer))
    assert nobody.json()["type"] == "urn:ip2a:problem:nobody-eligible", "restricted towards this employer"
    assert (await dispatch(morning, await hall.request(book))).json()[0]["member_id"] == first


async def test_turning_a_won_job_down_frees_the_slot_and_the_second_time_suspends(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall
) -> None:
    book = await hall.book()
    person, _ = await hall.person_waiting(book)
    for turn in range(2):
        request = await hall.request(book)
        await bid(runtime, person, request)
        (job,) = (await dispatch(morning, request, "process-bids")).json()
        async with visit(runtime, MORNING, person) as phone:
            answer = await phone.post(f"/api/v1/my/dispatches/{job['id']}/reject", json={"reason": "too far"})
            assert answer.json()["status"] == "rejected"
            assert (await phone.post(f"/api/v1/my/dispatches/{job['id']}/reject", json={})).status_code == 409
            (registration, *_) = (await phone.get("/api/v1/my/registrations")).json()["items"]
            assert registration["roll_off_reason"] == "bid_reject_quit", turn
        state = (await morning.get(f"{API}/requests/{request}")).json()
        assert (state["status"], state["workers_dispatched"]) == ("open", 0)
        assert person.member_id is not None
        await hall.register(book, person.member_id)
    async with visit(runtime, EVENING, person) as phone:
        refused = await phone.post("/api/v1/my/bids", json={"labor_request_id": await hall.request(book)})
    assert refused.json()["type"] == "urn:ip2a:problem:bidding-suspended"


async def test_bids_only_at_night_once_and_for_books_one_waits_on(runtime: Runtime, hall: Hall) -> None:
    book, foreign = await hall.book(), await hall.book()
    person, _ = await hall.person_waiting(book)
    request, elsewhere = await hall.request(book), await hall.request(foreign)
    async with visit(runtime, MORNING, person) as phone:
        assert [job["id"] for job in (await phone.get("/api/v1/my/open-jobs")).json()["items"]] == [request]
        by_day = await phone.post("/api/v1/my/bids", json={"labor_request_id": request})
        assert by_day.json()["type"] == "urn:ip2a:problem:bidding-closed"
    async with visit(runtime, EVENING, person) as phone:
        answers = await asyncio.gather(
            *(phone.post("/api/v1/my/bids", json={"labor_request_id": request}) for _ in range(10))
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
        assert (await phone.post("/api/v1/my/bids", json={"labor_request_id": elsewhere})).status_code == 409
        assert (await phone.post("/api/v1/my/bids", json={"labor_request_id": 2**31 - 1})).status_code == 404
        (own,) = (await phone.get("/api/v1/my/bids")).json()["items"]
        assert (await phone.post(f"/api/v1/my/bids/{own['id']}/withdraw")).json()["status"] == "withdrawn"
        assert (await phone.post(f"/api/v1/my/bids/{own['id']}/withdraw")).status_code == 409
        again = await phone.post("/api/v1/my/bids", json={"labor_request_id": request})
        assert again.status_code == 201
    stranger, _ = await hall.person_waiting(book)
    async with visit(runtime, EVENING, stranger) as phone:
        assert (await phone.post(f"/api/v1/my/bids/{again.json()['id']}/withdraw")).status_code == 404


async def test_the_night_enforces_and_a_second_run_finds_nothing(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall
) -> None:
    book = await hall.book()
    await hall.waiting(book, 2, when=MORNING - timedelta(days=34))
    (late,) = await hall.waiting(book, 1, when=MORNING - timedelta(days=24))
    (exempt,) = await hall.waiting(book, 1)
    (place,) = await hall.rows("SELECT id FROM book_registrations WHERE member_id = :m", m=exempt)
    until = await morning.post(f"{API}/registrations/{place[0]}/exemption", json={"reason": "medical"})
    assert until.json()["exempt_until"] == "2027-05-22"
    (no_show,) = await hall.waiting(book, 1)
    request = await hall.request(book)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text("UPDATE book_registrations SET apn = 0.5 WHERE member_id = :m"), {"m": no_show})
    assert (await dispatch(morning, request)).json()[0]["member_id"] == no_show
    engine = runtime.databases.write
    async with transaction(engine, SYSTEM) as connection:
        seen = await preview(connection, MORNING)
    assert (seen.rolled_off, seen.exemptions_ended) == (2, 0)
    results = await asyncio.gather(*(enforce(engine, MORNING) for _ in range(3)))
    assert sorted(result.rolled_off for result in results) == [0, 0, 2]
    assert {result.no_shows for result in results} == {0}
    later = await enforce(engine, MORNING + timedelta(days=2))
    assert later.no_shows >= 1, "other tests of this module left some too"
    assert (await morning.get(f"{API}/requests/{request}")).json()["status"] == "expired"
    spring = await enforce(engine, MORNING + timedelta(days=200))
    assert (spring.exemptions_ended, spring.no_shows) == (1, 0)
    left = await hall.rows(
        "SELECT member_id, status, roll_off_reason FROM book_registrations WHERE book_id = :b AND member_id = ANY(:m)"
        " ORDER BY member_id",
        b=book,
        m=[late, exempt, no_show],
    )
    assert left == [
        (late, "rolled_off", "failed_re_sign"),
        (exempt, "registered", None),
        (no_show, "rolled_off", "quit"),
    ]
