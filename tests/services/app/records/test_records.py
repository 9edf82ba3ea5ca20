"""Plain records: versions, words for what is wrong, who sees what, and a search that an index answers."""

import secrets
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import select, text

from ip2a.database.identity import SYSTEM, Identity, transaction
from ip2a.members import repository
from ip2a.organizations.models import Organization
from ip2a.records.search import begins
from ip2a.runtime import Runtime
from ip2a.security.permissions import visible_resources
from tests.services.app.conftest import People, browser, log_in

API = "/api/v1"


async def member_of(client: httpx.AsyncClient, **fields: str) -> dict[str, Any]:
    order = {"first_name": "Zed", "last_name": "Zimmer", "classification": "journeyman"}
    number = {"member_number": secrets.token_hex(6)}
    made = await client.post(f"{API}/members", json={**number, **order, **fields})
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def test_a_version_is_changed_once(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("staff"))
    made = await member_of(client)
    path = f"{API}/members/{made['id']}"
    changed = await client.patch(path, json={"classification": "foreman", "version": made["version"]})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    late = await client.patch(path, json={"classification": "retiree", "version": made["version"]})
    assert late.status_code == 409
    assert "`version` is not the newest" in late.json()["detail"]
    assert (await client.get(path)).json()["classification"] == "foreman"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"zip_code": "980"}, "zip_code"),
        ({"hire_date": "2026-02-30"}, "hire_date"),
        ({"date_of_birth": "1066-10-14"}, "date_of_birth"),
        ({"email": "no address"}, "email"),
        ({"level": 7}, "level"),
        ({"last_name": "a\x00b"}, "last_name"),
    ],
)
async def test_what_is_wrong_is_said_by_the_field(
    client: httpx.AsyncClient, people: People, fields: dict[str, object], field: str
) -> None:
    await log_in(client, await people.make("staff"))
    order = {"member_number": "X1", "first_name": "A", "last_name": "B", "classification": "journeyman"}
    answer = await client.post(f"{API}/members", json={**order, **fields})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_the_dead_do_not_return(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("staff"))
    made = await member_of(client)
    path = f"{API}/members/{made['id']}"
    assert (await client.patch(path, json={"status": "deceased", "version": 1})).status_code == 200
    back = await client.patch(path, json={"status": "active", "version": 2})
    assert (back.status_code, back.json()["detail"]) == (409, "`status` cannot change from deceased to active.")


async def test_members_are_found_by_the_beginnings_of_their_names(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("staff"))
    made = [await member_of(client, first_name=f"Querida{n}", last_name="Quintana") for n in range(3)]
    found = await client.get(f"{API}/members", params={"search": "quint QUERIDA", "limit": 2})
    page = found.json()
    assert [item["first_name"] for item in page["items"]] == ["Querida0", "Querida1"]
    rest = await client.get(f"{API}/members", params={"search": "quint querida", "after": page["next"]})
    assert ([item["id"] for item in rest.json()["items"]], rest.json()["next"]) == ([made[2]["id"]], None)
    by_number = await client.get(f"{API}/members", params={"search": made[1]["member_number"]})
    assert [item["id"] for item in by_number.json()["items"]] == [made[1]["id"]]
    assert (await client.get(f"{API}/members", params={"search": "uintana"})).json()["items"] == []
    assert (await client.get(f"{API}/members", params={"after": "nonsense~1"})).status_code == 422


async def test_an_index_answers_the_search_for_those_who_may_search(runtime: Runtime) -> None:
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(
            text(
                "INSERT INTO members (member_number, first_name, last_name, status, classification)"
                " SELECT 'IX' || n, md5(n::text), md5((-n)::text), 'active', 'journeyman'"
                " FROM generate_series(1, 20000) n"
            )
        )
        identity = Identity(1, None, visible_resources(["staff"]))
        for name, value in identity.parameters().items():
            await connection.execute(
                text("SELECT set_config(:name, :value, true)"), {"name": f"ip2a.{name}", "value": value}
            )
        statement = repository.SHOWN.where(*repository.matches(["abc", "def"]))
        compiled = statement.compile(connection.sync_engine, compile_kwargs={"literal_binds": True})
        plan = "\n".join((await connection.execute(text(f"EXPLAIN {compiled}".replace(":", r"\:")))).scalars())
        await connection.rollback()
    assert "ix_members_last_name_key" in plan
    assert "ix_members_member_number_key" in plan
    assert "Seq Scan" not in plan


async def test_an_index_answers_the_search_of_many_organizations(runtime: Runtime, as_owner: str) -> None:
    engine = runtime.databases.write.sync_engine
    statement = select(Organization.id).where(begins(Organization.words, "harbor 12"))
    compiled = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
    async with await psycopg.AsyncConnection.connect(as_owner) as connection:
        await connection.execute(
            "INSERT INTO organizations (name, org_type, city)"
            " SELECT md5(n::text) || ' Electric ' || n, 'employer', md5((n % 50)::text)"
            " FROM generate_series(1, 60000) n"
        )
        await connection.execute("ANALYZE organizations")
        rows = await (await connection.execute(f"EXPLAIN {compiled}".encode())).fetchall()
        await connection.rollback()
    assert "ix_organizations_words" in "\n".join(row[0] for row in rows), rows


