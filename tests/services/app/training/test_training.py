"""An applicant becomes a student; an instructor teaches; nobody sees what is another's."""

import asyncio
import secrets

import httpx
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, browser, log_in

T, MINE = "/api/v1/training", "/api/v1/my/application"


async def course(client: httpx.AsyncClient, students: int) -> tuple[int, int, list[int], list[int]]:
    """A course with one meeting: (course, session, students, enrollments)."""
    code = secrets.token_hex(4)
    order = {"code": code, "name": "Safety", "course_type": "core", "hours": 40}
    made = (await client.post(f"{T}/courses", json=order)).json()["id"]
    assert (await client.post(f"{T}/courses", json=order)).status_code == 409
    meeting = {
        "course_id": made,
        "cohort": "26-A",
        "session_date": "2026-12-01",
        "start_time": "18:00",
        "end_time": "21:00",
    }
    session = (await client.post(f"{T}/sessions", json=meeting)).json()["id"]
    assert (await client.post(f"{T}/sessions", json={**meeting, "end_time": "18:00"})).status_code == 422
    people, enrollments = [], []
    for number in range(students):
        answer = await client.post(f"{T}/students", json={"first_name": "Ana", "last_name": f"Diaz {number}"})
        people.append(answer.json()["id"])
        wanted = {"student_id": people[-1], "course_id": made, "cohort": "26-A"}
        enrollments.append((await client.post(f"{T}/enrollments", json=wanted)).json()["id"])
    return made, session, people, enrollments


async def test_an_instructor_takes_attendance_and_grades(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("instructor"))
    course_id, session, students, enrollments = await course(client, 5)
    marks = [{"student_id": student, "status": "present"} for student in students]
    path = f"{T}/sessions/{session}/attendance"
    answers = await asyncio.gather(*(client.put(path, json={"marks": marks}) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert [item["status"] for item in answers[0].json()] == ["present"] * 5
    late = await client.put(path, json={"marks": [{"student_id": students[0], "status": "absent"}]})
    assert [item["status"] for item in late.json()] == ["absent", *["present"] * 4]
    stranger = (await client.post(f"{T}/students", json={"first_name": "X", "last_name": "Y"})).json()["id"]
    for wrong in ([*marks, {"student_id": stranger, "status": "late"}], [marks[0], marks[0]]):
        assert (await client.put(path, json={"marks": wrong})).status_code == 422
    roster = (await client.get(f"{T}/sessions/{session}/roster")).json()
    assert [item["status"] for item in roster] == ["absent", *["present"] * 4], "nothing half-written"
    assert (await client.get(f"{T}/students/{students[0]}")).json()["attendance_rate"] == 0.0
    again = {"student_id": students[0], "course_id": course_id, "cohort": "26-A"}
    assert (await client.post(f"{T}/enrollments", json=again)).status_code == 409
    grades = f"{T}/enrollments/{enrollments[0]}/grades"
    work = {"grade_type": "exam", "name": "Final", "points_earned": 89, "points_possible": 100}
    assert (await client.post(grades, json={**work, "points_earned": 101})).status_code == 422
    assert (await client.post(f"{T}/enrollments/{enrollments[0]}/finish")).status_code == 409
    await client.post(grades, json=work)
    done = await asyncio.gather(*(client.post(f"{T}/enrollments/{enrollments[0]}/finish") for _ in range(5)))
    assert sorted(answer.status_code for answer in done) == [200, 409, 409, 409, 409]
    (final,) = [answer.json() for answer in done if answer.status_code == 200]
    assert (final["status"], final["final_percent"], final["letter_grade"]) == ("completed", "89.00", "B")
    assert (await client.post(grades, json=work)).status_code == 409


async def test_student_numbers_are_unique_under_concurrency(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("staff"))
    member = await people.make(months=0)
    order = {"first_name": "A", "last_name": "B"}
    answers = await asyncio.gather(*(client.post(f"{T}/students", json=order) for _ in range(20)))
    assert len({answer.json()["student_number"] for answer in answers}) == 20
    order_of_member = {**order, "member_id": member.member_id}
    twice = await asyncio.gather(*(client.post(f"{T}/students", json=order_of_member) for _ in range(10)))
    assert sorted(answer.status_code for answer in twice) == [201] + [409] * 9


async def test_an_applicant_applies_and_is_accepted(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    person, other, office = await people.make("applicant"), await people.make("applicant"), await people.make("staff")
    await log_in(client, person)
    assert (await client.get(MINE)).status_code == 404
    begun = await asyncio.gather(*(client.post(MINE, json={"city": "Kent"}) for _ in range(10)))
    assert sorted(answer.status_code for answer in begun) == [201] + [409] * 9
    assert (await client.post(f"{MINE}/submit")).status_code == 422
    assert (await client.put(MINE, json={"phone": "(206) 555-0100"})).json()["city"] is None
    submitted = (await client.post(f"{MINE}/submit")).json()
    assert submitted["status"] == "submitted"
    assert (await client.put(MINE, json={"phone": "1"})).status_code == 422
    assert (await client.put(MINE, json={"phone": "(206) 555-0101"})).status_code == 409
    async with browser(runtime) as stranger:
        await log_in(stranger, other)
        assert (await stranger.get(MINE)).status_code == 404
        assert (await stranger.get("/api/v1/applications")).status_code == 403
    async with browser(runtime) as desk:
        await log_in(desk, office)
        steps = f"/api/v1/applications/{submitted['id']}/steps"
        listed = (await desk.get("/api/v1/applications", params={"status": "submitted"})).json()["items"]
        assert submitted["id"] in {item["id"] for item in listed}
        assert (await desk.post(steps, json={"status": "accepted"})).status_code == 409
        await desk.post(steps, json={"status": "under_review"})
        assert (await desk.post(steps, json={"status": "interview_scheduled"})).status_code == 422
        await desk.post(steps, json={"status": "interview_scheduled", "interview_on": "2026-12-10"})
        await desk.post(steps, json={"status": "interviewed", "score": "88.5"})
        answers = await asyncio.gather(*(desk.post(steps, json={"status": "accepted"}) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    assert (await client.get(MINE)).json()["status"] == "accepted"
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        made = await connection.execute(
            text("SELECT status, first_name FROM students WHERE user_id = :id"), {"id": person.user_id}
        )
        assert [tuple(row) for row in made] == [("enrolled", "Test")]


async def test_students_see_their_own_certificates_and_grades_only(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    member, other = await people.make(months=0), await people.make(months=0)
    async with browser(runtime) as school:
        await log_in(school, await people.make("instructor"))
        for person in (member, other):
            order = {"first_name": "A", "last_name": "B", "member_id": person.member_id}
            student = (await school.post(f"{T}/students", json=order)).json()["id"]
            certificate = {"certification_type": "osha_10", "issued_on": "2026-11-01", "expires_on": "2031-11-01"}
            path = f"{T}/students/{student}/certifications"
            assert (await school.post(path, json=certificate)).status_code == 201
            assert (await school.post(path, json={**certificate, "expires_on": "2026-10-31"})).status_code == 422
    await log_in(client, member)
    (own,) = (await client.get("/api/v1/my/certifications")).json()["items"]
    assert own["certification_type"] == "osha_10"
    assert (await client.get(f"{T}/students")).status_code == 403
    async with transaction(runtime.databases.write, Identity(member.user_id, member.member_id)) as connection:
        for table in ("students", "certifications"):
            seen = await connection.execute(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
            assert seen.scalar_one() == 1
        forged = await connection.execute(text("UPDATE certifications SET expires_on = NULL"))
        assert forged.rowcount == 0
