"""After some jobs a member registers again by the end of the next working day, or loses every place."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from ip2a.database.identity import SYSTEM, transaction
from ip2a.referrals.enforcement import EnforcementResult, preview
from ip2a.referrals.rules import LOCAL_TIME
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, Person
from tests.services.app.referrals.conftest import MORNING, Hall, enforce, visit

API = "/api/v1/referrals"
MINE = "/api/v1/my"
LAST_DAY = "2026-11-25"  # Wednesday: the job ends on Tuesday


def pacific(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL_TIME).astimezone(UTC)


IN_TIME, TOO_LATE = pacific("2026-11-25 23:59"), pacific("2026-11-26 00:30")


async def look(runtime: Runtime, moment: datetime) -> EnforcementResult:
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        return await preview(connection, moment)


async def end_of_job(
    morning: httpx.AsyncClient, hall: Hall, person: Person, reason: str = "turnaround", *, short: int | None = None
) -> int:
    """The member is sent to a job from a book of its own, which ends on Tuesday; returns the dispatch."""
    book = await hall.book()
    assert person.member_id is not None
    await hall.register(book, person.member_id)
    request = await hall.request(book, short=short)
    (job,) = (await morning.post(f"{API}/requests/{request}/dispatch-next")).json()
    order = {"reason": reason, "ended_on": "2026-11-24", "days_worked": 1}
    ended = await morning.post(f"{API}/dispatches/{job['id']}/terminate", json=order)
    assert ended.status_code == 200, ended.text
    identifier: int = job["id"]
    return identifier


async def places(hall: Hall, person: Person) -> list[tuple[object, ...]]:
    return await hall.rows(
        "SELECT status, roll_off_reason FROM book_registrations WHERE member_id = :m ORDER BY id", m=person.member_id
    )


async def told(hall: Hall, dispatch: int) -> object:
    ((state,),) = await hall.rows("SELECT re_registration FROM dispatches WHERE id = :id", id=dispatch)
    return state


async def test_whoever_does_not_register_again_loses_every_place(
    runtime: Runtime, morning: httpx.AsyncClient, people: People, hall: Hall
) -> None:
    person, _ = await hall.person_waiting(await hall.book())
    assert person.member_id is not None
    exempt = await hall.register(await hall.book(), person.member_id)
    until = {"reason": "jury_duty", "until": "2026-12-31"}
    assert (await morning.post(f"{API}/registrations/{exempt}/exemption", json=until)).status_code == 200
    dispatch = await end_of_job(morning, hall, person)
    async with visit(runtime, MORNING, person) as phone:
        (own,) = (await phone.get(f"{MINE}/dispatches")).json()["items"]
        assert (own["re_register_by"], own["re_registration"]) == (LAST_DAY, "awaited")
        page = (await phone.get("/my/referrals")).text
        assert "by the end of <strong>Nov 25, 2026</strong>" in page
    listed = (await morning.get(f"{API}/dispatches", params={"re_registration": "awaited"})).json()["items"]
    assert [item["id"] for item in listed if item["member_id"] == person.member_id] == [dispatch]
    office = (await morning.get("/office/dispatch")).text
    assert f'href="/office/members/{person.member_id}"' in office
    before = await look(runtime, IN_TIME)
    await enforce(runtime.databases.write, IN_TIME)
    assert await told(hall, dispatch) == "awaited", "until midnight"
    waiting = [("registered", None), ("exempt", None), ("dispatched", None)]
    assert await places(hall, person) == waiting
    assert (await look(runtime, TOO_LATE)).not_re_registered == before.not_re_registered + 1
    assert await places(hall, person) == waiting, "looking changes nothing"
    first, *others = await asyncio.gather(*(enforce(runtime.databases.write, TOO_LATE) for _ in range(3)))
    assert sum(run.not_re_registered for run in (first, *others)) == 1
    assert await told(hall, dispatch) == "missed"
    assert await places(hall, person) == [("rolled_off", "expired"), ("exempt", None), ("dispatched", None)]
    reasons = await hall.rows(
        "SELECT reason FROM registration_activities WHERE member_id = :m AND action = 'roll_off'", m=person.member_id
    )
    assert reasons == [("not_re_registered",)]
    assert (await look(runtime, TOO_LATE)).not_re_registered == 0
    async with visit(runtime, TOO_LATE, person) as phone:
        anew = await phone.post(f"{MINE}/registrations", json={"book_id": await hall.book()})
        assert anew.status_code == 201
    assert (await enforce(runtime.databases.write, TOO_LATE)).not_re_registered == 0
    assert (await places(hall, person))[-1] == ("registered", None), "a new place is not lost for the old job"


@pytest.mark.parametrize("way", ["registers", "signs again", "is signed by the office", "works again"])
async def test_whoever_registers_again_in_time_keeps_all(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall, way: str
) -> None:
    book = await hall.book()
    person, place = await hall.person_waiting(book)
    dispatch = await end_of_job(morning, hall, person, "under_scale")
    async with visit(runtime, IN_TIME, person) as phone:
        if way == "registers":
            done = await phone.post(f"{MINE}/registrations", json={"book_id": await hall.book()})
        elif way == "signs again":
            done = await phone.post(f"{MINE}/registrations/{place}/re-sign")
        elif way == "is signed by the office":
            done = await morning.post(f"{API}/registrations/{place}/re-sign")
        else:
            done = await morning.post(f"{API}/requests/{await hall.request(book)}/dispatch-next")
    assert done.status_code in {200, 201}, done.text
    assert await told(hall, dispatch) == "met"
    await enforce(runtime.databases.write, TOO_LATE)
    assert ("rolled_off", "expired") not in await places(hall, person)
    assert await told(hall, dispatch) == "met"


@pytest.mark.parametrize(
    ("reason", "short", "by"),
    [
        ("short_call_end", 3, LAST_DAY),
        ("laid_off", 3, LAST_DAY),
        ("90_day_rule", None, LAST_DAY),
        ("under_scale", None, LAST_DAY),
        ("rif", None, None),
        ("contract_end", None, None),
        ("quit", None, None),
    ],
)
async def test_which_jobs_ask_for_it(
    morning: httpx.AsyncClient, hall: Hall, reason: str, short: int | None, by: str | None
) -> None:
    person = await hall.person()
    dispatch = await end_of_job(morning, hall, person, reason, short=short)
    ((last, state),) = await hall.rows(
        "SELECT re_register_by::text, re_registration FROM dispatches WHERE id = :id", id=dispatch
    )
    assert (last, state) == (by, "awaited" if by else None)
    if reason == "short_call_end":
        assert await places(hall, person) == [("registered", None)], "the place is back, but has to be signed for"


async def test_signing_at_midnight_and_the_night_never_stop_each_other(
    runtime: Runtime, morning: httpx.AsyncClient, hall: Hall
) -> None:
    """Each member either keeps the place or loses it, whole; neither side dies of the other."""
    signing = []
    for _ in range(6):
        person, place = await hall.person_waiting(await hall.book())
        signing.append((person, place, await end_of_job(morning, hall, person)))

    async def sign(place: int) -> int:
        return (await morning.post(f"{API}/registrations/{place}/re-sign")).status_code

    answers = await asyncio.gather(
        *(sign(place) for _, place, _ in signing), *(enforce(runtime.databases.write, TOO_LATE) for _ in range(2))
    )
    for (person, _, dispatch), status in zip(signing, answers, strict=False):
        kept = status == 200
        assert status in {200, 409}
        assert await told(hall, dispatch) == ("met" if kept else "missed")
        assert (await places(hall, person))[0] == (("registered", None) if kept else ("rolled_off", "expired"))
