"""Two server processes, sixty-four clients, and what they may all do at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from ip2a.auth import service as auth
from ip2a.runtime import Runtime
from ip2a.security.tokens import issue_access_token
from tests.services.app.conftest import People, Person, some_address
from tests.services.app.patience import Patient
from tests.services.app.processes import Fleet, platform
from tests.services.app.referrals.conftest import Hall

PROCESSES = 2
CLIENTS = 64

REPEATS = [0, *(pytest.param(number, marks=pytest.mark.full) for number in range(1, 20))]
"""Once in `make test`, twenty times in `make test-full`."""


@pytest.fixture(params=REPEATS)
def repeat(request: pytest.FixtureRequest) -> int:
    """The test runs this often, on new rows."""
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def fleet(app_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The server processes of this module."""
    with platform(app_environment, tmp_path_factory.mktemp("platform"), PROCESSES) as fleet:
        yield fleet
        assert "Traceback" not in fleet.said()


@dataclass(frozen=True)
class Ask:
    """One request, by whoever holds the token."""

    path: str
    token: str = ""
    json: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


class Crowd:
    """CLIENTS with a connection each, every other one to the same process."""

    def __init__(self, fleet: Fleet) -> None:
        self._clients = [
            httpx.AsyncClient(
                base_url=fleet.urls[number % PROCESSES],
                timeout=30,
                transport=Patient(httpx.AsyncHTTPTransport(verify=False)),  # no TLS on the loopback interface
                headers={"X-Forwarded-For": some_address()},
            )
            for number in range(CLIENTS)
        ]

    async def connect(self) -> None:
        """Every client has its connection before the race begins."""
        await asyncio.gather(*(client.get("/livez") for client in self._clients))

    async def at_once(self, asks: Sequence[Ask]) -> list[httpx.Response]:
        """All the requests at the same moment; the answers in their order."""
        pairs = zip(asks, self._clients * (len(asks) // CLIENTS + 1), strict=False)
        return await asyncio.gather(*(_send(client, ask) for ask, client in pairs))

    async def close(self) -> None:
        """End the connections."""
        await asyncio.gather(*(client.aclose() for client in self._clients))


async def _send(client: httpx.AsyncClient, ask: Ask) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {ask.token}"} if ask.token else {}
    return await client.request(ask.method, ask.path, json=ask.json, headers={**bearer, **ask.headers})


@pytest.fixture
async def crowd(fleet: Fleet, runtime: Runtime) -> AsyncIterator[Crowd]:
    """The clients, connected. It is the wall clock's time until the test says otherwise."""
    fleet.set_clock(None)
    crowd = Crowd(fleet)
    await crowd.connect()
    yield crowd
    await crowd.close()


async def token_of(runtime: Runtime, person: Person) -> str:
    """An access token of the person, without the work of a log-in."""
    principal = await auth.principal(runtime, person.user_id)
    assert principal is not None
    return issue_access_token(
        runtime.token_keys,
        user_id=person.user_id,
        member_id=person.member_id,
        roles=principal.roles,
        epoch=principal.token_epoch,
        session_id=str(uuid4()),
        now=datetime.now(UTC),
    )


@pytest.fixture
def hall(runtime: Runtime, people: People) -> Hall:
    """Books, requests and who waits."""
    return Hall(runtime, people)
