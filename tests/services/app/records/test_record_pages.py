"""Pages of plain records without JavaScript: found, made, changed, refused by the field, never overwritten unseen."""

import re
import secrets

import httpx
import pytest
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, browser, log_in
from tests.services.app.test_pages import field


async def form(client: httpx.AsyncClient, path: str) -> dict[str, str]:
    """The hidden fields of the form on a page."""
    page = (await client.get(path)).text
    names = re.findall(r'type="hidden" name="(\w+)"', page)
    return {name: field(page, name) for name in names}


def typed(page: str, name: str) -> str:
    """What stands in a field of the page."""
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', page) or re.search(
        rf'name="{name}"[^>]*>([^<]*)</textarea>', page
    )
    assert found, name
    return found[1]


def said(page: str, name: str) -> str:
    """What is said to be wrong with a field, where the field points to it."""
    assert re.search(rf'name="{name}"[^>]*aria-invalid="true"[^>]*aria-describedby="[^"]*{name}-wrong', page), name
    found = re.search(rf'id="[\w-]*{name}-wrong">([^<]*)<', page)
    assert found, name
    return found[1]


async def organization(client: httpx.AsyncClient, name: str) -> int:
    made = await client.post("/api/v1/organizations", json={"name": name, "org_type": "employer", "city": "Kent"})
    identifier: int = made.json()["id"]
    return identifier


async def test_an_organization_is_found_made_and_changed_without_overwriting(runtime: Runtime, people: People) -> None:
    unique = secrets.token_hex(4)
    async with browser(runtime) as officer, browser(runtime) as clerk:
        await log_in(officer, await people.make("officer"))
        await log_in(clerk, await people.make("staff"))
        hidden = await form(officer, "/office/organizations/new")
        order = {**hidden, "name": f"Tidewater {unique}", "org_type": "employer", "zip_code": "980", "city": "Kent"}
        wrong = await officer.post("/office/organizations", data=order)
        assert (wrong.status_code, said(wrong.text, "zip_code")[:11]) == (422, "Five digits")
        assert typed(wrong.text, "name") == f"Tidewater {unique}", "what was typed is kept"
        made = await officer.post("/office/organizations", data={**order, "zip_code": "98032"})
        assert made.status_code == 303, made.text
        path = made.headers["location"].partition("?")[0]
        assert "It is saved." in (await officer.get(made.headers["location"])).text
        found = (
            await clerk.get("/office/organizations", params={"search": f"tide {unique[:6]}", "only": "employer"})
        ).text
        assert f'href="{path}">Tidewater {unique}' in found
        assert "Nothing found" in (await clerk.get("/office/organizations", params={"search": f"ewater {unique}"})).text
        assert "/office/organizations/new" not in found, "staff may not make one"
        both = {name: await form(client, f"{path}/edit") for name, client in (("officer", officer), ("clerk", clerk))}
        same = {"name": f"Tidewater {unique}", "org_type": "employer", "zip_code": "98032"}
        first = await officer.post(path, data={**both["officer"], **same, "city": "Renton"})
        assert first.headers["location"].endswith("said=saved")
        late = await clerk.post(path, data={**both["clerk"], **same, "city": "Auburn"})
        assert late.status_code == 409
        assert "Stored now: Renton" in late.text
        assert typed(late.text, "city") == "Auburn"
        again = {"csrf_token": field(late.text, "csrf_token"), "version": field(late.text, "version")}
        assert (await clerk.post(path, data={**again, **same, "city": "Auburn"})).status_code == 303
        assert ">Auburn 98032<" in (await clerk.get(path)).text.replace("  ", " ")
        contact = {"csrf_token": again["csrf_token"], "first_name": "Ana", "last_name": "Diaz", "is_primary": "True"}
        assert (await clerk.post(f"{path}/contacts", data=contact)).status_code == 303
        second = await clerk.post(f"{path}/contacts", data=contact)
        assert (second.status_code, "<details open>" in second.text) == (409, True)
        assert said(second.text, "is_primary") == "Another contact of this organization has “The first to ask” set."
        edit = re.search(r'href="(/office/contacts/\d+)/edit"', (await clerk.get(path)).text)
        assert edit
        hidden = await form(clerk, f"{edit[1]}/edit")
        gone = await clerk.post(edit[1], data={**hidden, "first_name": "", "last_name": "Diaz"})
        assert said(gone.text, "first_name") == "This is needed."
        saved = await clerk.post(edit[1], data={**hidden, "first_name": "Anna", "last_name": "Diaz"})
        page = (await clerk.get(saved.headers["location"])).text
        assert "Anna Diaz" in page


