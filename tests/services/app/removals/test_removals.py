"""What is deleted is out of every list and cannot log in; its history stays; an administrator brings it back."""

from __future__ import annotations

import asyncio
import secrets

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ip2a.database.identity import SYSTEM, transaction
from ip2a.removals.kinds import REMOVALS, RemovedKind
from ip2a.runtime import Runtime
from tests.services.app.conftest import PASSWORD, People, Person, browser, log_in
from tests.services.app.world import World, end_job, make_world

API = "/api/v1"
RESTORE = f"{API}/deleted/restorations"


async def leave_the_books(runtime: Runtime, world: World) -> None:
    """Nothing stands in the way of deleting the world's member."""
    await end_job(runtime, world.person)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text("UPDATE book_registrations SET status = 'resigned' WHERE member_id = :id"),
            {"id": world.person.member_id},
        )


async def may_log_in(runtime: Runtime, person: Person) -> bool:
    async with browser(runtime) as client:
        answer = await client.post(f"{API}/auth/login", json={"email": person.email, "password": PASSWORD})
        return answer.status_code == 200


async def test_a_deleted_member_is_out_at_once_and_comes_back_as_before(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    world = await make_world(runtime, people)
    member = world.person
    path = f"{API}/members/{member.member_id}"
    await log_in(client, await people.make("staff"))
    busy = await client.delete(path)
    assert (busy.status_code, busy.json()["type"]) == (409, "urn:ip2a:problem:member-busy")
    await leave_the_books(runtime, world)
    async with browser(runtime) as phone, browser(runtime) as desk:
        await log_in(phone, member)
        assert (await phone.get(f"{API}/my/profile")).status_code == 200
        answers = await asyncio.gather(*(client.delete(path) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [204] + [404] * 4
        assert (await phone.get(f"{API}/my/profile")).status_code == 401, "the session ended with the answer"
        assert (await phone.post(f"{API}/auth/refresh")).status_code == 401
        assert not await may_log_in(runtime, member)
        for gone in (path, f"{path}/employments", f"{path}/notes"):
            assert (await client.get(gone)).status_code == 404, gone
        number = f"T{member.email.partition('@')[0]}"
        assert (await client.get(f"{API}/members", params={"search": number})).json()["items"] == []
        assert (await client.patch(path, json={"city": "Kent", "version": 2})).status_code == 404
        assert (await client.get(f"{API}/deleted")).status_code == 403
        assert (await client.post(RESTORE, json={"kind": "members", "record_id": member.member_id})).status_code == 403
        await log_in(desk, await people.make("admin"))
        unlocked = await desk.post(f"{API}/users/{member.user_id}/unlock")
        assert (unlocked.status_code, unlocked.json()["type"]) == (409, "urn:ip2a:problem:member-deleted")
        found = (await desk.get(f"{API}/deleted", params={"kind": "members", "limit": 200})).json()["items"]
        assert f"({number})" in {item["id"]: item["name"] for item in found}[member.member_id]
        restored = {"kind": "members", "record_id": member.member_id}
        back = await asyncio.gather(*(desk.post(RESTORE, json=restored) for _ in range(5)))
        assert sorted(answer.status_code for answer in back) == [204] + [404] * 4
    assert (await client.get(path)).status_code == 200
    assert await may_log_in(runtime, member)
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        changed = await connection.execute(
            text(
                "SELECT action, changed_fields FROM audit_logs WHERE table_name = 'members' AND record_id = :id"
                " AND 'deleted_at' = ANY(changed_fields) ORDER BY id"
            ),
            {"id": str(member.member_id)},
        )
        assert [tuple(row) for row in changed] == [("update", ["deleted_at"])] * 2
        kept = await connection.execute(
            text("SELECT count(*) FROM dues_payments WHERE member_id = :id"), {"id": member.member_id}
        )
        assert kept.scalar_one() == 3, "the history stays"


async def test_an_account_that_was_locked_before_stays_locked(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    member = await people.make()
    await log_in(client, await people.make("admin"))
    assert (await client.post(f"{API}/users/{member.user_id}/lock")).status_code == 200
    assert (await client.delete(f"{API}/members/{member.member_id}")).status_code == 204
    assert (await client.post(RESTORE, json={"kind": "members", "record_id": member.member_id})).status_code == 204
    assert not await may_log_in(runtime, member)
    assert (await client.post(f"{API}/users/{member.user_id}/unlock")).status_code == 200
    assert await may_log_in(runtime, member)


async def test_the_account_of_a_deleted_member_is_never_active(runtime: Runtime, people: People) -> None:
    member = await people.make()
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text("UPDATE members SET deleted_at = now() WHERE id = :id"), {"id": member.member_id})
    with pytest.raises(IntegrityError, match="ck_users_ended"):
        async with transaction(runtime.databases.write, SYSTEM) as connection:
            await connection.execute(text("UPDATE users SET is_active = true WHERE id = :id"), {"id": member.user_id})


async def test_no_dues_are_made_for_who_is_deleted(runtime: Runtime, client: httpx.AsyncClient, people: People) -> None:
    gone, there = await people.make(), await people.make()
    await log_in(client, await people.make("staff"))
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text(
                "INSERT INTO dues_rates (classification, monthly_amount_cents, effective_date)"
                " VALUES ('journeyman', 7500, '2020-01-01') ON CONFLICT DO NOTHING"
            )
        )
    assert (await client.delete(f"{API}/members/{gone.member_id}")).status_code == 204
    assert (await client.post(f"{API}/dues/periods", json={"year": 2049, "month": 7})).status_code < 300
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        made = await connection.execute(
            text(
                "SELECT d.member_id FROM dues_payments d JOIN dues_periods p ON p.id = d.period_id"
                " WHERE p.period_year = 2049 AND d.member_id = ANY(:ids)"
            ),
            {"ids": [gone.member_id, there.member_id]},
        )
        assert list(made.scalars()) == [there.member_id]


async def test_every_kind_is_deleted_shown_to_administrators_and_restored(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    await log_in(client, await people.make("admin"))
    world = await make_world(runtime, people)
    ids = {
        **world.ids,
        "member_id": world.ids["idle_member_id"],
        "organization_id": world.ids["idle_organization_id"],
    }
    for kind, removal in REMOVALS.items():
        path, identifier = f"{API}{removal.path.format(**ids)}", ids[removal.parameter]
        assert (await client.delete(path)).status_code == 204, kind
        assert (await client.delete(path)).status_code == 404, kind
        found = (await client.get(f"{API}/deleted", params={"kind": kind.value, "limit": 200})).json()["items"]
        assert identifier in {item["id"] for item in found if item["name"]}, kind
        page = (await client.get("/admin/deleted", params={"kind": kind.value})).text
        assert f'name="record_id" value="{identifier}"' in page, kind
        assert (await client.post(RESTORE, json={"kind": kind.value, "record_id": identifier})).status_code == 204
        found = (await client.get(f"{API}/deleted", params={"kind": kind.value, "limit": 200})).json()["items"]
        assert identifier not in {item["id"] for item in found}, kind


async def test_what_took_the_place_of_a_deleted_one_keeps_it(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("admin"))
    organization = await client.post(f"{API}/organizations", json={"name": secrets.token_hex(6), "org_type": "union"})
    path = f"{API}/organizations/{organization.json()['id']}/contacts"
    first = (await client.post(path, json={"first_name": "A", "last_name": "B", "is_primary": True})).json()["id"]
    assert (await client.delete(f"{API}/contacts/{first}")).status_code == 204
    second = await client.post(path, json={"first_name": "C", "last_name": "D", "is_primary": True})
    assert second.status_code == 201, "the place is free"
    back = await client.post(RESTORE, json={"kind": "contacts", "record_id": first})
    assert back.status_code == 409
    assert "`is_primary`" in back.json()["detail"]


async def test_only_its_author_and_administrators_delete_a_note(
    runtime: Runtime, client: httpx.AsyncClient, people: People
) -> None:
    member = await people.make()
    await log_in(client, await people.make("staff"))
    order = {"body": "Called.", "visibility": "all_authorized"}
    note = (await client.post(f"{API}/members/{member.member_id}/notes", json=order)).json()["id"]
    async with browser(runtime) as other:
        await log_in(other, await people.make("staff"))
        refused = await other.delete(f"{API}/notes/{note}")
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:ip2a:problem:not-the-author")
    assert (await client.delete(f"{API}/notes/{note}")).status_code == 204
    assert (await client.get(f"{API}/members/{member.member_id}/notes")).json()["items"] == []


def test_every_kind_says_how_it_is_deleted() -> None:
    assert set(REMOVALS) == set(RemovedKind)