async def test_notes_are_read_by_whom_they_are_meant_for(runtime: Runtime, people: People) -> None:
    about = (await people.make()).member_id
    path = f"{API}/members/{about}/notes"
    seen: dict[str, list[str]] = {}
    async with browser(runtime) as author:
        await log_in(author, await people.make("staff"))
        for visibility in ("staff_only", "officers", "all_authorized"):
            made = await author.post(path, json={"body": visibility, "visibility": visibility})
            assert made.status_code == 201, made.text
        note = made.json()
        seen["author"] = [item["body"] for item in (await author.get(path)).json()["items"]]
    for role in ("admin", "officer", "staff", "organizer"):
        async with browser(runtime) as reader:
            await log_in(reader, await people.make(role))
            seen[role] = [item["body"] for item in (await reader.get(path)).json()["items"]]
            answer = await reader.patch(f"{API}/notes/{note['id']}", json={"body": f"by {role}", "version": 1})
            assert answer.status_code == (200 if role == "admin" else 403), role
    assert seen == {
        "author": ["all_authorized", "officers", "staff_only"],
        "admin": ["all_authorized", "officers", "staff_only"],
        "officer": ["by admin", "officers"],
        "staff": ["by admin"],
        "organizer": ["by admin", "officers"],
    }


async def test_members_see_their_own_grievances_and_nobody_elses(runtime: Runtime, people: People) -> None:
    one, other = await people.make(), await people.make()
    async with browser(runtime) as office:
        await log_in(office, await people.make("officer"))
        employer = (await office.post(f"{API}/organizations", json={"name": "G", "org_type": "employer"})).json()["id"]
        order = {"employer_id": employer, "filed_on": "2026-11-02", "violation": "Overtime"}
        made = await office.post(f"{API}/grievances", json={**order, "member_id": one.member_id})
        assert made.json()["grievance_number"].startswith("G-2026-")
        early = await office.patch(
            f"{API}/grievances/{made.json()['id']}", json={"resolved_on": "2026-01-01", "version": 1}
        )
        assert (early.status_code, early.json()["detail"]) == (422, "`resolved_on` is before `filed_on`.")
    async with browser(runtime) as desk:
        await log_in(desk, await people.make("staff"))
        settled = await desk.patch(f"{API}/grievances/{made.json()['id']}", json={"status": "settled", "version": 1})
        assert settled.status_code == 403
    for person, count in ((one, 1), (other, 0)):
        async with browser(runtime) as phone:
            await log_in(phone, person)
            assert len((await phone.get(f"{API}/my/grievances")).json()["items"]) == count
            assert (await phone.get(f"{API}/grievances")).status_code == 403
        identity = Identity(person.user_id, person.member_id)
        async with transaction(runtime.databases.write, identity) as connection:
            assert (await connection.execute(text("SELECT count(*) FROM grievances"))).scalar_one() == count
            stolen = await connection.execute(text("UPDATE grievances SET violation = 'x'"))
            assert stolen.rowcount == 0, "members read theirs, the office writes"


async def test_one_primary_contact_an_organization(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("officer"))
    order = {"name": "Contacts", "org_type": "employer"}
    path = f"{API}/organizations/{(await client.post(f'{API}/organizations', json=order)).json()['id']}/contacts"
    person = {"first_name": "A", "last_name": "B", "is_primary": True}
    assert (await client.post(path, json=person)).status_code == 201
    second = await client.post(path, json=person)
    assert (second.status_code, "`is_primary`" in second.json()["detail"]) == (409, True)


async def test_what_is_spent_of_a_grant_is_summed(client: httpx.AsyncClient, people: People) -> None:
    await log_in(client, await people.make("officer"))
    order = {"grant_number": secrets.token_hex(4), "name": "G", "total_cents": 1000, "starts_on": "2026-01-01"}
    grant = (await client.post(f"{API}/grants", json=order)).json()
    assert (await client.post(f"{API}/grants", json=order)).status_code == 409
    for cents in (100, 250):
        expense = {"description": "Tools", "category": "tools", "amount_cents": cents, "spent_on": "2026-02-01"}
        assert (await client.post(f"{API}/grants/{grant['id']}/expenses", json=expense)).status_code == 201
    assert (await client.get(f"{API}/grants/{grant['id']}")).json()["spent_cents"] == 350


async def test_a_job_the_office_enters_shows_in_the_members_own_list(runtime: Runtime, people: People) -> None:
    person = await people.make()
    async with browser(runtime) as phone, browser(runtime) as desk:
        await log_in(phone, person)
        assert (await phone.get(f"{API}/my/employments")).json()["items"] == []
        await log_in(desk, await people.make("admin"))
        employer = (await desk.post(f"{API}/organizations", json={"name": "E", "org_type": "employer"})).json()["id"]
        order = {"organization_id": employer, "start_date": "2026-11-02"}
        entered = await desk.post(f"{API}/members/{person.member_id}/employments", json=order)
        assert [job["id"] for job in (await phone.get(f"{API}/my/employments")).json()["items"]] == [
            entered.json()["id"]
        ]
