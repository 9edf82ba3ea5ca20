"""Help in need: members apply for themselves, officers review at their levels, and nobody approves too early."""

import asyncio
import re

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, Person, browser, log_in
from tests.services.app.test_pages import field

API = "/api/v1"
MINE = f"{API}/my/benevolence"
ORDER = {"reason": "medical", "description": "Surgery.", "amount_requested_cents": 250_000}


async def test_a_member_applies_changes_a_draft_and_takes_it_back(runtime: Runtime, people: People) -> None:
    one, other = await people.make(), await people.make()
    async with browser(runtime) as phone:
        await log_in(phone, one)
        draft = (await phone.post(MINE, json={**ORDER, "status": "draft"})).json()
        assert (draft["status"], draft["member_id"], draft["approved_cents"]) == ("draft", one.member_id, None)
        path = f"{MINE}/{draft['id']}"
        changed = await phone.patch(path, json={"amount_requested_cents": 40_000, "version": 1})
        assert (changed.json()["amount_requested_cents"], changed.json()["version"]) == (40_000, 2)
        assert (await phone.patch(path, json={"reason": "other", "version": 1})).status_code == 409
        assert (await phone.patch(path, json={"status": "submitted", "version": 2})).json()["status"] == "submitted"
        late = await phone.patch(path, json={"reason": "other", "version": 3})
        assert (late.status_code, late.json()["type"]) == (409, "urn:ip2a:problem:handed-in")
        for wrong in ({"approved_cents": 1}, {"member_id": other.member_id}, {"status": "approved"}, {"paid_on": None}):
            assert (await phone.post(MINE, json={**ORDER, **wrong})).status_code == 422, wrong
            assert (await phone.patch(path, json={"version": 3, **wrong})).status_code == 422, wrong
        assert (await phone.post(f"{path}/withdraw")).json()["status"] == "withdrawn"
        again = await phone.post(f"{path}/withdraw")
        assert (again.status_code, again.json()["type"]) == (409, "urn:ip2a:problem:not-open")
        assert [item["id"] for item in (await phone.get(MINE)).json()["items"]] == [draft["id"]]
    async with browser(runtime) as phone:
        await log_in(phone, other)
        assert (await phone.get(MINE)).json()["items"] == []
        assert (await phone.patch(path, json={"reason": "other", "version": 4})).status_code == 404
        assert (await phone.post(f"{path}/withdraw")).status_code == 404


async def stolen(runtime: Runtime, person: Person, statement: str, **values: object) -> int:
    async with transaction(runtime.databases.write, Identity(person.user_id, person.member_id)) as connection:
        return (await connection.execute(text(statement), values)).rowcount


async def test_the_database_lets_members_at_their_own_undecided_rows_only(runtime: Runtime, people: People) -> None:
    one, other = await people.make(), await people.make()
    insert = (
        "INSERT INTO benevolence_applications (member_id, applied_on, reason, description, amount_requested_cents,"
        " status, approved_cents) VALUES (:member, current_date, 'medical', 'x', 100, :status, :approved)"
    )
    assert await stolen(runtime, one, insert, member=one.member_id, status="submitted", approved=None) == 1
    for wrong in (
        {"member": other.member_id, "status": "submitted", "approved": None},
        {"member": one.member_id, "status": "approved", "approved": 100},
        {"member": one.member_id, "status": "submitted", "approved": 100},
    ):
        with pytest.raises(DBAPIError, match="row-level security"):
            await stolen(runtime, one, insert, **wrong)
    with pytest.raises(DBAPIError, match="row-level security"):
        await stolen(runtime, one, "UPDATE benevolence_applications SET status = 'approved', approved_cents = 100")
    assert await stolen(runtime, other, "UPDATE benevolence_applications SET reason = 'other'") == 0
    assert await stolen(runtime, one, "UPDATE benevolence_applications SET status = 'withdrawn'") == 1
    assert await stolen(runtime, one, "UPDATE benevolence_applications SET status = 'submitted'") == 0
    async with transaction(runtime.databases.write, Identity(other.user_id, other.member_id)) as connection:
        counted = await connection.execute(text("SELECT count(*) FROM benevolence_applications"))
        assert counted.scalar_one() == 0


async def applied(runtime: Runtime, person: Person, cents: int) -> str:
    """The office's path of an application of this member."""
    async with browser(runtime) as phone:
        await log_in(phone, person)
        made = await phone.post(MINE, json={**ORDER, "amount_requested_cents": cents})
    return f"{API}/benevolence/{made.json()['id']}"


async def review(client: httpx.AsyncClient, path: str, level: str, decision: str = "approved") -> httpx.Response:
    order = {"level": level, "decision": decision, "reviewed_on": "2026-11-09"}
    return await client.post(f"{path}/reviews", json=order)


