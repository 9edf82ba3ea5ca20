"""Places on books: numbers without gap or double, one place a member, own ones only."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, log_in
from tests.services.app.referrals.conftest import MORNING, Hall, visit

API = "/api/v1/referrals"
MINE = "/api/v1/my/registrations"


async def test_parallel_registrations_get_numbers_in_a_row(
    runtime: Runtime, second: Runtime, people: People, hall: Hall
) -> None:
    """50 registrations of 25 members at once by two processes."""
    book, elsewhere = await hall.book(), await hall.book()
    members = await hall.waiting(elsewhere, 25)
    clerk = await people.make("staff")
    async with visit(runtime, MORNING, clerk) as one, visit(second, MORNING, clerk) as two:
        answers = await asyncio.gather(
            *(
                client.post(f"{API}/books/{book}/registrations", json={"member_id": member})
                for member in members
                for client in (one, two)
            )
        )
    assert sorted(answer.status_code for answer in answers) == [201] * 25 + [409] * 25
    numbers = sorted(float(answer.json()["apn"]) for answer in answers if answer.status_code == 201)
    assert numbers == [float(number) for number in range(1, 26)]
    stored = await hall.rows(
        "SELECT count(*), count(DISTINCT member_id) FROM book_registrations WHERE book_id = :b", b=book
    )
    assert stored == [(25, 25)]
    logged = await hall.rows(
        "SELECT count(*) FROM registration_activities a JOIN book_registrations r ON r.id = a.registration_id"
        " WHERE r.book_id = :b AND a.action = 'register' AND a.performed_by_id = :u",
        b=book,
        u=clerk.user_id,
    )
    assert logged == [(25,)]


async def test_the_database_refuses_a_second_place_and_a_second_number(runtime: Runtime, hall: Hall) -> None:
    book = await hall.book()
    one, other = await hall.waiting(book, 2)
    insert = (
        "INSERT INTO book_registrations (member_id, book_id, apn, registered_at, re_sign_deadline, status)"
        " VALUES (:member, :book, :apn, now(), now(), :status)"
    )
    wrongs = (
        ("uq_book_registrations_place", one, 77, "registered"),
        ("uq_book_registrations_book_id_apn", other, 1, "resigned"),
        ("ck_book_registrations_rolled_off", other, 78, "rolled_off"),
    )
    for constraint, member, apn, status in wrongs:
        with pytest.raises(IntegrityError, match=constraint):
            async with transaction(runtime.databases.write, SYSTEM) as connection:
                await connection.execute(text(insert), {"member": member, "book": book, "apn": apn, "status": status})


async def test_a_member_sees_the_own_position_and_nobody_else(
    runtime: Runtime, client: httpx.AsyncClient, hall: Hall
) -> None:
    book = await hall.book()
    await hall.waiting(book, 2)
    person, registration = await hall.person_waiting(book)
    await hall.waiting(book, 1)
    await log_in(client, person)
    (own,) = (await client.get(MINE)).json()["items"]
    assert (own["id"], own["position"], own["weeks_to_wait"], own["confidence"]) == (registration, 3, None, "low")
    books = (await client.get(f"{API}/books")).json()
    assert next(item["registered"] for item in books if item["id"] == book) == 4
    assert (await client.get(f"{API}/books/{book}/queue")).status_code == 403
    async with transaction(runtime.databases.write, Identity(person.user_id, person.member_id)) as connection:
        seen = await connection.execute(text("SELECT DISTINCT member_id FROM book_registrations"))
        assert list(seen.scalars()) == [person.member_id]
        moved = await connection.execute(text("UPDATE book_registrations SET check_marks = 0"))
        assert moved.rowcount == 1


async def test_members_keep_and_give_up_their_own_place_only(
    runtime: Runtime, client: httpx.AsyncClient, hall: Hall
) -> None:
    book = await hall.book()
    person, registration = await hall.person_waiting(book)
    _, other = await hall.person_waiting(book)
    async with visit(runtime, MORNING + timedelta(days=20), person) as later:
        signed = await later.post(f"{MINE}/{registration}/re-sign")
        assert signed.json()["re_sign_deadline"].startswith("2027-01-12")
        for action in ("re-sign", "resign"):
            assert (await later.post(f"{MINE}/{other}/{action}")).status_code == 404
        assert (await later.post(MINE, json={"book_id": book})).status_code == 409
        assert (await later.post(f"{MINE}/{registration}/resign")).json()["status"] == "resigned"
        assert (await later.post(f"{MINE}/{registration}/re-sign")).status_code == 409
        anew = await later.post(MINE, json={"book_id": book})
        assert anew.json()["apn"] == "3.00", "at the end of the book"
        assert (await later.post(MINE, json={"book_id": 2**31 - 1})).status_code == 404


async def test_the_third_check_mark_rolls_off_and_one_a_day_counts(
    runtime: Runtime, people: People, hall: Hall
) -> None:
    book = await hall.book()
    waiting = await hall.waiting(book, 2, when=MORNING - timedelta(days=1))
    request = await hall.request(book)
    clerk = await people.make("staff")
    for day, marked, rolled in ((0, 2, 0), (0, 0, 0), (1, 2, 0), (2, 2, 2), (3, 0, 0)):
        async with visit(runtime, MORNING + timedelta(days=day), clerk) as client:
            answers = [await client.post(f"{API}/requests/{request}/check-marks")]
        assert [answer.json() for answer in answers] == [{"marked": marked, "rolled_off": rolled}]
    reasons = await hall.rows(
        "SELECT member_id, roll_off_reason FROM book_registrations WHERE book_id = :b ORDER BY member_id", b=book
    )
    assert reasons == [(member, "check_marks") for member in waiting]


async def test_parallel_check_marks_count_once(morning: httpx.AsyncClient, hall: Hall) -> None:
    book = await hall.book()
    await hall.waiting(book, 5, when=MORNING - timedelta(days=1))
    request = await hall.request(book)
    answers = await asyncio.gather(*(morning.post(f"{API}/requests/{request}/check-marks") for _ in range(20)))
    assert sum(answer.json()["marked"] for answer in answers) == 5


async def test_exempt_members_are_passed_over(morning: httpx.AsyncClient, hall: Hall) -> None:
    book = await hall.book()
    first, second = await hall.waiting(book, 2)
    (place,) = (await hall.rows("SELECT id FROM book_registrations WHERE member_id = :m", m=first))[0]
    path = f"{API}/registrations/{place}/exemption"
    past = await morning.post(path, json={"reason": "medical", "until": "2026-11-22"})
    assert (past.status_code, past.json()["type"]) == (422, "urn:ip2a:problem:exemption-in-the-past")
    assert (await morning.post(path, json={"reason": "jury_duty", "until": "2026-11-30"})).status_code == 200
    sent = await morning.post(f"{API}/requests/{await hall.request(book)}/dispatch-next")
    assert sent.json()[0]["member_id"] == second
    back = await morning.delete(path)
    assert (back.json()["status"], back.json()["exempt_until"]) == ("registered", None)
    history = (await morning.get(f"{API}/registrations/{place}/history")).json()["items"]
    assert [item["action"] for item in history] == ["exempt_end", "exempt_start"]


async def test_requests_are_taken_with_the_rules(morning: httpx.AsyncClient, hall: Hall) -> None:
    order = {
        "employer_id": await hall.employer(),
        "book_id": await hall.book(),
        "workers_requested": 2,
        "start_date": "2026-11-25",
        "short_call_days": 4,
    }
    taken = await morning.post(f"{API}/requests", json=order)
    assert taken.status_code == 201, taken.text
    body = taken.json()
    assert (body["referral_day"], body["no_check_mark_reason"]) == ("2026-11-24", "short_call")
    assert body["request_number"].startswith("REQ20261123-")
    wrongs = ({"start_date": "2026-11-22"}, {"book_id": 2**31 - 1}, {"short_call_days": 11}, {"foo": 1})
    for wrong in wrongs:
        answer = await morning.post(f"{API}/requests", json={**order, **wrong})
        assert answer.status_code == 422, answer.text
    assert (await morning.post(f"{API}/requests/{body['id']}/cancel")).json()["status"] == "cancelled"
    assert (await morning.post(f"{API}/requests/{body['id']}/cancel")).status_code == 409
    assert (await morning.post(f"{API}/requests/{body['id']}/dispatch-next")).status_code == 409