async def test_a_list_is_read_page_by_page(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("officer"))
    unique = f"Q{secrets.token_hex(5)}"
    for number in range(52):
        await organization(client, f"{unique} {number:02}")
    first = (await client.get("/office/organizations", params={"search": unique})).text
    assert (f"{unique} 00" in first, f"{unique} 49" in first, f"{unique} 50" in first) == (True, True, False)
    more = re.search(r'href="([^"]*)">More<', first)
    assert more
    rest = (await client.get(more[1].replace("&amp;", "&"))).text
    assert (f"{unique} 49" in rest, f"{unique} 50" in rest, ">More<" in rest) == (False, True, False)


async def test_a_grievance_is_filed_for_a_member_found_by_name(runtime: Runtime, people: People) -> None:
    one = await people.make()
    async with browser(runtime) as office:
        await log_in(office, await people.make("staff"))
        async with browser(runtime) as officer:
            await log_in(officer, await people.make("officer"))
            name = f"Harbor {secrets.token_hex(4)}"
            employer = await organization(officer, name)
            await organization(officer, f"{name} South")
        hidden = await form(office, "/office/grievances/new")
        about = {"filed_on": "2026-11-02", "violation": "Overtime was not paid.", "status": "open"}
        wrong = await office.post(
            "/office/grievances",
            data={**hidden, **about, "member_id": "Zzyzx", "employer_id": name[:12], "incident_on": "2026-11-03"},
        )
        assert said(wrong.text, "member_id") == "No member’s name or number begins like that."
        assert said(wrong.text, "employer_id") == "Several begin like that: choose one."
        assert f'<option value="#{employer}">{name}, Kent</option>' in wrong.text
        assert "settlement_cents" not in wrong.text, "settling is for officers"
        assert 'value="settled"' not in wrong.text
        person = one.email.partition("@")[0]  # is the last name too
        chosen = {**hidden, **about, "member_id": person, "employer_id": f"#{employer}"}
        late = await office.post("/office/grievances", data={**chosen, "incident_on": "2026-11-03"})
        assert said(late.text, "incident_on") == "“Happened on” is after “Filed on”."
        assert f'<option value="#{employer}" selected>' in late.text, "the choice is kept"
        made = await office.post("/office/grievances", data=chosen)
        assert made.status_code == 303, made.text
        path = made.headers["location"].partition("?")[0]
        page = (await office.get(path)).text
        number = re.search(r"<h1>Grievance (G-2026-\d+)</h1>", page)
        assert number
        for search in (number[1], number[1].lower(), person, name):
            assert f'href="{path}"' in (await office.get("/office/grievances", params={"search": search})).text, search
        forged = await office.post(path, data={**await form(office, f"{path}/edit"), **about, "status": "settled"})
        assert forged.status_code == 422, "a field is missing"
        stored = {"employer_id": name, "violation": about["violation"], "current_step": "step_1"}
        forged = await office.post(path, data={**await form(office, f"{path}/edit"), **stored, "status": "settled"})
        assert forged.status_code == 403
    async with browser(runtime) as phone:
        await log_in(phone, one)
        mine = (await phone.get("/my/grievances")).text
        assert number[1] in mine
        assert (await phone.get(path)).status_code == 403
    async with browser(runtime) as phone:
        await log_in(phone, await people.make())
        assert "You have no grievance." in (await phone.get("/my/grievances")).text


@pytest.mark.parametrize(
    ("role", "tabs"),
    [
        ("officer", ["Organizations", "Grievances", "Benevolence", "Organizing", "Grants"]),
        ("staff", ["Organizations", "Grievances", "Benevolence", "Grants"]),
        ("organizer", ["Organizations", "Organizing"]),
    ],
)
async def test_one_is_offered_what_one_may_see(
    client: httpx.AsyncClient, people: People, role: str, tabs: list[str]
) -> None:
    await log_in(client, await people.make(role))
    page = (await client.get("/office/organizations")).text
    section = re.search(r'<nav class="tabs".*?</nav>', page, re.DOTALL)
    assert section
    assert re.findall(r">(\w+)</a>", section[0]) == tabs


