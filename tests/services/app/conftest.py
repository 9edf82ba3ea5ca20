"""The platform in this process against real services, with a small data set made for each test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import httpx
import pytest
from sqlalchemy import text

from devcluster.services import PostgresServer, Redis
from ip2a.application import create_application
from ip2a.database.identity import SYSTEM, transaction
from ip2a.readiness import Readiness
from ip2a.runtime import Runtime, create_runtime
from ip2a.security.passwords import PasswordHasher
from ip2a.settings import load_settings
from tests.services.app.patience import Patient

PASSWORD = "correct horse battery"
DUE_CENTS = 7500


PERIODS = text(
    "INSERT INTO dues_periods (period_year, period_month, due_date, grace_period_end)"
    " SELECT 2026, month, make_date(2026, month, 1), make_date(2026, month, 15)"
    " FROM generate_series(1, :months) AS month ON CONFLICT DO NOTHING"
)
DUES = text(
    "INSERT INTO dues_payments (member_id, period_id, amount_due_cents, status)"
    " SELECT :member, id, :cents, 'due' FROM dues_periods WHERE period_year = 2026 AND period_month <= :months"
    " ORDER BY period_month RETURNING id"
)
ACCOUNT = text(
    "WITH account AS (INSERT INTO users (email, password_hash, first_name, last_name, member_id)"
    " VALUES (:email, :hash, 'Test', :name, :member) RETURNING id)"
    " INSERT INTO user_roles (user_id, role_id) SELECT account.id, roles.id FROM account, roles"
    " WHERE roles.name = :role RETURNING user_id"
)


@dataclass(frozen=True)
class Person:
    """An account made for one test."""

    email: str
    user_id: int
    member_id: int | None
    dues_ids: tuple[int, ...]


@pytest.fixture
def environment(app_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables set for this process."""
    for name, value in {**app_environment, "IP2A_TRUSTED_PROXIES": "127.0.0.1/32"}.items():
        monkeypatch.setenv(name, value)
    return app_environment


@pytest.fixture
async def runtime(environment: dict[str, str], redis_server: Redis) -> AsyncIterator[Runtime]:
    """The shared parts, as `serve` would build them; Redis remembers nothing of other modules' databases."""
    redis_server.flush()
    runtime = create_runtime(load_settings())
    await runtime.start()
    yield runtime
    await runtime.close()


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """A browser-like client of the application; another one is `browser(runtime)`."""
    async with browser(runtime) as client:
        yield client


def browser(runtime: Runtime, *, patient: bool = True) -> httpx.AsyncClient:
    """A client with its own cookies, which comes back when the platform is busy unless it is not `patient`."""
    transport: httpx.AsyncBaseTransport = httpx.ASGITransport(create_application(runtime, Readiness()))
    if patient:
        transport = Patient(transport)
    return httpx.AsyncClient(
        transport=transport, base_url="http://localhost", timeout=30, headers={"X-Forwarded-For": some_address()}
    )


def some_address() -> str:
    """A client address nobody else has: limits of anonymous requests count by address."""
    return str(IPv4Address(secrets.randbits(24) | 0x64000000))


@pytest.fixture(scope="session")
def password_hash() -> Iterator[str]:
    """PASSWORD, hashed once."""
    hasher = PasswordHasher()
    yield hasher.hash_now(PASSWORD)
    hasher.close()


class People:
    """Makes accounts with members and dues."""

    def __init__(self, runtime: Runtime, password_hash: str) -> None:
        self._runtime = runtime
        self._hash = password_hash

    async def make(self, role: str = "member", months: int = 3) -> Person:
        """An account with this role; members get a member record and open dues of DUE_CENTS a month."""
        name = secrets.token_hex(6)
        member_id: int | None = None
        dues_ids: list[int] = []
        async with transaction(self._runtime.databases.write, SYSTEM) as connection:
            if role == "member":
                member_id = (
                    await connection.execute(
                        text(
                            "INSERT INTO members (member_number, first_name, last_name, status, classification)"
                            " VALUES (:number, 'Test', :name, 'active', 'journeyman') RETURNING id"
                        ),
                        {"number": f"T{name}", "name": name},
                    )
                ).scalar_one()
                if months:
                    await connection.execute(PERIODS, {"months": months})
                    made = await connection.execute(DUES, {"member": member_id, "cents": DUE_CENTS, "months": months})
                    dues_ids = sorted(made.scalars())
            user_id: int = (
                await connection.execute(
                    ACCOUNT,
                    {
                        "email": f"{name}@test.example",
                        "hash": self._hash,
                        "name": name,
                        "member": member_id,
                        "role": role,
                    },
                )
            ).scalar_one()
        return Person(f"{name}@test.example", user_id, member_id, tuple(dues_ids))


@pytest.fixture
def people(runtime: Runtime, password_hash: str) -> People:
    """Makes accounts in this module's database."""
    return People(runtime, password_hash)


async def log_in(client: httpx.AsyncClient, person: Person) -> str:
    """Begin a session; returns its CSRF token and sets it as the client's header."""
    response = await client.post("/api/v1/auth/login", json={"email": person.email, "password": PASSWORD})
    assert response.status_code == 200, response.text
    token: str = response.json()["csrf_token"]
    client.headers["X-CSRF-Token"] = token
    return token


@pytest.fixture
def as_owner(postgres_primary: PostgresServer, database: str) -> str:
    """A DSN that bypasses the poolers, for looking at what is really stored."""
    return postgres_primary.login.dsn("ip2a_owner", database)
