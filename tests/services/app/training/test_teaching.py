"""Cohorts, instructors with their hours, tools that are lent, cancelled classes, verified certificates."""

from __future__ import annotations

import asyncio
import secrets
from email import message_from_bytes, policy

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.runtime import Runtime
from ip2a.worker.kinds import KINDS
from ip2a.worker.runner import Pace, Runner
from ip2a.worker.work import Tools
from tests.services.app.conftest import People, Person, browser, log_in
from tests.services.app.post_office import Mailbox

T = "/api/v1/training"


async def made(client: httpx.AsyncClient, path: str, **order: object) -> int:
    answer = await client.post(path, json=order)
    assert answer.status_code == 201, answer.text
    identifier: int = answer.json()["id"]
    return identifier


async def course(client: httpx.AsyncClient) -> int:
    return await made(
        client, f"{T}/courses", code=secrets.token_hex(4), name="Conduit Bending", course_type="core", hours=8
    )


async def student(client: httpx.AsyncClient, **order: object) -> int:
    return await made(client, f"{T}/students", **{"first_name": "Ana", "last_name": "Diaz", **order})


async def cohort(client: httpx.AsyncClient, **order: object) -> tuple[int, str]:
    """(id, code) of a new cohort."""
    code = f"C-{secrets.token_hex(4)}"
    return await made(client, f"{T}/cohorts", code=code, name="Autumn", starts_on="2026-10-01", **order), code


async def instructor(client: httpx.AsyncClient, person: Person) -> int:
    """The record of somebody who teaches and has an account."""
    return await made(client, f"{T}/instructors", first_name="Ina", last_name="Teach", email=person.email.upper())


async def test_a_cohort_never_has_more_students_than_seats(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("staff"))
    first, second = await course(client), await course(client)
    cohort_id, code = await cohort(client, max_students=3)
    students = [await student(client) for _ in range(8)]

    async def enroll(who: int, what: int) -> httpx.Response:
        return await client.post(f"{T}/enrollments", json={"student_id": who, "course_id": what, "cohort": code})

    answers = await asyncio.gather(*(enroll(each, first) for each in students))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert {answer.json()["type"].rpartition(":")[2] for answer in answers if answer.status_code == 409} == {
        "cohort-full"
    }
    inside = [each for each, answer in zip(students, answers, strict=True) if answer.status_code == 201]
    assert (await enroll(inside[0], second)).status_code == 201, "another course takes no other seat"
    found = (await client.get(f"{T}/cohorts/{cohort_id}")).json()
    assert (found["students"], found["max_students"]) == (3, 3)
    ended = await client.patch(f"{T}/cohorts/{cohort_id}", json={"status": "completed", "version": 1})
    assert ended.status_code == 200
    late = await enroll(inside[1], second)
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (409, "cohort-over")


async def test_one_instructor_of_a_cohort_is_the_first_to_ask(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("officer"))
    cohort_id, _ = await cohort(client)
    teachers = [await instructor(client, await people.make("instructor")) for _ in range(2)]
    path = f"{T}/cohorts/{cohort_id}/instructors"
    first = await made(client, path, instructor_id=teachers[0], is_primary=True)
    for order, told in (
        ({"instructor_id": teachers[0]}, "`instructor_id` teaches this cohort already."),
        ({"instructor_id": teachers[1], "is_primary": True}, "Another instructor of this cohort has `is_primary` set."),
    ):
        refused = await client.post(path, json=order)
        assert (refused.status_code, refused.json()["detail"]) == (409, told)
    assert (await client.delete(f"{T}/cohort-instructors/{first}")).status_code == 204
    assert (await client.delete(f"{T}/cohort-instructors/{first}")).status_code == 404
    await made(client, path, instructor_id=teachers[1], is_primary=True)
    assert [item["instructor_id"] for item in (await client.get(path)).json()["items"]] == [teachers[1]]