async def test_staff_reads_help_and_officers_decide(runtime: Runtime, people: People) -> None:
    one = await people.make()
    async with browser(runtime) as desk, browser(runtime) as officer:
        await log_in(desk, await people.make("staff"))
        await log_in(officer, await people.make("officer"))
        hidden = await form(desk, f"/office/benevolence/new?member_id={one.member_id}")
        page = (await desk.get(f"/office/benevolence/new?member_id={one.member_id}")).text
        assert f'<option value="#{one.member_id}" selected>' in page, "prefilled"
        order = {**hidden, "member_id": f"#{one.member_id}", "applied_on": "2026-11-02", "reason": "medical"}
        order |= {"description": "Surgery.", "amount_requested_cents": "1,250.50", "status": "submitted"}
        path = (await desk.post("/office/benevolence", data=order)).headers["location"].partition("?")[0]
        page = (await desk.get(path)).text
        assert "$1,250.50" in page
        assert f"{path}/edit" not in page
        assert f"{path}/reviews" not in page
        page = (await officer.get(path)).text
        assert f"{path}/edit" in page
        review = {"csrf_token": field(page, "csrf_token"), "level": "vp", "decision": "approved"}
        review |= {"reviewed_on": "2026-11-03"}
        assert (await officer.post(f"{path}/reviews", data=review)).status_code == 303
        decided = {**await form(officer, f"{path}/edit"), "reason": "medical", "description": "Surgery."}
        decided |= {"amount_requested_cents": "1250.50", "status": "approved", "approved_cents": ""}
        early = await officer.post(path, data={**decided, "approved_cents": "1000"})
        assert said(early.text, "status") == "“Status”: 1 more level has to approve first, each by somebody else."
        async with browser(runtime) as second:
            await log_in(second, await people.make("officer"))
            await second.post(f"{path}/reviews", data={**review, **await form(second, path), "level": "admin"})
        assert (await officer.post(path, data={**decided, "approved_cents": "1000"})).status_code == 303
        page = (await officer.get(path)).text
        assert ("$1,000.00" in page, 'class="badge approved"' in page) == (True, True)


async def test_certificates_are_noted_renewed_and_revoked(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    await log_in(client, await people.make("instructor"))
    member = await people.make()
    name = f"Zo{secrets.token_hex(4)}"
    made = await client.post("/api/v1/training/students", json={"first_name": "Ana", "last_name": name})
    student = f"/school/students/{made.json()['id']}"
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text("UPDATE students SET member_id = :member WHERE id = :id"),
            {"member": member.member_id, "id": made.json()["id"]},
        )
    page = (await client.get(student)).text
    order = {"csrf_token": field(page, "csrf_token"), "certification_type": "other", "issued_on": "2025-01-01"}
    nameless = await client.post(f"{student}/certificates", data=order)
    assert nameless.status_code == 422
    assert said(nameless.text, "custom_name").endswith("is needed for a certificate of the type other.")
    today = runtime.now().date().isoformat()
    soon = {**order, "custom_name": "Crane signals", "expires_on": today}
    assert (await client.post(f"{student}/certificates", data=soon)).status_code == 303
    expiring = (await client.get("/school/certificates", params={"search": name, "only": "expiring"})).text
    link = re.search(r'href="(/school/certificates/\d+)">', expiring)
    assert link
    assert "Crane signals" in expiring
    renewal = {"csrf_token": order["csrf_token"], "issued_on": today}
    early = await client.post(f"{link[1]}/renewals", data={**renewal, "expires_on": "2020-01-01"})
    assert said(early.text, "expires_on") == "“Expires on” must not be before “Issued on”."
    assert (await client.post(f"{link[1]}/renewals", data=renewal)).status_code == 303
    assert (await client.post(f"{link[1]}/renewals", data=renewal)).status_code == 409
    states = {
        only: f"{name}, Ana" in (await client.get("/school/certificates", params={"search": name, "only": only})).text
        for only in ("active", "expiring", "renewed", "revoked")
    }
    assert states == {"active": True, "expiring": False, "renewed": True, "revoked": False}
    page = (await client.get("/school/certificates", params={"search": name, "only": "active"})).text
    newest = re.search(r'href="(/school/certificates/\d+)">', page)
    assert newest
    assert (await client.post(f"{newest[1]}/revocation", data={"csrf_token": order["csrf_token"]})).status_code == 303
    assert (await client.post(f"{newest[1]}/renewals", data=renewal)).status_code == 409
    async with browser(runtime) as phone:
        await log_in(phone, member)
        mine = (await phone.get("/my/certifications")).text
        assert ('class="badge revoked"' in mine, 'class="badge renewed"' in mine) == (True, True)


