"""What is committed is answered as done, also when the position behind it cannot be read; and its client reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import httpx
import pytest

from devcluster.services import PostgresServer
from ip2a.database.pipeline import Batch, Pipeline, Row
from ip2a.database.reading import POSITION, UNKNOWN_POSITION
from ip2a.runtime import Runtime
from ip2a.web import freshness
from tests.services.app.conftest import People, Person, browser, log_in
from tests.services.app.statements import BREAK

PROFILE, DUES = "/api/v1/my/profile", "/api/v1/my/dues"


@pytest.fixture
async def member(people: People, client: httpx.AsyncClient) -> Person:
    """Logged in, and all that they see of themselves in the cache."""
    person = await people.make()
    await log_in(client, person)
    assert (await client.get(PROFILE)).json()["city"] is None
    assert (await client.get(DUES)).json()["summary"]["paid_cents"] == 0
    return person


@pytest.fixture
def lagging(postgres_replica: PostgresServer, member: Person) -> Iterator[None]:
    """The replica knows nothing of what comes."""
    postgres_replica.pause_replay()
    yield
    postgres_replica.resume_replay()


@pytest.fixture
def no_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server fails whenever it is asked for its position."""
    run = Pipeline.run

    async def broken(
        self: Pipeline, batches: Sequence[Batch], seconds: float, committed: list[list[Row]] | None = None
    ) -> list[list[Row]]:
        replaced = [((BREAK, ()),) if batch[-1][0] is POSITION else batch for batch in batches]
        return await run(self, replaced, seconds, committed)

    monkeypatch.setattr(Pipeline, "run", broken)


def position_of(runtime: Runtime, person: Person, answer: httpx.Response) -> int:
    """What the answer's marker asks of later reads."""
    marker = freshness.unseal(answer.headers["ip2a-freshness"], person.user_id, runtime.cookie_key)
    return marker.lsn


@pytest.mark.usefixtures("lagging", "no_positions")
async def test_a_change_is_answered_and_read(runtime: Runtime, client: httpx.AsyncClient, member: Person) -> None:
    changed = await client.patch(PROFILE, json={"city": "Kent"})
    assert changed.status_code == 200
    assert position_of(runtime, member, changed) == UNKNOWN_POSITION
    for _ in range(2):
        assert (await client.get(PROFILE)).json()["city"] == "Kent"
    async with browser(runtime) as phone:
        await log_in(phone, member)
        assert (await phone.get(PROFILE)).json()["city"] == "Kent", "without the marker: the cache has forgotten it"


@pytest.mark.usefixtures("lagging", "no_positions")
async def test_a_payment_is_answered_and_read(runtime: Runtime, client: httpx.AsyncClient, member: Person) -> None:
    path, key = f"{DUES}/{member.dues_ids[0]}/payments", {"Idempotency-Key": "position-1"}
    paid = await client.post(path, json={"amount_cents": 100}, headers=key)
    assert paid.status_code == 201
    assert position_of(runtime, member, paid) == UNKNOWN_POSITION
    assert (await client.get(DUES)).json()["summary"]["paid_cents"] == 100
    async with browser(runtime) as phone:
        await log_in(phone, member)
        assert (await phone.get(DUES)).json()["summary"]["paid_cents"] == 100


async def test_the_next_change_is_known_again(
    runtime: Runtime, client: httpx.AsyncClient, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("ip2a.database.writing.POSITION", BREAK)
        assert (await client.patch(PROFILE, json={"city": "Kent"})).status_code == 200
    changed = await client.patch(PROFILE, json={"city": "Pasco"})
    assert 0 < position_of(runtime, member, changed) < UNKNOWN_POSITION
    assert (await client.get(PROFILE)).json()["city"] == "Pasco"
    assert (await client.get(PROFILE)).json()["city"] == "Pasco"