@pytest.mark.parametrize(("cents", "needed"), [(49_999, 1), (50_000, 2), (199_999, 2), (200_000, 3)])
async def test_help_is_given_when_enough_levels_have_approved(
    runtime: Runtime, people: People, cents: int, needed: int
) -> None:
    path = await applied(runtime, await people.make(), cents)
    given = {"status": "approved", "approved_cents": 100, "version": 1}
    for number, level in enumerate(("vp", "admin", "manager")[:needed]):
        async with browser(runtime) as officer:
            await log_in(officer, await people.make("officer"))
            early = await officer.patch(path, json=given)
            assert (early.status_code, early.json()["type"]) == (409, "urn:ip2a:problem:reviews-missing")
            assert early.json()["detail"].startswith(f"`status`: {needed - number} more level")
            assert (await officer.patch(path, json={**given, "amount_requested_cents": 100})).status_code == 409
            assert (await review(officer, path, level)).status_code == 201
    async with browser(runtime) as officer:
        await log_in(officer, await people.make("officer"))
        paid = {"status": "paid", "approved_cents": 100, "paid_on": "2026-11-10", "version": 2}
        assert (await officer.patch(path, json=given)).json()["status"] == "approved"
        assert (await officer.patch(path, json=paid)).json()["status"] == "paid"


async def test_each_level_is_somebody_else_and_the_last_word_counts(runtime: Runtime, people: People) -> None:
    path = await applied(runtime, await people.make(), 60_000)
    async with browser(runtime) as one, browser(runtime) as two:
        await log_in(one, await people.make("officer"))
        await log_in(two, await people.make("officer"))
        answers = await asyncio.gather(*(review(one, path, level) for level in ("vp", "admin", "manager") * 3))
        spoken = {answer.json()["level"] for answer in answers if answer.status_code == 201}
        assert len(spoken) == 1, "at one level, however many are tried at once"
        refused = next(answer for answer in answers if answer.status_code != 201)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:ip2a:problem:another-level")
        assert (await review(two, path, "president")).status_code == 201
        assert (await review(two, path, "president", "denied")).status_code == 201
        given = {"status": "approved", "approved_cents": 100, "version": 1}
        assert (await two.patch(path, json=given)).status_code == 409
        assert (await review(two, path, "president")).status_code == 201
        assert (await two.patch(path, json=given)).status_code == 200


async def test_nothing_is_approved_as_it_comes_nor_by_whom_it_is_for(runtime: Runtime, people: People) -> None:
    person = await people.make()
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text("INSERT INTO user_roles (user_id, role_id) SELECT :user, id FROM roles WHERE name = 'officer'"),
            {"user": person.user_id},
        )
    path = await applied(runtime, person, 100)
    async with browser(runtime) as officer:
        await log_in(officer, await people.make("officer"))
        order = {**ORDER, "member_id": person.member_id, "applied_on": "2026-11-02", "approved_cents": 1}
        made = await officer.post(f"{API}/benevolence", json={**order, "status": "approved"})
        assert (made.status_code, made.json()["type"]) == (409, "urn:ip2a:problem:reviews-missing")
        assert (await review(officer, path, "vp")).status_code == 201
    async with browser(runtime) as own:
        await log_in(own, person)
        given = {"status": "approved", "approved_cents": 100, "version": 1}
        for answer in (await review(own, path, "admin"), await own.patch(path, json=given)):
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:ip2a:problem:own-application")
        await own.post(f"{MINE}/{path.rpartition('/')[2]}/withdraw")
    async with browser(runtime) as officer:
        await log_in(officer, await people.make("officer"))
        late = await review(officer, path, "admin")
        assert (late.status_code, late.json()["type"]) == (409, "urn:ip2a:problem:not-handed-in")


async def test_a_member_applies_on_a_page_without_javascript(runtime: Runtime, people: People) -> None:
    async with browser(runtime) as phone:
        await log_in(phone, await people.make())
        page = (await phone.get("/my/benevolence")).text
        assert "You have not asked for help yet." in page
        form = {name: field(page, name) for name in ("csrf_token", "idempotency_key")}
        typed = {**form, "reason": "hardship", "description": "Laid off.", "status": "draft"}
        wrong = await phone.post("/my/benevolence", data={**typed, "amount_requested_cents": "some"})
        assert wrong.status_code == 422
        assert "An amount such as" in wrong.text
        assert ">Laid off.</textarea>" in wrong.text, "what was typed is kept"
        kept = await phone.post("/my/benevolence", data={**typed, "amount_requested_cents": "1,250.50"})
        page = (await phone.get(kept.headers["location"])).text
        assert ("$1,250.50" in page, 'class="badge draft"' in page) == (True, True)
        edit = re.search(r'href="(/my/benevolence/\d+)/edit"', page)
        assert edit
        page = (await phone.get(f"{edit[1]}/edit")).text
        change = {name: field(page, name) for name in ("csrf_token", "idempotency_key", "version")}
        change |= {"reason": "hardship", "description": "Laid off.", "amount_requested_cents": "900"}
        late = await phone.post(edit[1], data={**change, "status": "draft", "version": "7"})
        assert late.status_code == 409
        done = await phone.post(edit[1], data={**change, "status": "submitted"})
        page = (await phone.get(done.headers["location"])).text
        assert "Your application is handed in." in page
        assert "/edit" not in page
        assert (await phone.get(f"{edit[1]}/edit")).status_code == 409
        gone = await phone.post(f"{edit[1]}/withdraw", data=form)
        page = (await phone.get(gone.headers["location"])).text
        assert 'class="badge withdrawn"' in page
        assert "/withdraw" not in page