async def test_a_student_is_enrolled_graded_and_finished(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("instructor"))
    code = secrets.token_hex(4)
    token = (await form(client, "/school/courses/new"))["csrf_token"]
    course = {"csrf_token": token, "code": code, "name": "Conduit", "course_type": "core", "hours": "many"}
    wrong = await client.post("/school/courses", data={**course, "passing_percent": "70"})
    assert said(wrong.text, "hours") == "A whole number."
    course |= {"hours": "40", "passing_percent": "70"}
    assert (await client.post("/school/courses", data=course)).headers["location"] == "/school/courses"
    student = {"csrf_token": token, "first_name": "Ana", "last_name": "Diaz"}
    path = (await client.post("/school/students", data=student)).headers["location"].partition("?")[0]
    enroll = {"csrf_token": token, "course_id": "no such code", "cohort": "26-A"}
    wrong = await client.post(f"{path}/enrollments", data=enroll)
    assert said(wrong.text, "course_id") == "There is no course with this code."
    assert (await client.post(f"{path}/enrollments", data={**enroll, "course_id": code.upper()})).status_code == 303
    meeting = {"csrf_token": token, "course_id": code, "cohort": "26-A", "session_date": "2026-12-01"}
    meeting |= {"start_time": "18:00", "end_time": "17:00"}
    wrong = await client.post("/school/classes", data=meeting)
    assert said(wrong.text, "end_time") == "“To” must be later than “From”."
    planned = await client.post("/school/classes", data={**meeting, "end_time": "21:00"})
    assert "Diaz, Ana" in (await client.get(planned.headers["location"])).text
    link = re.search(r'href="(/school/enrollments/\d+)"', (await client.get(path)).text)
    assert link
    work = {"csrf_token": token, "name": "Quiz", "grade_type": "quiz", "points_earned": "11", "points_possible": "10"}
    wrong = await client.post(f"{link[1]}/grades", data=work)
    assert said(wrong.text, "points_earned") == "“Points” must not exceed “Of how many”."
    assert (await client.post(f"{link[1]}/grades", data={**work, "points_earned": "9"})).status_code == 303
    assert (await client.post(f"{link[1]}/finish", data={"csrf_token": token})).status_code == 303
    page = (await client.get(link[1])).text
    assert ("<dd>A</dd>" in page, f"{link[1]}/finish" in page) == (True, False)


@pytest.mark.parametrize("path", ["/office/grievances", "/office/organizing", "/office/benevolence", "/office/grants"])
async def test_whatever_is_typed_into_a_search_is_answered(
    client: httpx.AsyncClient, people: People, path: str
) -> None:
    await log_in(client, await people.make("officer"))
    for search in ("'", "\\", "!", "&|", "a:*", "%", "_", "-- ", "ß", "O'Brien"):
        found = await client.get(path, params={"search": search})
        assert found.status_code == 200, search