async def test_instructors_note_their_own_hours_and_see_nobody_elses(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    ina, otto, nobody = [await people.make("instructor") for _ in range(3)]
    async with browser(runtime) as office:
        await log_in(office, await people.make("staff"))
        ids = [await instructor(office, each) for each in (ina, otto)]
        await made(office, f"{T}/instructors/{ids[1]}/hours", worked_on="2026-11-02", hours=8)
        await log_in(client, ina)
        assert (await client.get("/api/v1/my/hours")).json()["items"] == []
        own = await made(client, "/api/v1/my/hours", worked_on="2026-11-03", hours="3.5", prep_hours="0.25")
        (seen,) = (await client.get("/api/v1/my/hours")).json()["items"]
        assert (seen["id"], seen["total_hours"], seen["paid_on"]) == (own, "3.75", None)
        for order in ({"hours": 0}, {"hours": 20, "prep_hours": 5}):
            wrong = await client.post("/api/v1/my/hours", json={"worked_on": "2026-11-03", **order})
            assert (wrong.status_code, "`hours`" in wrong.json()["detail"]) == (422, True)
        assert (
            await client.post("/api/v1/my/hours", json={"worked_on": "2026-11-03", "hours": 1, "rate_cents": 1})
        ).status_code == 422, "what an hour is paid with is the office's to say"
        for path in (f"{T}/hours", f"{T}/instructors", f"{T}/instructors/{ids[0]}"):
            assert (await client.get(path)).status_code == 403
        paid = f"{T}/hours/{own}"
        assert (await office.patch(paid, json={"paid_on": "2026-11-01", "version": 1})).status_code == 422
        assert (await office.patch(paid, json={"paid_on": "2026-11-30", "version": 1})).status_code == 200
        final = await office.patch(paid, json={"hours": 8, "version": 2})
        assert (final.status_code, final.json()["detail"]) == (
            422,
            "These hours are paid and do not change any more.",
        )
        unpaid = (await office.get(f"{T}/hours", params={"paid": "false", "instructor_id": ids[0]})).json()
        assert unpaid["items"] == []
    async with browser(runtime) as stranger:
        await log_in(stranger, nobody)
        refused = await stranger.post("/api/v1/my/hours", json={"worked_on": "2026-11-03", "hours": 1})
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:ip2a:problem:no-instructor")
    async with transaction(runtime.databases.write, Identity(ina.user_id, resources=frozenset({"cohorts"}))) as mine:
        seen_by_id = (await mine.execute(text("SELECT instructor_id FROM instructor_hours"))).scalars()
        assert set(seen_by_id) == {ids[0]}, "row-level security alone keeps the others'"


async def test_a_tool_is_lent_once_and_comes_back_once(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    member, other = await people.make(months=0), await people.make(months=0)
    serial = secrets.token_hex(6)
    async with browser(runtime) as school:
        await log_in(school, await people.make("instructor"))
        own = await student(school, member_id=member.member_id)
        another = await student(school, member_id=other.member_id)
        order = {"tool_name": "Bender", "serial_number": serial, "issued_on": "2026-11-02"}
        answers = await asyncio.gather(
            *(school.post(f"{T}/students/{each}/tools", json=order) for each in (own, another) * 4)
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
        (loan,) = [answer.json() for answer in answers if answer.status_code == 201]
        path = f"{T}/tools/{loan['id']}"
        half = await school.patch(path, json={"returned_on": "2026-11-20", "version": 1})
        assert (half.status_code, half.json()["detail"]) == (
            422,
            "`returned_on` and `return_condition` go together.",
        )
        out = (await school.get(f"{T}/tools", params={"out": "true"})).json()["items"]
        assert loan["id"] in {item["id"] for item in out}
        back = {"returned_on": "2026-11-20", "return_condition": "damaged", "version": 1}
        assert (await school.patch(path, json=back)).status_code == 200
        again = await school.post(f"{T}/students/{another}/tools", json=order)
        assert again.status_code == 201, "what is back is lent again"
        mine = loan["student_id"] == own
    await log_in(client, member)
    seen = [item["id"] for item in (await client.get("/api/v1/my/tools")).json()["items"]]
    assert seen == ([loan["id"]] if mine else []), "the other one's are not shown"


async def test_a_cancelled_class_is_told_to_its_students_and_its_instructor(
    runtime: Runtime, client: httpx.AsyncClient, people: People, tools: Tools, smtp: tuple[Mailbox, int]
) -> None:
    member, teacher, outsider = await people.make(months=0), await people.make("instructor"), await people.make()
    async with browser(runtime) as office:
        await log_in(office, await people.make("staff"))
        teacher_id = await instructor(office, teacher)
    await log_in(client, teacher)
    course_id, code = await course(client), f"C-{secrets.token_hex(4)}"
    meeting = {
        "course_id": course_id,
        "cohort": code,
        "session_date": "2026-12-01",
        "start_time": "18:00",
        "end_time": "21:00",
        "instructor_id": teacher_id,
    }
    session = await made(client, f"{T}/sessions", **meeting)
    held = await made(client, f"{T}/sessions", **meeting)
    without = await client.post(f"{T}/sessions", json={**meeting, "instructor_id": 2**31 - 1})
    assert (without.status_code, "`instructor_id`" in without.json()["detail"]) == (422, True)
    mine = (await client.get(f"{T}/sessions", params={"mine": "true"})).json()["items"]
    assert [item["id"] for item in mine] == [held, session]
    enrolled = await student(client, member_id=member.member_id)
    await student(client, member_id=outsider.member_id)
    await made(client, f"{T}/enrollments", student_id=enrolled, course_id=course_id, cohort=code)
    mark = {"marks": [{"student_id": enrolled, "status": "present"}]}
    assert (await client.put(f"{T}/sessions/{held}/attendance", json=mark)).status_code == 200
    over = await client.post(f"{T}/sessions/{held}/cancellation", json={"reason": "Too late."})
    assert (over.status_code, over.json()["detail"]) == (409, "Attendance was taken: the class was held.")
    path = f"{T}/sessions/{session}/cancellation"
    assert (await client.post(path, json={"reason": "a\r\nBcc: b"})).status_code == 422
    answers = await asyncio.gather(*(client.post(path, json={"reason": "No power."}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    late = await client.put(f"{T}/sessions/{session}/attendance", json=mark)
    assert (late.status_code, late.json()["detail"]) == (409, "The class is cancelled.")
    box, worker = smtp[0], Runner(tools, KINDS, Pace(), "here")
    await worker.run_once()
    await worker.run_once()
    assert sorted(to for to, _ in box.mails) == sorted([member.email, teacher.email])
    mail = message_from_bytes(dict(box.mails)[member.email], policy=policy.default)
    assert mail["Subject"] == "No class on December 1: Conduit Bending"
    assert "on Tuesday, December 1, 2026 at 18:00 is cancelled: No power." in mail.get_content()


async def test_who_verified_a_certificate_and_when_is_kept(client: httpx.AsyncClient, people: People) -> None:
    teacher = await people.make("instructor")
    await log_in(client, teacher)
    order = {"certification_type": "cpr", "issued_on": "2026-11-01"}
    certificate = await made(client, f"{T}/students/{await student(client)}/certifications", **order)
    path = f"{T}/certifications/{certificate}"
    answers = await asyncio.gather(*(client.post(f"{path}/verification") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 4
    (verified,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert verified["verified_by"] == f"Test {teacher.email.partition('@')[0]}"
    assert verified["verified_at"] is not None
    renewed = (await client.post(f"{path}/renewal", json={"issued_on": "2026-11-02"})).json()
    assert renewed["verified_by"] is None, "a renewed one is another paper"
    assert (await client.post(f"{T}/certifications/{2**31 - 1}/verification")).status_code == 404


async def test_paid_hours_are_final_whoever_writes(runtime: Runtime, people: People) -> None:
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        email = (await people.make("instructor")).email
        made_id = (
            await connection.execute(
                text(
                    "WITH i AS (INSERT INTO instructors (first_name, last_name, email) VALUES ('A', 'B', :email)"
                    " RETURNING id) INSERT INTO instructor_hours (instructor_id, worked_on, hours, paid_on)"
                    " SELECT id, '2026-01-02', 1, '2026-02-01' FROM i RETURNING id"
                ),
                {"email": email},
            )
        ).scalar_one()
    with pytest.raises(IntegrityError, match="hours that are paid do not change"):
        async with transaction(runtime.databases.write, SYSTEM) as connection:
            await connection.execute(text("UPDATE instructor_hours SET hours = 2 WHERE id = :id"), {"id": made_id})
