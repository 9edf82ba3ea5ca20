"""The office's day on pages without JavaScript: requests, jobs, books, dues, refunds, applications, new members."""

from __future__ import annotations

import re
import secrets

import httpx
import pytest
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import DUE_CENTS, People, Person, browser, log_in
from tests.services.app.records.test_record_pages import form, said, typed
from tests.services.app.referrals.conftest import MORNING, START, Hall, visit
from tests.services.app.test_journeys import press


@pytest.fixture
def hall(runtime: Runtime, people: People) -> Hall:
    return Hall(runtime, people)


async def page_of(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return answer.text


async def name_of(hall: Hall, member: int) -> str:
    ((number,),) = await hall.rows("SELECT member_number FROM members WHERE id = :id", id=member)
    return str(number)


async def test_a_request_is_entered_called_by_name_and_its_job_ended(
    runtime: Runtime, people: People, hall: Hall
) -> None:
    book = await hall.book()
    employer = await hall.employer()
    ((employer_name,),) = await hall.rows("SELECT name FROM organizations WHERE id = :id", id=employer)
    (named, other) = await hall.waiting(book, 2)
    number = await name_of(hall, named)
    async with visit(runtime, MORNING, await people.make("staff")) as desk:
        assert 'href="/office/requests/new"' in await page_of(desk, "/office/dispatch")
        hidden = await form(desk, "/office/requests/new")
        order = {
            **hidden,
            "employer_id": "Zzyzx",
            "book_id": f"#{book}",
            "workers_requested": "0",
            "start_date": "2026-11-01",
            "start_time": "07:00",
            "agreement_type": "standard",
            "foreperson_member_id": number,
        }
        wrong = await desk.post("/office/requests", data=order)
        assert said(wrong.text, "employer_id") == "No organization’s name has words that begin like that."
        assert f'<option value="#{book}" selected>' in wrong.text, "the book that was chosen"
        order["employer_id"] = str(employer_name)
        few = await desk.post("/office/requests", data=order)
        assert (few.status_code, "1" in said(few.text, "workers_requested")) == (422, True)
        late = await desk.post("/office/requests", data={**order, "workers_requested": "1"})
        assert said(late.text, "start_date") == "“Starts on” must be today or later."
        made = await desk.post(
            "/office/requests", data={**order, "workers_requested": "1", "start_date": START.isoformat()}
        )
        assert made.status_code == 303, made.text
        path = made.headers["location"].partition("?")[0]
        request = int(path.rpartition("/")[2])
        page = await page_of(desk, made.headers["location"])
        assert "It is saved." in page
        assert f'href="/office/members/{named}"' in page
        unsure = await desk.post(f"{path}/by-name", data=await form(desk, path))
        assert unsure.status_code == 422
        assert "is ticked" in said(unsure.text, "anti_collusion_attested")
        page = await press(desk, await page_of(desk, path), rf"{path}/by-name", anti_collusion_attested="True")
        assert "The member is sent." in page
        assert f"{path}/by-name" not in page, "nobody is wanted any more"
        ((sent, status),) = await hall.rows(
            "SELECT member_id, id FROM dispatches WHERE labor_request_id = :id", id=request
        )
        assert sent == named != other
        job = f"/office/jobs/{status}"
        assert f'href="{job}"' in await page_of(desk, "/office/jobs?only=dispatched")
        page = await press(desk, await page_of(desk, job), f"{job}/check-in")
        assert f"{job}/check-in" not in page
        ending = {**await form(desk, job), "reason": "laid_off", "ended_on": "2026-11-23", "days_worked": "3"}
        early = await desk.post(f"{job}/end", data=ending)
        assert said(early.text, "ended_on") == f"“Last day” must be {START} or later."
        ended = await desk.post(f"{job}/end", data={**ending, "ended_on": "2026-11-27"})
        page = await page_of(desk, ended.headers["location"])
        assert ("The job is ended." in page, "Laid off" in page) == (True, True)
        assert f"{job}/end" not in page


async def test_a_request_for_somebody_by_name_offers_nothing_else_and_is_cancelled(
    runtime: Runtime, people: People, hall: Hall
) -> None:
    book = await hall.book()
    (named,) = await hall.waiting(book, 1)
    request = await hall.request(book)
    plain = await hall.request(book)
    await hall.execute("UPDATE labor_requests SET foreperson_member_id = :m WHERE id = :id", m=named, id=request)
    async with visit(runtime, MORNING, await people.make("staff")) as desk:
        page = await page_of(desk, "/office/dispatch")
        assert f'href="/office/requests/{request}#by-name"' in page
        for step in ("next", "bids", "check-marks"):
            assert f"/office/dispatch/{request}/{step}" not in page
            assert f"/office/dispatch/{plain}/{step}" in page
        assert "by-name" not in await page_of(desk, f"/office/requests/{plain}")
        page = await press(desk, await page_of(desk, f"/office/requests/{request}"), r"/office/requests/\d+/cancel")
        assert "Cancelled" in page
        assert f"/office/requests/{request}/cancel" not in page
    async with visit(runtime, MORNING, await people.make("organizer")) as stranger:
        for path in ("/office/requests", "/office/requests/new", f"/office/requests/{request}", "/office/jobs"):
            assert (await stranger.get(path)).status_code == 403, path


async def test_a_member_is_registered_exempted_and_taken_off_a_book(
    runtime: Runtime, people: People, hall: Hall
) -> None:
    book = await hall.book()
    (first,) = await hall.waiting(book, 1)
    member = await people.make()
    async with visit(runtime, MORNING, await people.make("staff")) as desk:
        path = f"/office/books/{book}"
        assert f'href="{path}"' in await page_of(desk, "/office/books")
        hidden = await form(desk, path)
        nobody = await desk.post(f"{path}/registrations", data={**hidden, "member_id": "Zzyzx"})
        assert said(nobody.text, "member_id") == "No member’s name or number begins like that."
        done = await desk.post(f"{path}/registrations", data={**hidden, "member_id": f"#{member.member_id}"})
        page = await page_of(desk, done.headers["location"])
        places = re.findall(r'href="(/office/places/\d+)"', page)
        assert len(places) == 2, "the one who waited and the new one"
        twice = await desk.post(f"{path}/registrations", data={**hidden, "member_id": f"#{first}"})
        assert (twice.status_code, "has a place on this book already" in twice.text) == (409, True)
        place = places[1]
        page = await press(desk, await page_of(desk, place), f"{place}/re-sign")
        assert "Re sign" in page
        past = await desk.post(
            f"{place}/exemption", data={**await form(desk, place), "reason": "medical", "until": "2026-11-01"}
        )
        assert said(past.text, "until") == "“Last day” must be today or later."
        page = await press(desk, await page_of(desk, place), f"{place}/exemption", reason="medical", until="2026-12-24")
        assert "Dec 24, 2026" in page
        assert place not in await page_of(desk, path), "who is exempt is not called"
        assert f'href="{place}"' in await page_of(desk, f"/office/members/{member.member_id}")
        page = await press(desk, page, f"{place}/exemption-end")
        page = await press(desk, page, f"{place}/roll-off", reason="manual")
        assert "Rolled off" in page
        assert "/roll-off" not in page
    async with visit(runtime, MORNING, await people.make("instructor")) as stranger:
        for closed in (path, place):
            assert (await stranger.get(closed)).status_code == 403


async def test_a_member_gives_a_place_up_and_turns_a_job_down(runtime: Runtime, people: People, hall: Hall) -> None:
    book, second = await hall.book(), await hall.book()
    person, _ = await hall.person_waiting(book)
    request = await hall.request(book)
    async with visit(runtime, MORNING, person) as phone:
        await phone.post("/my/referrals/registrations", data={"book_id": str(second)})
        page = await page_of(phone, "/my/referrals")
        before = page.count("/resign")
        page = await press(phone, page, r"/my/referrals/registrations/\d+/resign")
        assert ("Resigned" in page, page.count("/resign")) == (True, before - 1)
    async with visit(runtime, MORNING, await people.make("staff")) as desk:
        await press(desk, await page_of(desk, "/office/dispatch"), f"/office/dispatch/{request}/next")
    async with visit(runtime, MORNING, person) as phone:
        link = re.search(r'href="(/my/referrals/dispatches/\d+/turn-down)"', await page_of(phone, "/my/referrals"))
        assert link
        page = await page_of(phone, link[1])
        assert "counts as a quit" in page
        page = await press(phone, page, link[1], reason="no transport")
        assert ("Rejected" in page, link[1] in page) == (True, False)
        assert (await phone.get(link[1])).status_code == 404


async def test_a_month_is_made_and_closed(runtime: Runtime, people: People) -> None:
    async with browser(runtime) as desk:
        await log_in(desk, await people.make("staff"))
        hidden = await form(desk, "/office/dues/new")
        wrong = await desk.post("/office/dues", data={**hidden, "year": "2026", "month": "13"})
        assert (wrong.status_code, bool(said(wrong.text, "month"))) == (422, True)
        made = await desk.post("/office/dues", data={**hidden, "year": "2060", "month": "7"})
        assert made.status_code == 303, made.text
        path = made.headers["location"].partition("?")[0]
        page = await page_of(desk, path)
        assert "July 2060" in page
        page = await press(desk, page, f"{path}/close")
        assert ("Closed" in page, f"{path}/close" in page) == (True, False)
        hidden = await form(desk, "/office/dues/new")
        again = await desk.post("/office/dues", data={**hidden, "year": "2060", "month": "7"})
        assert (again.status_code, "This month is closed." in again.text) == (409, True)


async def test_a_clerk_takes_a_check_once_and_asks_for_an_adjustment_and_a_refund(
    runtime: Runtime, people: People
) -> None:
    member, officer = await people.make(), await people.make("officer")
    dues = f"/office/member-dues/{member.dues_ids[0]}"
    async with browser(runtime) as desk:
        await log_in(desk, await people.make("staff"))
        assert f'href="{dues}"' in await page_of(desk, f"/office/members/{member.member_id}")
        page = await page_of(desk, dues)
        assert typed(page, "amount_cents") == f"{DUE_CENTS / 100:.2f}", "what is open stands in the form"
        hidden = await form(desk, dues)
        much = await desk.post(f"{dues}/payments", data={**hidden, "amount_cents": "9000", "method": "check"})
        assert said(much.text, "amount_cents") == "“Amount in dollars” is more than is still due."
        nothing = await desk.post(f"{dues}/payments", data={**hidden, "amount_cents": "0", "method": "check"})
        assert said(nothing.text, "amount_cents") == "An amount of more than nothing."
        online = await desk.post(f"{dues}/payments", data={**hidden, "amount_cents": "10", "method": "stripe_card"})
        assert said(online.text, "method") == "Choose one of the list."
        keyless = {name: value for name, value in hidden.items() if name != "idempotency_key"}
        unsure = await desk.post(f"{dues}/payments", data={**keyless, "amount_cents": "10", "method": "check"})
        assert (unsure.status_code, "Load the page again" in unsure.text) == (422, True)
        order = {**hidden, "amount_cents": "50.00", "method": "check"}
        for _ in range(2):  # the second press
            taken = await desk.post(f"{dues}/payments", data=order)
            assert taken.status_code == 303, taken.text
        page = await page_of(desk, taken.headers["location"])
        assert "The payment is recorded." in page
        assert f"${(DUE_CENTS - 5000) / 100:.2f}" in page
        receipts = re.findall(r'href="(/office/payments/\d+)">RCP-', page)
        assert len(receipts) == 1, "paid once"
        short = {**await form(desk, dues), "adjustment_type": "hardship", "amount_cents": "10", "reason": "x"}
        assert said((await desk.post(f"{dues}/adjustments", data=short)).text, "reason")
        asked = await desk.post(f"{dues}/adjustments", data={**short, "effect": "lowers", "reason": "laid off"})
        assert "Somebody else decides" in await page_of(desk, asked.headers["location"])
        assert "−$10.00" in await page_of(desk, "/office/adjustments")
        receipt = receipts[0]
        giving = {**await form(desk, receipt), "reason": "paid twice"}
        more = await desk.post(f"{receipt}/refunds", data={**giving, "amount_cents": "50.01"})
        assert said(more.text, "amount_cents").startswith("“Amount in dollars” is more than")
        back = await desk.post(f"{receipt}/refunds", data={**giving, "amount_cents": "50.00"})
        page = await page_of(desk, back.headers["location"])
        assert ("An officer decides" in page, f"{receipt}/refunds" in page) == (True, False)
        refund = re.search(r'href="(/office/refunds/\d+)"', await page_of(desk, "/office/refunds?only=pending"))
        assert refund
        assert "/approve" not in await page_of(desk, refund[1]), "staff does not decide"
        assert "There are none." in await page_of(desk, "/office/unapplied")
    async with browser(runtime) as chair:
        await log_in(chair, officer)
        page = await press(chair, await page_of(chair, refund[1]), f"{refund[1]}/approve")
        assert ("Refunded" in page, "/approve" in page) == (True, False)
        assert f"${DUE_CENTS / 100:.2f}" in await page_of(chair, dues)
    async with browser(runtime) as stranger:
        await log_in(stranger, member)
        for path in (dues, receipt, refund[1], "/office/dues", "/office/unapplied"):
            assert (await stranger.get(path)).status_code == 403, path


async def handed_in(runtime: Runtime, person: Person) -> str:
    """The page of an application that this person handed in, with a file."""
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        made = await connection.execute(
            text(
                "WITH a AS (INSERT INTO applications (user_id, first_name, last_name, status, phone, submitted_at)"
                " VALUES (:user, 'Ana', 'Apply', 'submitted', '206 555 0100', now()) RETURNING id)"
                " INSERT INTO documents (uploaded_by_id, application_id, title, category, object_key, status,"
                " media_type, size_bytes) SELECT :user, id, 'School certificate', 'application', :key, 'ready',"
                " 'text/plain', 1 FROM a RETURNING application_id"
            ),
            {"user": person.user_id, "key": secrets.token_hex(8)},
        )
        return f"/school/applications/{made.scalar_one()}"


async def test_an_application_is_brought_to_an_end_and_makes_a_student(runtime: Runtime, people: People) -> None:
    applicant = await people.make("applicant")
    path = await handed_in(runtime, applicant)
    async with browser(runtime) as office:
        await log_in(office, await people.make("officer"))
        assert f'href="{path}"' in await page_of(office, "/school/applications?only=submitted")
        page = await page_of(office, path)
        assert "School certificate" in page
        assert '<option value="under_review"' in page
        assert '<option value="accepted"' not in page, "not yet"
        forged = await office.post(f"{path}/steps", data={**await form(office, path), "status": "accepted"})
        assert (forged.status_code, "The application is submitted." in forged.text) == (409, True)
        page = await press(office, page, f"{path}/steps", status="under_review")
        dayless = await office.post(f"{path}/steps", data={**await form(office, path), "status": "interview_scheduled"})
        assert said(dayless.text, "interview_on") == "“Day of the interview” is needed to schedule an interview."
        page = await press(office, page, f"{path}/steps", status="interview_scheduled", interview_on="2026-12-01")
        much = await office.post(
            f"{path}/steps", data={**await form(office, path), "status": "interviewed", "score": "101"}
        )
        assert much.status_code == 422
        assert said(much.text, "score")
        page = await press(office, page, f"{path}/steps", status="interviewed", score="87.5")
        page = await press(office, page, f"{path}/steps", status="accepted")
        assert ("Accepted" in page, f"{path}/steps" in page) == (True, False)
        assert "Apply, Ana" in await page_of(office, "/school/students?search=apply")
    async with browser(runtime) as stranger:
        await log_in(stranger, await people.make("organizer"))
        assert (await stranger.get(path)).status_code == 403
        assert (await stranger.get("/school/applications")).status_code == 403


async def test_an_applicant_withdraws(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("applicant"))
    page = await page_of(client, "/my/application")
    assert "/my/application/withdraw" not in page
    page = await press(client, page, "/my/application", phone="206 555 0100")
    page = await press(client, page, "/my/application/submit")
    page = await press(client, page, "/my/application/withdraw")
    assert 'id="status">Withdrawn' in page
    assert "/my/application/withdraw" not in page
    assert 'action="/my/application"' in page, "another one may be begun"


async def test_a_new_member_is_taken_in(runtime: Runtime, people: People) -> None:
    number = f"N-{secrets.token_hex(4)}"
    async with browser(runtime) as desk:
        await log_in(desk, await people.make("staff"))
        assert 'href="/office/members/new"' in await page_of(desk, "/office/members")
        order = {
            **await form(desk, "/office/members/new"),
            "member_number": number,
            "first_name": "Nora",
            "last_name": "Newman",
            "classification": "apprentice_1",
            "status": "active",
            "zip_code": "980",
        }
        wrong = await desk.post("/office/members", data=order)
        assert said(wrong.text, "zip_code").startswith("Five digits")
        assert typed(wrong.text, "last_name") == "Newman"
        made = await desk.post("/office/members", data={**order, "zip_code": "98032"})
        assert "The member is taken in." in await page_of(desk, made.headers["location"])
        twice = await desk.post("/office/members", data={**order, "first_name": "Nina", "zip_code": ""})
        assert said(twice.text, "member_number") == "There is a member with this “Member number”."
    async with browser(runtime) as stranger:
        await log_in(stranger, await people.make("organizer"))
        assert (await stranger.get("/office/members/new")).status_code == 403
        assert "/office/members/new" not in await page_of(stranger, "/office/members")