async def test_a_grant_knows_who_takes_part(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("officer"))
    order = {"grant_number": secrets.token_hex(4), "name": "G", "total_cents": 1000, "starts_on": "2026-01-01"}
    order |= {"target_enrollment": 40}
    path = f"/office/grants/{(await client.post('/api/v1/grants', json=order)).json()['id']}"
    name = f"Zo{secrets.token_hex(4)}"
    for first in ("Ana", "Ben", "Cy", "Di"):
        await client.post("/api/v1/training/students", json={"first_name": first, "last_name": name})
    token = field((await client.get(path)).text, "csrf_token")
    for first in ("Ana", "Ben", "Cy", "Di"):
        taking_part = {"csrf_token": token, "student_id": f"{name} {first}", "enrolled_on": "2026-02-01"}
        added = await client.post(f"{path}/enrollments", data={**taking_part, "status": "enrolled"})
        assert added.status_code == 303, added.text
    twice = await client.post(f"{path}/enrollments", data=taking_part)
    assert (twice.status_code, said(twice.text, "student_id")) == (409, "“Student” takes part in this grant already.")
    edits = re.findall(r'href="(/office/grant-enrollments/\d+)/edit"', (await client.get(path)).text)
    for edit, status in zip(edits, ("completed", "dropped", "withdrawn", "active"), strict=True):
        change = {**await form(client, f"{edit}/edit"), "enrolled_on": "2026-02-01", "status": status}
        if status == "completed":
            change |= {"completed_on": "2026-01-01", "placed_on": "2026-06-01", "placement_employer": "Harbor"}
            early = await client.post(edit, data=change)
            assert said(early.text, "completed_on") == "“Completed on” is before “Enrolled on”."
            change["completed_on"] = "2026-05-01"
        assert (await client.post(edit, data=change)).status_code == 303
    page = (await client.get(path)).text
    assert re.findall(r"<dt>(Enrolled|Completed|Placed|Stayed)</dt><dd>([^<]*)</dd>", page) == [
        ("Enrolled", "4 of 40"),
        ("Completed", "1"),
        ("Placed", "1"),
        ("Stayed", "50%"),
    ]


async def test_a_student_leaves_and_does_not_return_once_dismissed(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("instructor"))
    made = (await client.post("/api/v1/training/students", json={"first_name": "Ana", "last_name": "Diaz"})).json()
    path = f"/school/students/{made['id']}"
    record = {"first_name": "Ana", "last_name": "Diaz"}
    gone = await client.post(path, data={**await form(client, f"{path}/edit"), **record, "status": "dismissed"})
    assert gone.status_code == 303
    back = await client.post(path, data={**await form(client, f"{path}/edit"), **record, "status": "enrolled"})
    assert (back.status_code, said(back.text, "status")) == (
        409,
        "“Status” cannot change from dismissed to enrolled.",
    )


async def test_a_job_is_ended_and_a_note_changed_by_its_author(runtime: Runtime, people: People) -> None:
    member = await people.make()
    page_of = f"/office/members/{member.member_id}"
    async with browser(runtime) as desk, browser(runtime) as officer:
        await log_in(desk, await people.make("staff"))
        await log_in(officer, await people.make("officer"))
        name = f"Summit {secrets.token_hex(4)}"
        await organization(officer, name)
        hidden = await form(desk, f"/office/employments/new?member_id={member.member_id}")
        job = {**hidden, "member_id": f"#{member.member_id}", "organization_id": name, "start_date": "2026-01-05"}
        early = await desk.post("/office/employments", data={**job, "end_date": "2026-01-01"})
        assert said(early.text, "end_date") == "“To” is before “From”."
        assert (await desk.post("/office/employments", data=job)).headers["location"] == f"{page_of}?said=saved"
        link = re.search(r'href="(/office/employments/\d+)/edit"', (await desk.get(page_of)).text)
        assert link
        ended = {**await form(desk, f"{link[1]}/edit"), "start_date": "2026-01-05", "end_date": "2026-06-01"}
        assert (await desk.post(link[1], data=ended)).status_code == 303
        assert "Jun 1, 2026" in (await desk.get(page_of)).text
        note = {"csrf_token": hidden["csrf_token"], "body": "Called.", "visibility": "all_authorized"}
        for number in range(12):
            await desk.post(f"{page_of}/notes", data={**note, "body": f"Called {number:02}."})
        page = (await desk.get(page_of)).text
        assert ("Called 11." in page, "Called 01." in page) == (True, False)
        earlier = re.search(r'href="([^"]*)">Earlier notes<', page)
        assert earlier
        assert "Called 01." in (await desk.get(earlier[1].replace("&amp;", "&"))).text
        link = re.search(r'href="(/office/notes/\d+)/edit"', page)
        assert link
        assert "/office/notes/" not in (await officer.get(page_of)).text, "only the author's to change"
        assert (await officer.get(f"{link[1]}/edit")).status_code == 403
        change = {**await form(desk, f"{link[1]}/edit"), "body": "Called twice.", "visibility": "all_authorized"}
        assert (await desk.post(link[1], data={**change, "category": "contact"})).status_code == 303
        assert "Called twice." in (await officer.get(page_of)).text
