"""What people do all day, on pages without JavaScript."""

import re

import httpx
import pytest
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import DUE_CENTS, People, browser, log_in
from tests.services.app.referrals.conftest import EVENING, MORNING, Hall, visit


@pytest.fixture
def hall(runtime: Runtime, people: People) -> Hall:
    return Hall(runtime, people)


async def press(client: httpx.AsyncClient, page: str, action: str, **fields: str) -> str:
    """Send the form of a page with this action, and return the page it leads to."""
    forms = re.findall(r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', page, re.DOTALL)
    found = [(target, content) for target, content in forms if re.fullmatch(action, target)]
    target, body = found[0]
    hidden = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', body))
    assert "csrf_token" in hidden
    client.headers.pop("X-CSRF-Token", None)
    answer = await client.post(target, data={**hidden, **fields})
    assert answer.status_code == 303, answer.text
    return (await client.get(answer.headers["location"])).text


async def test_a_member_bids_at_night_and_staff_runs_the_morning(runtime: Runtime, people: People, hall: Hall) -> None:
    book = await hall.book()
    person, _ = await hall.person_waiting(book)
    await hall.waiting(book, 2)
    request = await hall.request(book, 2)
    async with visit(runtime, EVENING, person) as phone:
        page = (await phone.get("/my/referrals")).text
        page = await press(phone, page, rf"/my/referrals/jobs/{request}/bid")
        assert "Pending" in page
        page = await press(phone, page, r"/my/referrals/registrations/\d+/re-sign")
    async with visit(runtime, MORNING, await people.make("staff")) as desk:
        page = (await desk.get("/office/dispatch")).text
        assert "0 of 2" in page
        page = await press(desk, page, rf"/office/dispatch/{request}/bids")
        assert "1 dispatched." in page
        assert "1 of 2" in page
        page = await press(desk, page, rf"/office/dispatch/{request}/next")
        assert f"/office/dispatch/{request}/next" not in page, "filled requests are not called any more"
        page = await press(desk, page, r"/office/dispatch/dispatches/\d+/check-in")
        lonely = await hall.request(await hall.book())
        page = (await desk.get("/office/dispatch")).text
        page = await press(desk, page, rf"/office/dispatch/{lonely}/next")
        assert "Nobody who could be sent" in page
        page = await press(desk, page, rf"/office/dispatch/{lonely}/check-marks")
        assert "0 check marks" in page
    async with visit(runtime, MORNING, person) as phone:
        page = (await phone.get("/my/referrals")).text
        assert "Accepted" in page


async def test_an_officer_approves_an_adjustment(runtime: Runtime, client: httpx.AsyncClient, people: People) -> None:
    member, officer = await people.make(), await people.make("officer")
    async with browser(runtime) as desk:
        await log_in(desk, await people.make("staff"))
        order = {
            "dues_payment_id": member.dues_ids[0],
            "adjustment_type": "hardship",
            "amount_cents": -2500,
            "reason": "<b>laid off</b>",
        }
        headers = {"Idempotency-Key": "journey-adjustment"}
        asked = await desk.post("/api/v1/dues/adjustments", json=order, headers=headers)
        page = (await desk.get("/office/adjustments")).text
        assert f"/office/adjustments/{asked.json()['id']}/approve" not in page
    await log_in(client, officer)
    page = (await client.get("/office/adjustments")).text
    assert "<b>laid off</b>" not in page
    assert "−$25.00" in page
    page = await press(client, page, rf"/office/adjustments/{asked.json()['id']}/approve")
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        due = await connection.execute(
            text("SELECT amount_due_cents FROM dues_payments WHERE id = :id"), {"id": member.dues_ids[0]}
        )
        assert due.scalar_one() == DUE_CENTS - 2500


async def test_an_instructor_takes_attendance(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("instructor"))
    training = "/api/v1/training"
    course = await client.post(
        f"{training}/courses", json={"code": "JRN-1", "name": "Journeys", "course_type": "core", "hours": 4}
    )
    meeting = {
        "course_id": course.json()["id"],
        "cohort": "J",
        "session_date": "2026-12-01",
        "start_time": "18:00",
        "end_time": "21:00",
    }
    session = (await client.post(f"{training}/sessions", json=meeting)).json()["id"]
    student = (await client.post(f"{training}/students", json={"first_name": "Ana", "last_name": "Diaz"})).json()["id"]
    enrollment = {"student_id": student, "course_id": course.json()["id"], "cohort": "J"}
    assert (await client.post(f"{training}/enrollments", json=enrollment)).status_code == 201
    page = (await client.get("/school/classes")).text
    assert f'href="/school/classes/{session}">Journeys' in page
    page = (await client.get(f"/school/classes/{session}")).text
    page = await press(client, page, rf"/school/classes/{session}", **{f"student-{student}": "late"})
    assert '<option value="late" selected>' in page
    nothing = await client.post(
        f"/school/classes/{session}", data={"csrf_token": re.findall(r'csrf_token" value="([^"]+)', page)[0]}
    )
    assert nothing.status_code == 422


async def test_an_applicant_applies(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("applicant"))
    page = (await client.get("/my/application")).text
    assert "/my/application/submit" not in page
    page = await press(client, page, "/my/application", city="Kent")
    assert 'value="Kent"' in page
    page = await press(client, page, "/my/application", city="Kent", phone="(206) 555-0100", experience="5 < 6 years")
    assert "5 &lt; 6 years" in page
    page = await press(client, page, "/my/application/submit")
    assert 'id="status">Submitted' in page
    assert "<textarea" not in page
