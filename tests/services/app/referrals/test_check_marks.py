"""Check marks: one a book and day, of one region, for all requests of a morning at once; jobs that cost none."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from ip2a.runtime import Runtime
from tests.services.app.conftest import People, log_in
from tests.services.app.referrals.conftest import MORNING, Hall, visit

API = "/api/v1/referrals"
BATCH = f"{API}/morning/check-marks"
YESTERDAY = MORNING - timedelta(days=1)


async def marks(hall: Hall, book: int) -> list[tuple[object, ...]]:
    return await hall.rows(
        "SELECT member_id, check_marks, status FROM book_registrations WHERE book_id = :b ORDER BY apn", b=book
    )


async def result(client: httpx.AsyncClient, *books: int) -> dict[int, tuple[int, int]]:
    """(marked, rolled off) by book; other tests leave books of their own."""
    answer = await client.post(BATCH)
    assert answer.status_code == 200, answer.text
    return {item["book_id"]: (item["marked"], item["rolled_off"]) for item in answer.json() if item["book_id"] in books}


async def test_an_unfilled_request_marks_everyone_on_its_book_once_a_day(
    runtime: Runtime, people: People, hall: Hall
) -> None:
    """Two regions, one member on both books: marks of one do not count on the other, the third costs that place."""
    seattle, bremerton = await hall.book(), await hall.book("bremerton")
    one, two = await hall.waiting(seattle, 2, when=YESTERDAY)
    await hall.register(bremerton, one, when=YESTERDAY)
    await hall.request(seattle)
    await hall.request(seattle, 3)
    clerk = await people.make("staff")
    for day, expected in ((0, (2, 0)), (1, (2, 0)), (2, (2, 2))):
        if day == 1:
            await hall.request(bremerton)
        async with visit(runtime, MORNING + timedelta(days=day), clerk) as client:
            seen = await result(client, seattle, bremerton)
            assert seen == {seattle: expected} | ({bremerton: (1, 0)} if day else {})
            again = await result(client, seattle, bremerton)
            assert set(again.values()) == {(0, 0)}, "once a day, however many requests and presses"
    assert await marks(hall, seattle) == [(one, 3, "rolled_off"), (two, 3, "rolled_off")]
    assert await marks(hall, bremerton) == [(one, 2, "registered")]
    told = await hall.rows(
        "SELECT action, reason, count(*) FROM registration_activities a JOIN book_registrations r"
        " ON r.id = a.registration_id WHERE r.book_id = :b GROUP BY 1, 2 ORDER BY 1",
        b=seattle,
    )
    assert told == [("check_mark", None, 6), ("roll_off", "check_marks", 2)]


async def test_books_that_cost_no_mark_are_left_alone(morning: httpx.AsyncClient, hall: Hall) -> None:
    books = {name: await hall.book() for name in ("filled", "stated", "named", "tomorrow", "cancelled", "marked")}
    for book in books.values():
        await hall.waiting(book, 1, when=YESTERDAY)
    requests = {name: await hall.request(book) for name, book in books.items()}
    changes = {
        "filled": "status = 'filled', workers_dispatched = workers_requested",
        "named": f"foreperson_member_id = {(await hall.waiting(books['named'], 1, when=YESTERDAY))[0]}",
        "tomorrow": "referral_day = '2026-11-24'",
        "cancelled": "status = 'cancelled'",
    }
    for name, change in changes.items():
        await hall.execute(f"UPDATE labor_requests SET {change} WHERE id = :id", id=requests[name])  # noqa: S608
    path = f"{API}/requests/{requests['stated']}"
    stated = await morning.put(f"{path}/no-check-mark", json={"reason": "mou_jobsite"})
    assert stated.json()["no_check_mark_reason"] == "mou_jobsite"
    assert await result(morning, *books.values()) == {books["marked"]: (1, 0)}
    for name in ("stated", "named"):
        refused = await morning.post(f"{API}/requests/{requests[name]}/check-marks")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:ip2a:problem:no-check-mark"), name
    assert (await morning.put(f"{path}/no-check-mark", json={"reason": None})).json()["no_check_mark_reason"] is None
    assert await result(morning, books["stated"]) == {books["stated"]: (1, 0)}


async def test_only_who_was_called_is_marked(runtime: Runtime, people: People, hall: Hall) -> None:
    """Not the exempt, not who is at work, not who came after the call; and no book before its time."""
    book = await hall.book()
    called, exempt, late = (
        *(await hall.waiting(book, 2, when=YESTERDAY)),
        *(await hall.waiting(book, 1, when=MORNING)),  # 08:45, the call was at 08:30
    )
    await hall.execute(
        "UPDATE book_registrations SET status = 'exempt', exempt_reason = 'medical', exempt_until = '2027-01-01'"
        " WHERE member_id = :m",
        m=exempt,
    )
    await hall.request(book)
    clerk = await people.make("staff")
    async with visit(runtime, MORNING - timedelta(minutes=16), clerk) as client:
        assert await result(client, book) == {}, "08:29"
    async with visit(runtime, MORNING, clerk) as client:
        assert await result(client, book) == {book: (1, 0)}
    assert await marks(hall, book) == [
        (called, 1, "registered"),
        (exempt, 0, "exempt"),
        (late, 0, "registered"),
    ]


async def test_parallel_presses_of_two_processes_mark_once(
    runtime: Runtime, second: Runtime, people: People, hall: Hall
) -> None:
    books = [await hall.book() for _ in range(3)]
    for book in books:
        await hall.waiting(book, 4, when=YESTERDAY)
        await hall.request(book)
    request = await hall.request(books[0])
    clerk = await people.make("staff")
    async with visit(runtime, MORNING, clerk) as one, visit(second, MORNING, clerk) as two:
        answers = await asyncio.gather(
            *(result(client, *books) for _ in range(8) for client in (one, two)),
            *(client.post(f"{API}/requests/{request}/check-marks") for client in (one, two)),
        )
    marked = [answer for answer in answers if isinstance(answer, dict)]
    single = [answer.json()["marked"] for answer in answers if isinstance(answer, httpx.Response)]
    assert sum(item[book][0] for item in marked for book in books) + sum(single) == 12
    for book in books:
        assert {row[1] for row in await marks(hall, book)} == {1}


async def test_the_third_mark_of_one_place_is_told_as_what_it_is(morning: httpx.AsyncClient, hall: Hall) -> None:
    book = await hall.book()
    (member,) = await hall.waiting(book, 1)
    await hall.execute("UPDATE book_registrations SET check_marks = 2 WHERE member_id = :m", m=member)
    ((place,),) = await hall.rows("SELECT id FROM book_registrations WHERE member_id = :m", m=member)
    path = f"{API}/registrations/{place}"
    answer = (await morning.post(f"{path}/check-mark")).json()
    assert (answer["status"], answer["check_marks"], answer["max_check_marks"]) == ("rolled_off", 3, 2)
    assert (answer["roll_off_reason"], answer["region"]) == ("check_marks", "seattle")
    told = (await morning.get(f"{path}/history")).json()["items"]
    assert [(item["action"], item["reason"]) for item in told] == [("roll_off", "check_marks"), ("check_mark", None)]
    assert (await morning.post(f"{path}/check-mark")).status_code == 409


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"requirements": "Specialty skills, MOU site, various location, under scale"}, None),
        ({"no_check_mark_reason": "specialty"}, "specialty"),
        ({"no_check_mark_reason": "various_location"}, "various_location"),
        ({"no_check_mark_reason": "under_scale", "start_time": "05:30"}, "early_start"),
        ({"no_check_mark_reason": "specialty", "short_call_days": 3}, "short_call"),
    ],
)
async def test_what_costs_no_mark_is_stated_and_never_read_out_of_a_text(
    morning: httpx.AsyncClient, hall: Hall, order: dict[str, object], reason: str | None
) -> None:
    wanted = {
        "employer_id": await hall.employer(),
        "book_id": await hall.book(),
        "workers_requested": 1,
        "start_date": "2026-11-25",
    }
    taken = await morning.post(f"{API}/requests", json={**wanted, **order})
    assert taken.status_code == 201, taken.text
    assert taken.json()["no_check_mark_reason"] == reason
    path = f"{API}/requests/{taken.json()['id']}"
    kept = (await morning.put(f"{path}/no-check-mark", json={"reason": None})).json()["no_check_mark_reason"]
    assert kept == (reason if reason in {"early_start", "short_call"} else None)
    assert (await morning.put(f"{path}/no-check-mark", json={"reason": "short_call"})).status_code == 422
    await morning.post(f"{path}/cancel")
    assert (await morning.put(f"{path}/no-check-mark", json={"reason": "specialty"})).status_code == 409


async def test_the_office_ends_the_morning_by_one_press(runtime: Runtime, people: People, hall: Hall) -> None:
    book = await hall.book()
    person, _ = await hall.person_waiting(book)
    await hall.execute("UPDATE book_registrations SET registered_at = :w WHERE book_id = :b", w=YESTERDAY, b=book)
    request = await hall.request(book)
    async with visit(runtime, MORNING, await people.make("staff")) as desk:
        page = (await desk.get("/office/dispatch")).text
        assert 'action="/office/dispatch/check-marks"' in page
        stated = await desk.post(f"/office/dispatch/{request}/no-check-mark", data={"reason": "specialty"})
        assert stated.status_code == 303
        assert 'value="specialty" selected' in (await desk.get("/office/dispatch")).text
        await desk.post(f"/office/dispatch/{request}/no-check-mark", data={"reason": ""})
        done = await desk.post("/office/dispatch/check-marks")
        assert "check marks on" in (await desk.get(done.headers["location"])).text
    assert await marks(hall, book) == [(person.member_id, 1, "registered")]
    async with visit(runtime, MORNING, person) as phone:
        await log_in(phone, person)
        assert 'data-label="Check marks">1 of 2<' in (await phone.get("/my/referrals")).text
